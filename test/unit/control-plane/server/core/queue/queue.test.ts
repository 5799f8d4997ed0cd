import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  AGEING_STEP_MS,
  inQueueOrder,
  MAX_PRIORITY,
  prepareQueue,
  queueOrder,
  type QueueState,
  type Waiting,
} from "@remotegpu/control-plane/server/core/queue/queue";
import { inSlices } from "@remotegpu/control-plane/server/store/database/in-slices";

const NOW = 1_000 * AGEING_STEP_MS;
const CAPACITY = { cpuMilli: 0, memoryMib: 0, gpuThousandths: 100_000 };
const nobodyHadAny: QueueState = {
  payers: new Map(),
  workspaces: new Map(),
  head: null,
  capacity: CAPACITY,
  now: NOW,
};

function waiting(id: string, change: Partial<Waiting> = {}): Waiting {
  return {
    id,
    priority: 0,
    orderedAtMs: NOW,
    payer: "p",
    workspace: "w",
    demand: { cpuMilli: 0, memoryMib: 0, gpuThousandths: 1_000 },
    ...change,
  };
}

const ids = (queue: readonly Waiting[]) => queue.map(({ id }) => id);

test("the more urgent comes first, then the one that waits longest, then the id", () => {
  const queue = [
    waiting("d", { orderedAtMs: NOW - 1 }),
    waiting("c", { orderedAtMs: NOW - 1 }),
    waiting("b", { orderedAtMs: NOW - 5 }),
    waiting("a", { priority: 9 }),
  ];

  expect(ids(inQueueOrder(queue, nobodyHadAny))).toEqual(["a", "b", "c", "d"]);
});

test("shares of payers go before priority, and priority before age", () => {
  const queue = [
    waiting("old", { payer: "busy", orderedAtMs: NOW - 5 }),
    waiting("urgent", { payer: "busy", priority: 1 }),
    waiting("new", { payer: "idle", workspace: "v" }),
  ];
  const had = { cpuMilli: 0, memoryMib: 0, gpuThousandths: 1_000 };
  const payers = new Map([["busy", { had, weight: 1, lastStartMs: null }]]);

  expect(ids(inQueueOrder(queue, { ...nobodyHadAny, payers }))).toEqual(["new", "urgent", "old"]);
});

test.each([{ priority: 10 }, { priority: 2 ** 31 }])(
  "attack: many later orders of one payer at priority $priority do not go before another payer's older one",
  ({ priority }) => {
    const flood = Array.from({ length: 50 }, (_, index) =>
      waiting(`flood-${index}`, { payer: "attacker", workspace: "x", priority }),
    );

    const line = inQueueOrder([...flood, waiting("older", { orderedAtMs: NOW - 1_000 })], nobodyHadAny);

    expect(ids(line)[0]).toBe("older");
  },
);

test("a priority beyond the bounds of the API is worth no more within its workspace than the highest", () => {
  const queue = [
    waiting("endless", { priority: 2 ** 31 }),
    waiting("patient", { orderedAtMs: NOW - 11 * AGEING_STEP_MS }),
  ];

  expect(ids(inQueueOrder(queue, nobodyHadAny))).toEqual(["patient", "endless"]);
});

test("what administrators called urgent comes first, then whoever has a place reserved, then all others", () => {
  const queue = [
    waiting("plain", { priority: 10, orderedAtMs: NOW - 9 }),
    waiting("head", { payer: "q" }),
    waiting("urgent", { payer: "r", isUrgent: true }),
    waiting("elder-urgent", { payer: "r", isUrgent: true, orderedAtMs: NOW - 1 }),
  ];

  expect(ids(inQueueOrder(queue, { ...nobodyHadAny, head: "head" }))).toEqual([
    "elder-urgent",
    "urgent",
    "head",
    "plain",
  ]);
  expect(ids(inQueueOrder(queue, { ...nobodyHadAny, head: "urgent" }))[0]).toBe("urgent");
});

test("what stands before all others counts as had by its payer", () => {
  const queue = [
    waiting("a-first", { payer: "a", workspace: "a", isUrgent: true }),
    waiting("a-plain", { payer: "a", workspace: "a", orderedAtMs: NOW - 5 }),
    waiting("b-plain", { payer: "b", workspace: "b" }),
  ];

  expect(ids(inQueueOrder(queue, nobodyHadAny))).toEqual(["a-first", "b-plain", "a-plain"]);
});

test.each([
  { what: "a moment less than a step", waitedMs: AGEING_STEP_MS - 1, first: "urgent" },
  { what: "one step", waitedMs: AGEING_STEP_MS, first: "patient" },
])("$what of waiting against one level of priority: $first first", ({ waitedMs, first }) => {
  const queue = [
    waiting("urgent", { priority: 1, orderedAtMs: NOW }),
    waiting("patient", { priority: 0, orderedAtMs: NOW - waitedMs }),
  ];

  expect(inQueueOrder(queue, nobodyHadAny)[0]?.id).toBe(first);
});

test("an order from the future has not waited, and is no less urgent for it", () => {
  const queue = [waiting("ahead", { priority: 1, orderedAtMs: NOW + 5 * AGEING_STEP_MS }), waiting("here")];

  expect(ids(inQueueOrder(queue, nobodyHadAny))).toEqual(["ahead", "here"]);
});

