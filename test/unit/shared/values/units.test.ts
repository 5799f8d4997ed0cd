import * as units from "@remotegpu/shared/values/units";
import { expect, test } from "vitest";

test.each([
  ["a GiB is 2^30 bytes", units.GIB, 2 ** 30],
  ["a MiB is 2^20 bytes", units.MIB, 2 ** 20],
  ["a KiB is 2^10 bytes", units.KIB, 2 ** 10],
  ["a day has 24 hours", units.MS_PER_DAY, 24 * units.MS_PER_HOUR],
  ["an hour has 60 minutes", units.MS_PER_HOUR, 60 * units.MS_PER_MINUTE],
  ["a minute has 60 seconds", units.MS_PER_MINUTE, 60 * units.MS_PER_SECOND],
])("%s", (_claim, value, expected) => {
  expect(value).toBe(expected);
});
