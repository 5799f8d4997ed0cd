/** The host's part in the samples: when it asks, what it tells, and that nothing that fails ends it. */
import { LinkDownError } from "@remotegpu/agent/link/connection";
import { RequestRefusedError } from "@remotegpu/agent/link/control-plane-client";
import { StorageSampling, type StorageSamplingOptions } from "@remotegpu/agent/loop/storage/storage-sampling";
import {
  MAX_SAMPLE_BYTES,
  type StorageReply,
  type StorageRequest,
} from "@remotegpu/shared/messages/storage-sampling";
import { expect, test } from "vitest";
import { RuntimeDown } from "@remotegpu/agent/runtime/docker/runtime-error";
import { memoryLog } from "../../../../support/memory-log.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Order = Extract<StorageReply, { kind: "storage-order" }>;
const anOrder = (folders: [owner: string, path: string][], change: Partial<Order> = {}): Order => ({
  kind: "storage-order",
  hourMs: HOUR,
  folders: folders.map(([owner, path]) => ({ owner, path })),
  next: null,
  againInMs: 30 * MINUTE,
  ...change,
});

/** A host whose clock the test sets, with a control plane that answers questions in turn and takes every report. */
function scene(
  answers: (StorageReply | Error)[],
  measure: (paths: readonly string[]) => number | null = (paths) => paths.length,
  deletedInPool: StorageSamplingOptions["deletedInPool"] = () => Promise.resolve([]),
) {
  const log = memoryLog();
  const output: StorageRequest[] = [];
  const clock = { nowMs: 0, isConnected: true };
  const sampling = new StorageSampling({
    client: {
      storage: async (request) => {
        output.push(request);
        const answer = request.kind === "storage-report" ? undefined : answers.shift();
        if (answer instanceof Error) throw answer;
        return answer ?? { kind: "storage-taken" };
      },
    },
    isConnected: () => clock.isConnected,
    measure: (paths) => {
      clock.nowMs += MINUTE;
      return Promise.resolve(measure(paths));
    },
    deletedInPool,
    monotonicMs: () => clock.nowMs,
    log,
  });
  /** All that a look begins is done once the queue of promises has run dry. */
  const check = async (nowMs: number) => {
    clock.nowMs = nowMs;
    sampling.checkWhenDue(nowMs);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const reports = () => output.filter((request) => request.kind === "storage-report");
  const questions = () => output.length - reports().length;
  return { sampling, check, reports, questions, output, clock, log };
}

test("what was measured of each owner is reported, over the ends of pages", async () => {
  const { check, output } = scene([
    anOrder(
      [
        ["1", "a"],
        ["2", "b"],
      ],
      { next: "2/b" },
    ),
    anOrder([
      ["2", "c"],
      ["3", "d"],
    ]),
  ]);

  await check(0);

  expect(output).toEqual([
    { kind: "storage-question", after: null },
    { kind: "storage-question", after: "2/b" },
    {
      kind: "storage-report",
      hourMs: HOUR,
      sums: [
        { owner: "1", bytes: 1 },
        { owner: "2", bytes: 2 },
        { owner: "3", bytes: 1 },
      ],
      isLast: true,
    },
  ]);
});

test("nothing to measure is reported, too", async () => {
  const { check, reports } = scene([anOrder([])]);

  await check(0);

  expect(reports()).toMatchObject([{ sums: [], isLast: true }]);
});

test("many owners are reported in parts, of which the last is marked so", async () => {
  const { check, reports } = scene(
    [anOrder(Array.from({ length: 1_001 }, (_, n) => [String(n), "a"]))],
    () => 7,
  );

  await check(0);

  expect(reports().map((report) => [report.sums.length, report.isLast])).toEqual([
    [500, false],
    [500, false],
    [1, true],
  ]);
});

test("what cannot be measured, is beyond belief, or comes when the time is over has no sample", async () => {
  const given = [null, MAX_SAMPLE_BYTES + 1, MAX_SAMPLE_BYTES];
  const { check, reports, log } = scene(
    [anOrder(Array.from({ length: 60 }, (_, n) => [String(n), "a"]))],
    () => (given.length > 0 ? (given.shift() ?? null) : 5),
  );

  await check(0);

  // A minute for each, and fifty in all.
  const sums = reports().flatMap((report) => report.sums.map(({ bytes }) => bytes));
  expect(sums.slice(0, 4)).toEqual([null, null, MAX_SAMPLE_BYTES, 5]);
  expect(sums.slice(48, 52)).toEqual([5, 5, null, null]);
  expect(sums).toHaveLength(60);
  expect(log.lines).toHaveLength(1);
});

test("the next question comes when the control plane requests it, and up to ten minutes later", async () => {
  const { check, questions } = scene([
    { kind: "storage-rest", reason: "another host", againInMs: 15 * MINUTE },
    anOrder([]),
    anOrder([]),
  ]);

  await check(0);
  await check(15 * MINUTE - 1);
  expect(questions()).toBe(1);
  await check(25 * MINUTE);
  expect(questions()).toBe(2);
  await check(55 * MINUTE - 1);
  expect(questions()).toBe(2);
  await check(65 * MINUTE);
  expect(questions()).toBe(3);
});

test.each([
  ["no route there", new LinkDownError("nobody listens")],
  ["a refusal", new RequestRefusedError("not here")],
])("%s is reported once and tried again later", async (_, error) => {
  const { check, questions, reports, log } = scene([error, error, anOrder([["1", "a"]])]);

  await check(0);
  await check(10 * MINUTE - 1);
  expect(questions()).toBe(1);
  await check(20 * MINUTE);
  await check(40 * MINUTE);

  expect(questions()).toBe(3);
  expect(reports()).toHaveLength(1);
  expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);
});