const anyWaiting = fc.record({
  id: fc.string(),
  priority: fc.integer({ min: -1, max: 12 }),
  orderedAtMs: fc.integer({ min: 0, max: 8 }).map((steps) => NOW - (steps * AGEING_STEP_MS) / 2),
  payer: fc.constantFrom("a", "b", "c"),
  workspace: fc.constantFrom("x", "y"),
  demand: fc.record({
    cpuMilli: fc.constant(0),
    memoryMib: fc.constant(0),
    gpuThousandths: fc.integer({ min: 0, max: 2_000 }),
  }),
  isUrgent: fc.constantFrom(false, false, false, true),
});
const anyQueue = fc
  .uniqueArray(anyWaiting, { selector: ({ id }) => id, maxLength: 30 })
  .map((queue) => queue.map((one) => ({ ...one, workspace: `${one.payer}-${one.workspace}` })));
const anySharers = (names: readonly string[]) =>
  fc
    .dictionary(
      fc.constantFrom(...names),
      fc.record({
        had: fc.record({
          cpuMilli: fc.constant(0),
          memoryMib: fc.constant(0),
          gpuThousandths: fc.integer({ min: 0, max: 80_000 }),
        }),
        weight: fc.integer({ min: 1, max: 3 }),
        lastStartMs: fc.option(fc.integer({ min: 0, max: 300 }).map((minutes) => NOW - minutes * 60_000)),
      }),
    )
    .map((sharers) => new Map(Object.entries(sharers)));
const anyState: fc.Arbitrary<QueueState> = fc.record({
  payers: anySharers(["a", "b", "c"]),
  workspaces: anySharers(["a-x", "a-y", "b-x", "c-y"]),
  head: fc.constant(null),
  capacity: fc.constant(CAPACITY),
  now: fc.constant(NOW),
});

test("the order is of all that wait, and never depends on the order of the input", () => {
  const shuffled = anyQueue.chain((queue) =>
    fc.tuple(fc.constant(queue), fc.shuffledSubarray(queue, { minLength: queue.length })),
  );
  fc.assert(
    fc.property(shuffled, anyState, ([queue, shuffled], state) => {
      const ordered = inQueueOrder(queue, state);

      expect(ordered).toEqual(inQueueOrder(shuffled, state));
      expect(new Set(ordered)).toEqual(new Set(queue));
      expect(ordered.length).toBe(queue.length);
    }),
  );
});

test("a line that is made in slices is the one that is made at once", async () => {
  const anyLongQueue = fc.uniqueArray(anyWaiting, {
    selector: ({ id }) => id,
    minLength: 1_100,
    maxLength: 1_600,
    size: "max",
  });
  await fc.assert(
    fc.asyncProperty(anyLongQueue, anyState, async (queue, state) => {
      const places = new Map<string, number>();

      const line = await inSlices(queueOrder(prepareQueue(queue, state), state), (one, index) => {
        places.set(one.id, index);
        return one;
      });

      expect(line).toEqual(inQueueOrder(queue, state));
      expect([...places.keys()]).toEqual(ids(line));
      expect([...places.values()]).toEqual(line.map((_, index) => index));
    }),
    { numRuns: 20 },
  );
});

test("querying the order changes nobody's share", () => {
  const sharers = () => new Map([["p", { had: CAPACITY, weight: 2, lastStartMs: 7 }]]);
  const state = { ...nobodyHadAny, payers: sharers(), workspaces: sharers() };

  inQueueOrder([waiting("a"), waiting("b", { payer: "q" })], state);

  expect(state.payers).toEqual(sharers());
  expect(state.workspaces).toEqual(sharers());
});

/** Pairs of one workspace that no administrator touched, the one ahead first. */
function pairsOf(ordered: readonly Waiting[]): [Waiting, Waiting][] {
  const plain = ordered.filter(({ isUrgent }) => isUrgent !== true);
  return plain.flatMap((one, index) =>
    plain
      .slice(0, index)
      .filter(({ workspace }) => workspace === one.workspace)
      .map((ahead): [Waiting, Waiting] => [ahead, one]),
  );
}
const requested = ({ priority }: Waiting) => Math.min(MAX_PRIORITY, Math.max(0, priority));

test("nothing starves in a workspace: what is ordered a step later for each level, and one more, comes behind", () => {
  fc.assert(
    fc.property(anyQueue, anyState, fc.integer({ min: 0, max: 50 }), (queue, state, laterSteps) => {
      const now = NOW + laterSteps * AGEING_STEP_MS;

      for (const [ahead, one] of pairsOf(inQueueOrder(queue, { ...state, now }))) {
        const levels = Math.max(0, requested(ahead) - requested(one));
        expect(ahead.orderedAtMs - one.orderedAtMs).toBeLessThan((levels + 1) * AGEING_STEP_MS);
      }
    }),
  );
});

test("ageing is bounded: nobody passes the more urgent without having waited a step more, or nearly, for each level", () => {
  fc.assert(
    fc.property(anyQueue, anyState, (queue, state) => {
      for (const [ahead, one] of pairsOf(inQueueOrder(queue, state))) {
        const levels = requested(one) - requested(ahead);
        expect(one.orderedAtMs - ahead.orderedAtMs).toBeGreaterThan((levels - 1) * AGEING_STEP_MS);
      }
    }),
  );
});
