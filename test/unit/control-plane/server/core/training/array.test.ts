import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  arrayStatus,
  elementName,
  indexesOf,
  turnReason,
  widthOf,
} from "@remotegpu/control-plane/server/core/training/array";
import { expect, test } from "vitest";

test.each([
  [{ from: 3, to: 3, atOnce: null }, [3], 1],
  [{ from: 0, to: 3, atOnce: null }, [0, 1, 2, 3], 4],
  [{ from: 8, to: 11, atOnce: 2 }, [8, 9, 10, 11], 2],
  [{ from: 0, to: 1, atOnce: 5 }, [0, 1], 2],
])("%j has the indexes %j, of which %i run together", (range, indexes, width) => {
  expect(indexesOf(range)).toEqual(indexes);
  expect(widthOf(range)).toBe(width);
});

const NONE = { pending: 0, queued: 0, running: 0, stopping: 0, completed: 0, failed: 0, cancelled: 0 };

test.each([
  [{ queued: 3 }, "queued"],
  [{ queued: 3, completed: 1 }, "running"],
  [{ pending: 1, completed: 3 }, "running"],
  [{ running: 1 }, "running"],
  [{ stopping: 1, cancelled: 3 }, "running"],
  [{ completed: 4 }, "completed"],
  [{ completed: 3, cancelled: 1 }, "cancelled"],
  [{ completed: 3, cancelled: 1, failed: 1 }, "failed"],
  [{}, "cancelled"],
])("an array with %j is %s", (counts, status) => {
  expect(arrayStatus({ ...NONE, ...counts })).toBe(status);
});

test("an element is called after its index, and states how many go before it", () => {
  expect(elementName("sweep", 12)).toBe("sweep-12");
  expect(inEnglish(turnReason(1))).toBe("Waiting for its turn: of its array one runs at once.");
  expect(inEnglish(turnReason(10))).toBe("Waiting for its turn: of its array 10 run at once.");
});