test("without a connection nothing is requested, and a round in progress is the only one", async () => {
  const { sampling, check, questions, clock } = scene([anOrder([]), anOrder([])]);
  clock.isConnected = false;
  await check(0);
  expect(questions()).toBe(0);

  clock.isConnected = true;
  sampling.checkWhenDue(0);
  sampling.checkWhenDue(0);
  await check(1);

  expect(questions()).toBe(1);
});

test("an order without an end is given up", async () => {
  const { check, questions, reports } = scene(
    Array.from({ length: 1_000 }, () => anOrder([], { next: "1/a" })),
  );

  await check(0);

  expect(questions()).toBe(256);
  expect(reports()).toEqual([]);
});

test("an agent that ends reports nothing of what it had not measured", async () => {
  const { sampling, check, reports } = scene([anOrder([["1", "a"]])], () => {
    sampling.close();
    return null;
  });

  await check(0);

  expect(reports()).toEqual([]);
});

test("an owner's sample holds what its runs have deleted and still open, and nobody else's", async () => {
  const deleted = [
    { sources: ["env/7/code", "env/7/output"], bytes: 100 },
    { sources: ["env/8/code"], bytes: 1_000 },
  ];
  const { check, reports } = scene(
    [
      anOrder([
        ["1", "env/7/code"],
        ["1", "env/7/output"],
        ["2", "env/9"],
      ]),
    ],
    undefined,
    () => Promise.resolve(deleted),
  );

  await check(HOUR);

  expect(reports()).toMatchObject([
    {
      sums: [
        { owner: "1", bytes: 102 },
        { owner: "2", bytes: 1 },
      ],
    },
  ]);
});

test("a runtime that does not list what runs have open costs no sample", async () => {
  const { check, reports, log } = scene([anOrder([["1", "a"]])], undefined, () =>
    Promise.reject(new RuntimeDown("silent")),
  );

  await check(HOUR);

  expect(reports()).toMatchObject([{ sums: [{ owner: "1", bytes: 1 }] }]);
  expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
});
