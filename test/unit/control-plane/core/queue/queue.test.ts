import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  AGEING_STEP_MS,
  inQueueOrder,
  queueOrder,
  type Waiting,
} from "@remotegpu/control-plane/core/queue/queue";
import { inSlices } from "@remotegpu/control-plane/store/database/in-slices";

const NOW = 1_000 * AGEING_STEP_MS;
const nobodyHadAny = { shares: new Map(), now: NOW };

function waiting(id: string, change: Partial<Waiting> = {}): Waiting {
  return {
    id,
    priority: 0,
    orderedAtMs: NOW,
    workspace: "w",
    gpuShareThousandths: 1_000,
    limitSeconds: null,
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

test("urgency goes before shares, and shares before age", () => {
  const queue = [
    waiting("old", { workspace: "busy", orderedAtMs: NOW - 5 }),
    waiting("new", { workspace: "idle" }),
    waiting("urgent", { workspace: "busy", priority: 1 }),
  ];
  const shares = new Map([["busy", { usedShareSeconds: 1, weight: 1 }]]);

  expect(ids(inQueueOrder(queue, { shares, now: NOW }))).toEqual(["urgent", "new", "old"]);
});

test("urgent work ahead in the line counts as had by its workspace", () => {
  const queue = [
    waiting("a-urgent", { workspace: "a", priority: 1 }),
    waiting("a-plain", { workspace: "a", orderedAtMs: NOW - 5 }),
    waiting("b-plain", { workspace: "b" }),
  ];

  expect(ids(inQueueOrder(queue, nobodyHadAny))).toEqual(["a-urgent", "b-plain", "a-plain"]);
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
  priority: fc.integer({ min: -1, max: 2 }),
  orderedAtMs: fc.integer({ min: 0, max: 8 }).map((steps) => NOW - (steps * AGEING_STEP_MS) / 2),
  workspace: fc.constantFrom("a", "b", "c"),
  gpuShareThousandths: fc.integer({ min: 0, max: 2_000 }),
  limitSeconds: fc.option(fc.integer({ min: 1, max: 100_000 })),
});
const anyQueue = fc.uniqueArray(anyWaiting, { selector: ({ id }) => id, maxLength: 30 });
const anyShares = fc
  .dictionary(
    fc.constantFrom("a", "b", "c"),
    fc.record({
      usedShareSeconds: fc.integer({ min: 0, max: 50_000_000 }),
      weight: fc.integer({ min: 1, max: 3 }),
    }),
  )
  .map((shares) => new Map(Object.entries(shares)));

test("the order is of all that wait, and never depends on the order of the input", () => {
  const shuffled = anyQueue.chain((queue) =>
    fc.tuple(fc.constant(queue), fc.shuffledSubarray(queue, { minLength: queue.length })),
  );
  fc.assert(
    fc.property(shuffled, anyShares, ([queue, shuffled], shares) => {
      const standing = { shares, now: NOW };

      const ordered = inQueueOrder(queue, standing);

      expect(ordered).toEqual(inQueueOrder(shuffled, standing));
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
    fc.asyncProperty(anyLongQueue, anyShares, async (queue, shares) => {
      const standing = { shares, now: NOW };
      const places = new Map<string, number>();

      const line = await inSlices(queueOrder(queue, standing), (one, index) => {
        places.set(one.id, index);
        return one;
      });

      expect(line).toEqual(inQueueOrder(queue, standing));
      expect([...places.keys()]).toEqual(ids(line));
      expect([...places.values()]).toEqual(line.map((_, index) => index));
    }),
    { numRuns: 20 },
  );
});

test("asking for the order changes nobody's share", () => {
  const shares = new Map([["w", { usedShareSeconds: 7, weight: 2 }]]);

  inQueueOrder([waiting("a"), waiting("b", { workspace: "v" })], { shares, now: NOW });

  expect(shares).toEqual(new Map([["w", { usedShareSeconds: 7, weight: 2 }]]));
});

test("nothing starves: what is ordered a step later for each level between them, and one more, comes behind", () => {
  fc.assert(
    fc.property(anyQueue, anyShares, fc.integer({ min: 0, max: 50 }), (queue, shares, laterSteps) => {
      const now = NOW + laterSteps * AGEING_STEP_MS;
      const ordered = inQueueOrder(queue, { shares, now });

      for (const [index, one] of ordered.entries())
        for (const ahead of ordered.slice(0, index)) {
          const levels = Math.max(0, ahead.priority - one.priority);
          expect(ahead.orderedAtMs - one.orderedAtMs).toBeLessThan((levels + 1) * AGEING_STEP_MS);
        }
    }),
  );
});

test("ageing is bounded: nobody passes the more urgent without having waited a step more, or nearly, for each level", () => {
  fc.assert(
    fc.property(anyQueue, anyShares, (queue, shares) => {
      const ordered = inQueueOrder(queue, { shares, now: NOW });

      for (const [index, one] of ordered.entries())
        for (const ahead of ordered.slice(0, index)) {
          const levels = one.priority - ahead.priority;
          expect(one.orderedAtMs - ahead.orderedAtMs).toBeGreaterThan((levels - 1) * AGEING_STEP_MS);
        }
    }),
  );
});
