/** What /proc says of a process, read from text. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseCgroupContainer, parseProcStat } from "@remotegpu/agent/host/process-liveness";

const ID = "0123456789abcdef".repeat(4);
const OTHER_ID = "fedcba9876543210".repeat(4);

const statOf = (name: string, state: string) =>
  `4711 (${name}) ${state} 1 4711 4711 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1024 1 18446744073709551615\n`;

test.each(["sleep", "a b", "odd) R 1 (name", "line\nend", ""])(
  "a running process named %j is alive since its start ticks",
  (name) => {
    expect(parseProcStat(statOf(name, "S"))).toEqual({ alive: true, startTicks: 987654 });
  },
);

test.each(["Z", "X", "x"])("a process in state %s has ended", (state) => {
  expect(parseProcStat(statOf("sleep", state))).toEqual({ alive: false });
});

test.each(["", "4711 (sleep", "4711 (sleep) S 1 2 3", statOf("sleep", "S").replace("987654", "-1")])(
  "%j proves no life",
  (stat) => {
    expect(parseProcStat(stat)).toEqual({ alive: false });
  },
);

test.each([
  ["v2, cgroupfs driver", `0::/docker/${ID}\n`, ID],
  ["v2, systemd driver", `0::/system.slice/docker-${ID}.scope\n`, ID],
  ["v1, many lines", `12:pids:/docker/${ID}\n11:memory:/docker/${ID}\n`, ID],
  ["both, the id only on v1", `0::/\n3:cpuset:/\n2:memory:/docker/${ID}\n`, ID],
  ["podman", `0::/machine.slice/libpod-${ID}.scope/container\n`, ID],
  ["a container inside a container", `0::/docker/${OTHER_ID}/docker/${ID}\n`, ID],
  ["a named hierarchy", `1:name=systemd:/docker/${ID}\n`, ID],
  ["a process of the host", "0::/user.slice/user-0.slice/session-1.scope\n", null],
  ["nothing", "", null],
])("the container of a cgroup path: %s", (_what, cgroups, id) => {
  expect(parseCgroupContainer(cgroups)).toBe(id);
});

test("garbage proves no life and names no container", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseProcStat(text)).toEqual({ alive: false });
      expect(parseCgroupContainer(text)).toBeNull();
    }),
  );
});
