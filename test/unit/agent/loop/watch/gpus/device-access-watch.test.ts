/** Which containers are asked for when, and what the cards hear of it. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { ContainerState } from "@remotegpu/agent/core/container/container";
import type { CdiDevice } from "@remotegpu/agent/core/container/gpu-attachment";
import type { NodeErrors } from "@remotegpu/agent/core/container/device-access";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import { DeviceAccessWatch } from "@remotegpu/agent/loop/watch/gpus/device-access-watch";
import { memoryLog } from "../../../../../support/memory-log.ts";
import {
  at,
  BOOT,
  containerOf,
  gpu,
  key,
  reconcileInput,
  recordOf,
  RUNNING,
  runId,
} from "../../../../../support/samples/run-samples.ts";

const FINE: NodeErrors[] = [{ access: 0, lookup: 0 }];
const REFUSED: NodeErrors[] = [{ access: 1, lookup: 0 }];

function device(name: string): CdiDevice {
  const deviceNodes = [{ path: `/dev/nvidia${name}`, hostPath: "/dev/null", permissions: "rw" }];
  const edits = { env: [], mounts: [], deviceNodes };
  return { uuid: gpu(name).uuid, qualifiedName: `nvidia.com/gpu=${name}`, simulated: true, edits };
}

type Seen = { card?: string; status?: ContainerState; record?: Partial<RunRecord>; isFresh?: boolean };

function seen(name: string, { card = "0", status = RUNNING, record = {} }: Seen = {}) {
  const run = key({ instance: `env-${name}`, run: `run-${name}` });
  const container = containerOf(run, status, { gpus: [gpu(card)] });
  return {
    container: { ...container, created: { devices: [], drivers: ["cdi"] } },
    record: recordOf(run, record),
  };
}

/** @param answers of each container, by its id; a promise stands for a child that takes its time */
function watching(answers: (containerId: string) => NodeErrors[] | null | Promise<NodeErrors[] | null>) {
  const requested: string[] = [];
  const heard: { refused: GpuUuid[]; passed: GpuUuid[] }[] = [];
  const closed = new Set<GpuUuid>();
  const log = memoryLog();
  let [wakes, nowMs] = [0, 0];
  const watch = new DeviceAccessWatch({
    errorsOf: async ({ containerId }) => {
      requested.push(containerId);
      return await answers(containerId);
    },
    gpuFacts: () => ({ devices: [device("0"), device("1")], nodes: new Map() }),
    health: {
      heedRefusals: ({ refused, passed }) => {
        heard.push({ refused: [...refused.keys()], passed: [...passed] });
        for (const uuid of refused.keys()) closed.add(uuid);
        for (const uuid of passed) closed.delete(uuid);
        return Promise.resolve();
      },
      refusedToContainers: closed,
    },
    monotonicMs: () => nowMs,
    wake: () => (wakes += 1),
    log,
  });
  /** One round of the loop at that moment, and what was begun in it. */
  const check = async (all: readonly ReturnType<typeof seen>[], ms: number) => {
    nowMs = ms;
    const observed = all.map(({ container }) => container);
    watch.check(reconcileInput({ observed, runs: all.map(({ record }) => record) }), at(ms));
    for (let turns = 0; turns < 20; turns += 1) await turn();
  };
  const reported = () =>
    log.lines.filter(({ message }) => message.startsWith("GPU access of no container")).length;
  return { watch, requested, heard, check, reported, wakes: () => wakes };
}

test("a container is probed at once, and then once a minute", async () => {
  const { requested, check } = watching(() => FINE);
  for (const ms of [0, 5_000, 59_000, 60_000, 65_000, 120_000]) await check([seen("a")], ms);

  expect(requested).toHaveLength(3);
});

test("one that was refused is probed again after ten seconds, and the card closes with the second one", async () => {
  const { watch, requested, heard, check } = watching(() => REFUSED);
  await check([seen("a")], 0);
  expect(heard.at(-1)).toEqual({ refused: [], passed: [] });
  await check([seen("a")], 9_000);
  await check([seen("a")], 10_000);

  expect(requested).toHaveLength(2);
  expect(heard.at(-1)).toEqual({ refused: [gpu("0").uuid], passed: [] });
  expect(watch.refusedGpus).toEqual(new Map([[gpu("0").uuid, new Set(["env-a"])]]));
  expect(watch.access.get(runId("run-a"))).toMatchObject({ refusals: 2, passedMs: null });
});

