/** The kernel's lines about processes that it killed for memory, in the forms of runtimes and drivers. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kernelLineOf } from "@remotegpu/agent/core/host/kernel-line";
import { parseMemoryKill } from "@remotegpu/agent/core/host/memory-kill-line";

const ID = "0123456789abcdef".repeat(4);
const OTHER = "fedcba9876543210".repeat(4);

const read = (line: string) => parseMemoryKill(kernelLineOf(line));

function killIn(group: string, changes: { nodes?: string; of?: string; task?: string } = {}): string {
  const { nodes = "nodemask=(null),cpuset=x,mems_allowed=0", of = group, task = "tail" } = changes;
  return `oom-kill:constraint=CONSTRAINT_MEMCG,${nodes},oom_memcg=${group},task_memcg=${of},task=${task},pid=7,uid=0`;
}

describe("the container is identified", () => {
  test.each([
    ["Docker's", killIn(`/docker/${ID}`)],
    ["Docker's with systemd", killIn(`/system.slice/docker-${ID}.scope`)],
    ["Podman's", killIn(`/machine.slice/libpod-${ID}.scope`)],
    ["Podman's, a level deeper", killIn(`/machine.slice/libpod-${ID}.scope/container`)],
    ["Podman's without systemd", killIn(`/libpod_parent/libpod-${ID}`)],
    ["of a process in a group below", killIn(`/docker/${ID}`, { of: `/docker/${ID}/docker/${OTHER}` })],
    ["in a container that holds others", killIn(`/docker/${OTHER}/docker/${ID}`)],
    [
      "of several memory nodes",
      killIn(`/docker/${ID}`, { nodes: "nodemask=0,2,cpuset=/,mems_allowed=0-1,3" }),
    ],
    ["a record of the kernel", `6,39825,314279921,-;${killIn(`/docker/${ID}`)}`],
    ["as dmesg prints it", `[  314.279921] ${killIn(`/docker/${ID}`)}`],
  ])("%s", (_what, line) => {
    expect(read(line)).toBe(ID);
  });

  test("whatever the process calls itself", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (task) => {
        expect(read(killIn(`/docker/${ID}`, { task: `,oom_memcg=/docker/${OTHER}${task}` }))).toBe(ID);
      }),
    );
  });
});

describe("nothing is identified by", () => {
  const memcg = `oom_memcg=/docker/${ID},task_memcg=/docker/${ID},task=tail,pid=7,uid=0`;

  test.each([
    ["a process's own record", `12,39825,314279921,-;${killIn(`/docker/${ID}`)}`],
    ["words about one", `audit: ${killIn(`/docker/${ID}`)}`],
    [
      "a machine short of memory",
      `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=${ID},mems_allowed=0,global_oom,task_memcg=/docker/${ID},task=tail,pid=7,uid=0`,
    ],
    ["a limit of processors' memory", `oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),${memcg}`],
    ["a limit around many containers", killIn("/customers.slice", { of: `/customers.slice/${ID}` })],
    [
      "a group that is no container",
      killIn("/system.slice/cron.service", { nodes: `nodemask=0,cpuset=${ID}` }),
    ],
    ["a longer number", killIn(`/docker/${ID}0`)],
    ["a line that was cut off", killIn(`/docker/${ID}`).slice(0, -ID.length - 50)],
    ["the line that follows it", "Memory cgroup out of memory: Killed process 7 (tail) total-vm:18084kB"],
    ["nothing", ""],
  ])("%s", (_what, line) => {
    expect(read(line)).toBeNull();
  });
});

test("any text is a container's id or nothing", () => {
  const pieces = fc.constantFrom(
    "oom-kill:constraint=CONSTRAINT_MEMCG",
    ",nodemask=(null)",
    ",oom_memcg=/",
    ",task_memcg=/",
    "docker/",
    ID,
    "6,1,2,-;",
    ",",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      expect(read(parts.join("")) ?? ID).toBe(ID);
    }),
    { numRuns: 1_000 },
  );
});
