import * as fc from "fast-check";
import { expect, test } from "vitest";
import { inQueueOrder, positionInQueue } from "@remotegpu/control-plane/core/queue/queue";

const waiting = (id: string, priority: number, orderedAtMs: number) => ({ id, priority, orderedAtMs });

test("the more urgent comes first, then the one that waits longest, then the id", () => {
  const queue = [waiting("d", 0, 5), waiting("c", 0, 5), waiting("b", 0, 1), waiting("a", 9, 7)];

  expect(inQueueOrder(queue).map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
});

test("the position counts from one; who does not wait has none", () => {
  const queue = [waiting("a", 0, 2), waiting("b", 0, 1)];

  expect(positionInQueue(queue, "a")).toBe(2);
  expect(positionInQueue(queue, "b")).toBe(1);
  expect(positionInQueue(queue, "z")).toBeNull();
});

test("the order never depends on the order of the input", () => {
  const anyWaiting = fc.uniqueArray(
    fc.record({
      id: fc.string(),
      priority: fc.integer({ min: 0, max: 2 }),
      orderedAtMs: fc.integer({ min: 0, max: 3 }),
    }),
    { selector: ({ id }) => id },
  );
  fc.assert(
    fc.property(anyWaiting, (queue) => {
      expect(inQueueOrder([...queue].reverse())).toEqual(inQueueOrder(queue));
    }),
  );
});
