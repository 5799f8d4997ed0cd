/**
 * Who was killed for his memory, where the runtime does not say so: containers that are killed by hand, which the
 * runtime knows as killed and no more, and a file in place of the kernel log.
 */
import { appendFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_KNOWN_KILLS, MemoryKills } from "@remotegpu/agent/host/memory-kills";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-kills-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function killIn(containerId: string, priority = 6): string {
  const group = `/docker/${containerId}`;
  return `${priority},7,99,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${containerId},mems_allowed=0,oom_memcg=${group},task_memcg=${group},task=tail,pid=7,uid=0\n`;
}

const idOf = (number: number) => number.toString(16).padStart(64, "0");

describe("of a container", () => {
  const desired = desiredOf("killed");
  let host: RuntimeUnderTest;
  let kernelLog: string;
  let killed: string;

  beforeAll(async () => {
    kernelLog = join(folder, "kmsg");
    await writeFile(kernelLog, killIn(idOf(1)));
    host = await RuntimeUnderTest.begin({ kernelLogPath: kernelLog });
    killed = await host.launch(desired);
    await docker.getContainer(killed).kill();
  });
  afterAll(() => host?.end());

  const killedStatus = () => host.statusOf(killed);

  // Each goes on where the one before it has left the container and the log.
  test("that was killed otherwise nothing is reported", async () => {
    expect(await killedStatus()).toMatchObject({ state: "exited", exitCode: 137, outOfMemory: false });
  });

  test("nothing is reported by what a process writes into the log", async () => {
    appendFileSync(kernelLog, killIn(killed, 14));

    expect(await killedStatus()).toMatchObject({ outOfMemory: false });
  });

  test("it is reported by the kernel, however often and by whichever call it is queried", async () => {
    appendFileSync(kernelLog, killIn(killed));

    expect(await killedStatus()).toMatchObject({ state: "exited", exitCode: 137, outOfMemory: true });
    expect(await killedStatus()).toMatchObject({ outOfMemory: true });
    expect((await host.runtime.list()).map(({ status }) => status)).toMatchObject([{ outOfMemory: true }]);
  });

  test("it is not reported of the next start of the same container, until that ends so too", async () => {
    appendFileSync(kernelLog, killIn(killed));
    await host.runtime.start(killed, desired.spec);
    await docker.getContainer(killed).kill();

    expect(await killedStatus()).toMatchObject({ state: "exited", exitCode: 137, outOfMemory: false });
    appendFileSync(kernelLog, killIn(killed));
    expect(await killedStatus()).toMatchObject({ outOfMemory: true });
  });

  test("that outlived the kill of one of its processes, the runtime's word counts", async () => {
    const ended = await host.launch(desiredOf("ended", { command: "exit 3" }));
    appendFileSync(kernelLog, killIn(ended));

    const status = await eventually(async () => {
      const now = await host.statusOf(ended);
      return now?.state === "exited" ? now : undefined;
    });

    expect(status).toMatchObject({ exitCode: 3, outOfMemory: false });
  });
});

describe("a kernel log", () => {
  let path: string;
  let log: ReturnType<typeof memoryLog>;
  let kills: MemoryKills;
  beforeEach(async ({ task, onTestFinished }) => {
    path = join(folder, `log-${task.id}`);
    log = memoryLog();
    kills = new MemoryKills(path, log);
    onTestFinished(() => kills.close());
  });

  test("that many query at once is read by one at a time, and each has its answer", async () => {
    await writeFile(path, Array.from({ length: 200 }, (_, number) => killIn(idOf(number))).join(""));

    const requested = Array.from({ length: 201 }, (_, number) => kills.wereIn(idOf(number)));

    expect((await Promise.all(requested)).indexOf(false)).toBe(200);
  });

  test("is remembered as far as a bound, the latest kills longest", async () => {
    const numbers = [0, ...Array.from({ length: MAX_KNOWN_KILLS }, (_, number) => number), 0];
    await writeFile(path, [...numbers, MAX_KNOWN_KILLS].map((number) => killIn(idOf(number))).join(""));

    const known = await Promise.all([0, 1, 2, MAX_KNOWN_KILLS].map((number) => kills.wereIn(idOf(number))));

    expect(known).toEqual([true, false, true, true]);
  });

  test("that is not there reports nothing, which is logged once, until it is there", async () => {
    expect([await kills.wereIn(idOf(1)), await kills.wereIn(idOf(1))]).toEqual([false, false]);
    expect(log.lines).toMatchObject([{ level: "warn", fields: { path } }]);

    await writeFile(path, killIn(idOf(1)));

    expect(await kills.wereIn(idOf(1))).toBe(true);
  });

  test("that fails reports nothing either", async () => {
    const failing = new MemoryKills(folder, log);

    expect(await failing.wereIn(idOf(1))).toBe(false);
    expect(log.lines[0]).toMatchObject({ fields: { error: { code: "EISDIR" } } });
    await failing.close();
  });
});
