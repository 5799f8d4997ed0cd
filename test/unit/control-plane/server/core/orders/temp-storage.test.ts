import { expect, test } from "vitest";
import { tempStorageLimit } from "@remotegpu/control-plane/server/core/orders/temp-storage";
import { GIB } from "@remotegpu/shared/values/units";

const DEFAULT = 20 * GIB;

test.each([
  ["nothing ordered, parts charged each", { orderedBytes: null, includedBytes: null }, DEFAULT],
  ["nothing ordered, a spec that includes more", { orderedBytes: null, includedBytes: DEFAULT + 1 }, DEFAULT],
  [
    "nothing ordered, a spec that includes less",
    { orderedBytes: null, includedBytes: DEFAULT - 1 },
    DEFAULT - 1,
  ],
  ["nothing ordered, a spec that includes none", { orderedBytes: null, includedBytes: 0 }, DEFAULT],
  ["more ordered than the default", { orderedBytes: DEFAULT + 1, includedBytes: null }, DEFAULT + 1],
  ["less ordered than the default", { orderedBytes: 1, includedBytes: null }, 1],
])("%s", (_case, order, expected) => {
  expect(tempStorageLimit({ ...order, defaultBytes: DEFAULT })).toBe(expected);
});
