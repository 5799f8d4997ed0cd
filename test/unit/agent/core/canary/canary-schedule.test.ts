/** When the canary is tried. */
import { expect, test } from "vitest";
import { firstCanaryMs } from "@remotegpu/agent/core/canary/canary-schedule";
import { HostId } from "@remotegpu/shared/values/ids";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

test("the first one is some minutes after the start, the same for one host and spread over many", () => {
  const delays = Array.from({ length: 200 }, (_each, at) => firstCanaryMs(HostId.parse(`host-${at}`)));

  expect(Math.min(...delays)).toBeGreaterThanOrEqual(3 * MS_PER_MINUTE);
  expect(Math.max(...delays)).toBeLessThan(7 * MS_PER_MINUTE);
  expect(new Set(delays.map((delay) => Math.floor(delay / 10_000))).size).toBeGreaterThan(15);
  expect(firstCanaryMs(HostId.parse("host-7"))).toBe(delays[7]);
});