test("the card opens again when its holder has it, and then it is nobody's refusal", async () => {
  let answer = REFUSED;
  const { watch, heard, check, wakes } = watching(() => answer);
  for (const ms of [0, 10_000]) await check([seen("a")], ms);
  const before = wakes();
  answer = FINE;
  await check([seen("a")], 70_000);

  expect(heard.at(-1)).toEqual({ refused: [], passed: [gpu("0").uuid] });
  expect(watch.refusedGpus.size).toBe(0);
  expect(wakes()).toBe(before + 1);
});

test("a card of two holders has passed only when both have it", async () => {
  const { heard, check } = watching((id) => (id === "container-of-run-a" ? FINE : REFUSED));
  for (const ms of [0, 10_000]) await check([seen("a"), seen("b")], ms);

  expect(heard.at(-1)).toEqual({ refused: [gpu("0").uuid], passed: [] });
});

test("another card's holder closes nothing but its own", async () => {
  const { heard, check } = watching((id) => (id === "container-of-run-a" ? FINE : REFUSED));
  for (const ms of [0, 10_000]) await check([seen("a"), seen("b", { card: "1" })], ms);

  expect(heard.at(-1)).toEqual({ refused: [gpu("1").uuid], passed: [gpu("0").uuid] });
});

test("one is probed after the other, and nobody waits for a child that takes its time", async () => {
  let answer: (errors: NodeErrors[]) => void = () => undefined;
  const { watch, requested, check } = watching(() => new Promise((resolve) => (answer = resolve)));
  const both = [seen("a"), seen("b", { card: "1" })];
  await check(both, 0);
  await check(both, 1_000);
  expect(requested).toEqual(["container-of-run-a"]);
  answer(FINE);
  await check(both, 2_000);
  expect(requested).toEqual(["container-of-run-a", "container-of-run-b"]);

  answer(FINE);
  await watch.close();
  await check(both, 99_000);
  expect(requested).toHaveLength(2);
});

test("what a probe found of a container that has ended, or lives anew, reports nothing", async () => {
  let answer: (errors: NodeErrors[]) => void = () => undefined;
  const { watch, heard, check } = watching(() => new Promise((resolve) => (answer = resolve)));
  await check([seen("a")], 0);
  const again: ContainerState = { state: "running", pid: 4712, startedAt: "2026-01-01T00:02:00Z" };
  await check([seen("a", { status: again })], 1_000);
  answer(REFUSED);
  await turn();
  await turn();

  expect(watch.access.get(runId("run-a"))).toMatchObject({ refusals: 0, passedMs: null, sinceMs: 1_000 });
  expect(heard).toEqual([]);
});

test("a probe that fails is one of which nothing is known", async () => {
  const { watch, heard, check } = watching(() => Promise.reject(new Error("no such program")));
  await check([seen("a")], 0);

  expect(watch.access.get(runId("run-a"))).toMatchObject({ refusals: 0, passedMs: null, requestedMs: 0 });
  expect(heard.flatMap(({ refused }) => refused)).toEqual([]);
});

test("that nobody can be probed for minutes is reported, once; one answer ends it", async () => {
  let answer: NodeErrors[] | null = null;
  const { reported, check } = watching((id) => (id === "container-of-run-a" ? answer : null));
  const both = [seen("a"), seen("b", { card: "1" })];
  const minutes = async (from: number, to: number) => {
    for (let minute = from; minute <= to; minute += 1) await check(both, minute * 60_000);
  };
  await minutes(0, 4);
  expect(reported()).toBe(0);
  await minutes(5, 8);
  expect(reported()).toBe(1);

  answer = FINE;
  await minutes(9, 20);
  expect(reported()).toBe(1);
  answer = null;
  await minutes(21, 30);
  expect(reported()).toBe(2);
});

const stop = { cause: "ordered", orderedBy: "customer", detail: "Stopped." } as const;
test.each([
  ["does not run", { status: { state: "created" } }],
  ["is to end", { record: { stop } }],
  ["has cards that nothing names", { card: "9" }],
] as [string, Seen][])("one that %s is not probed", async (_what, changes) => {
  const { watch, requested, check } = watching(() => FINE);
  await check([seen("a", changes)], 0);

  expect(requested).toEqual([]);
  expect(watch.access.size).toBe(0);
});

test("a next life of the agent knows by the records who was refused a card that is still closed", async () => {
  const refusal = {
    bootId: BOOT,
    passedMs: 0,
    isConfirmed: true,
    againMs: null,
    gpus: [gpu("0").uuid],
    detail: "It lost access.",
  };
  const before = watching(() => REFUSED);
  for (const ms of [0, 10_000]) await before.check([seen("b")], ms);
  await before.check([seen("a", { record: { refusal } })], 11_000);

  expect(before.watch.refusedGpus.get(gpu("0").uuid)).toEqual(new Set(["env-b", "env-a"]));
});
