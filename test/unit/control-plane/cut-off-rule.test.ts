import { expect, test } from "vitest";
import { cutOffRule } from "@remotegpu/control-plane/core/cut-off-rule";
import { parsePoints } from "@remotegpu/shared/money";

const HOUR = 3_600;

test.each([
  ["-5", "1", HOUR],
  ["0", "1", HOUR],
  ["0.99", "1", HOUR],
  ["1", "1", 2 * HOUR],
  ["3.99", "1", 4 * HOUR],
  ["4", "1", 8 * HOUR],
  ["15.99", "1", 16 * HOUR],
  ["23.99", "1", 24 * HOUR],
] as const)("%s points at %s an hour: stop after so long without contact", (funds, burn, seconds) => {
  expect(cutOffRule({ funds: parsePoints(funds), burnPerHour: parsePoints(burn) })).toEqual({
    onDisconnect: "stop_after",
    stopAfterSeconds: seconds,
  });
});

test.each([
  ["24", "1"],
  ["1000000", "1"],
  ["-5", "0"],
  ["0", "0"],
] as const)("%s points at %s an hour: it is kept", (funds, burn) => {
  expect(cutOffRule({ funds: parsePoints(funds), burnPerHour: parsePoints(burn) })).toEqual({
    onDisconnect: "keep",
    stopAfterSeconds: null,
  });
});
