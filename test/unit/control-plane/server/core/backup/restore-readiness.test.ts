/** What a host of a restored database still owes before work and charging may go on. */
import { expect, test } from "vitest";
import { lackOf } from "@remotegpu/control-plane/server/core/backup/restore-readiness";

const READY = { hostId: "host-a", isHeard: true, hasReported: true, pendingRows: 0 };

test.each([
  ["nothing where it has reported and its usage is here", {}, null],
  ["nothing with the rows of a few minutes", { pendingRows: 100 }, null],
  ["its usage with more of them", { pendingRows: 101 }, "usage pending"],
  ["its report before its usage", { hasReported: false, pendingRows: 101 }, "not reported"],
  ["a heartbeat before all", { isHeard: false, hasReported: false }, "not heard"],
  ["a heartbeat where its journal is not known", { pendingRows: null }, "not heard"],
])("a host owes %s", (_what, change, lack) => {
  expect(lackOf({ ...READY, ...change })).toBe(lack);
});
