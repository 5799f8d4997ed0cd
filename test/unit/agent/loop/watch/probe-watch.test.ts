/** Who is asked when, how many at once, and what is forgotten. */
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Reply } from "@remotegpu/agent/core/probes/probe-answer";
import type { ContainerState } from "@remotegpu/agent/core/container/container";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import { ProbeWatch } from "@remotegpu/agent/loop/watch/probe-watch";
import { memoryLog } from "../../../../support/memory-log.ts";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  at,
  containerOf,
  exited,
  key,
  reconcileInput,
  recordOf,
  RUNNING,
  runId,
} from "../../../../support/samples/run-samples.ts";

const PROBE = { path: "/", port: 80, intervalSeconds: 30, thresholds: { success: 1, failure: 2 } };
const OK: Reply = { kind: "status", status: 200 };

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

type Seen = { status?: ContainerState; record?: Partial<RunRecord>; live?: Partial<DesiredInstance["live"]> };

/** A replica by that name, as a round sees it. */
function seen(name: string, { status = RUNNING, record = {}, live = {} }: Seen = {}) {
  const run = key({ instance: `env-${name}`, run: `run-${name}` });
  const desired = desiredOf(name, { gate: "probe" }, run);
  return {
    desired: { ...desired, live: { ...desired.live, probe: PROBE, ...live } },
    container: containerOf(run, status),
    record: recordOf(run, { gate: null, ...record }),
  };
}

function watching(answer: (pid: number) => Promise<Reply>) {
  const requested: number[] = [];
  let wakes = 0;
  const watch = new ProbeWatch({
    request: ({ pid }) => {
      requested.push(pid);
      return answer(pid);
    },
    processOfContainer: (_containerId, pid) => Promise.resolve({ pid, startTicks: 1 }),
    wake: () => (wakes += 1),
    log: memoryLog(),
  });
  const check = (all: readonly ReturnType<typeof seen>[], nowMs = 0) =>
    watch.check(
      reconcileInput({
        desired: all.map(({ desired }) => desired),
        observed: all.map(({ container }) => container),
        runs: all.map(({ record }) => record),
      }),
      at(nowMs),
    );
  return {
    watch,
    requested,
    check,
    wakes: () => wakes,
    of: (name: string) => watch.probed.get(runId(`run-${name}`)),
  };
}

/** Whatever is due by then, and what follows from it. */
async function passed(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await turn();
}

test("one that starts is probed twice a second, and by its interval once it serves", async () => {
  let reply: Reply = { kind: "refused" };
  const { requested, check, of, wakes } = watching(() => Promise.resolve(reply));
  check([seen("a")]);

  await passed(1_000);
  expect([requested.length, of("a")?.serving, wakes()]).toEqual([3, "not-yet", 0]);
  reply = OK;
  await passed(500);
  expect([requested.length, of("a")?.serving, wakes()]).toEqual([4, "yes", 1]);
  await passed(29_999);
  expect(requested).toHaveLength(4);
  await passed(1);
  expect(requested).toHaveLength(5);
});

test("a round that sees the same probes nothing more", async () => {
  const { requested, check } = watching(() => Promise.resolve(OK));
  for (let round = 0; round < 5; round += 1) check([seen("a")]);
  await passed(10_000);
  check([seen("a")]);
  await passed(10_000);

  expect(requested).toHaveLength(1);
});

test.each<[string, Seen]>([
  ["ended", { status: exited(0) }],
  ["been ordered to stop", { record: { stop: { cause: "ordered", orderedBy: "customer", detail: "" } } }],
  ["to be started again", { record: { unwell: { hasServed: true, detail: "" } } }],
  ["no probe any more", { live: { probe: undefined } }],
])("one that has %s is probed no more, and nothing of it is reported", async (_what, change) => {
  const { requested, check, of } = watching(() => Promise.resolve({ kind: "refused" }));
  check([seen("a")]);
  await passed(0);
  check([seen("a", change)]);
  await passed(60_000);

  expect(requested).toHaveLength(1);
  expect(of("a")).toBeUndefined();
});

test("an answer of an earlier life of its container counts for nothing", async () => {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const answers: Promise<Reply>[] = [promise];
  const { requested, check, of, wakes } = watching(
    () => answers.pop() ?? Promise.resolve({ kind: "refused" }),
  );
  const startedAt = "2026-01-02T00:00:00Z";
  check([seen("a")]);
  await passed(0);
  check([seen("a", { status: { state: "running", pid: 4712, startedAt } })]);
  resolve(OK);
  await passed(0);

  expect(requested).toEqual([4711, 4712]);
  expect([of("a")?.startedAt, of("a")?.serving, wakes()]).toEqual([startedAt, "not-yet", 0]);
});

test("another probe is sent at once, and what was answered to the one before counts no more", async () => {
  const { requested, check, of } = watching(() => Promise.resolve({ kind: "refused" }));
  const served = { startedAt: "2026-01-01T00:00:00Z", serving: "yes" } as const;
  check([seen("a", { record: { served } })]);
  await passed(0);
  check([seen("a", { record: { served }, live: { probe: { ...PROBE, path: "/other" } } })]);
  await passed(0);

  expect([requested.length, of("a")?.serving]).toEqual([2, "yes"]);
});

test("what could not be probed leaves everything as it is", async () => {
  const { check, of, wakes } = watching(() => Promise.reject(new Error("no descriptor")));
  check([seen("a", { record: { served: { startedAt: "2026-01-01T00:00:00Z", serving: "yes" } } })]);
  await passed(300_000);

  expect([of("a")?.serving, of("a")?.unwell, wakes()]).toEqual(["yes", null, 0]);
});

test("its time to begin counts from its start, also in the next life of the agent", async () => {
  const { check, of } = watching(() => Promise.resolve({ kind: "refused" }));
  const one = seen("a", { record: { lastStart: at(1_000) } });
  check([one], 590_000);
  await passed(0);
  expect(of("a")?.unwell).toBeNull();

  check([one], 601_000);
  expect(of("a")?.unwell).toMatchObject({ hasServed: false });
});

test("two hundred replicas that never answer are probed in turn, a bounded number at once", async () => {
  let open = 0;
  let most = 0;
  const { requested, check } = watching(async () => {
    open += 1;
    most = Math.max(most, open);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    open -= 1;
    return { kind: "silent" };
  });
  const all = Array.from({ length: 200 }, (_, pid) =>
    seen(String(pid), { status: { state: "running", pid: pid + 1, startedAt: "2026-01-01T00:00:00Z" } }),
  );
  check(all);
  await passed(8_000);

  expect(most).toBe(64);
  expect(new Set(requested).size).toBe(200);
});

test("at the end everything in progress is waited for, and nothing is probed any more", async () => {
  const { watch, requested, check } = watching(() => Promise.resolve(OK));
  check([seen("a"), seen("b")]);
  await passed(0);
  await watch.close();
  check([seen("c")]);
  await passed(60_000);

  expect(requested).toHaveLength(2);
  expect(watch.probed.size).toBe(0);
});
