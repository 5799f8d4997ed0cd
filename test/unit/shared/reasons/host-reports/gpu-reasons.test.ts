/** The reasons beside the texts of why a GPU is not well, as a heartbeat has them. */
import { expect, test } from "vitest";
import { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { MAX_GPU_REASONS } from "@remotegpu/shared/messages/host-report";
import { aGpuReport } from "../../../../support/samples/reports/gpu-reports.ts";

const reason = { code: "gpu-at-temperature-limit", params: { temperature_c: 90 } };
const reported = (why: unknown) =>
  GpuVitals.parse({ ...aGpuReport({ health: "degraded" }), reasons: ["It is at 90 °C, its limit."], why });

test("a GPU's report carries a reason for each of its texts", () => {
  expect(reported([reason]).why).toEqual([reason]);
});

test("a report of an agent that sends no reasons has none", () => {
  const { why: _none, ...before } = reported(undefined);

  expect(GpuVitals.parse(before).why).toBeUndefined();
});

test("a reason that this version does not know counts as none, and the others stand", () => {
  expect(reported([{ code: "gpu-evaporated", params: {} }, reason]).why).toEqual([undefined, reason]);
});

test.each([
  ["a text", "It is hot."],
  ["null", null],
  ["one reason", reason],
  ["more reasons than texts may be", Array.from({ length: MAX_GPU_REASONS + 1 }, () => reason)],
])("a report with %s in place of the list is taken with its texts alone", (_what, why) => {
  expect(reported(why)).toMatchObject({ reasons: ["It is at 90 °C, its limit."] });
  expect(reported(why).why).toBeUndefined();
});

test("an earlier control plane takes a report whose reasons it does not know", () => {
  expect(GpuVitals.omit({ why: true }).parse(reported([reason]))).not.toHaveProperty("why");
});
