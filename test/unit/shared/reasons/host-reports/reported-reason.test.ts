/** The reason beside a text of a host's report: what counts as one, and that nothing else costs the report. */
import { expect, test } from "vitest";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { HOST_REASON_CODES } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { BOOT, key } from "../../../../support/samples/run-samples.ts";

const report = {
  ...key({ run: "run-1" }),
  phase: "failed",
  detail: "The container ended by itself with exit code 3.",
  problem: "exited",
  containerId: null,
  exitCode: 3,
  gateOpenedMs: null,
  bootId: BOOT,
};
const reason = { code: "container-exited", params: { exit_code: 3 } };
const reported = (given: unknown) => ObservedInstance.parse({ ...report, reason: given });

function nested(depth: number): object {
  return depth === 0 ? reason : { code: "in-sequence", params: { reasons: [nested(depth - 1)] } };
}

test("a report carries a reason of the catalogue", () => {
  expect(reported(reason).reason).toEqual(reason);
});

test("a report of an agent that sends no reason has none", () => {
  expect(ObservedInstance.parse(report).reason).toBeUndefined();
});

test.each([
  ["an unknown code", { code: "container-evaporated", params: {} }],
  ["a parameter that is missing", { code: "container-exited", params: {} }],
  ["a parameter of another type", { code: "container-exited", params: { exit_code: "3" } }],
  ["an unknown code within", { code: "in-sequence", params: { reasons: [{ code: "none", params: {} }] } }],
  ["a reason of the control plane", { code: "host-cordoned", params: {} }],
  ["a text in its place", "It ended."],
  ["null", null],
  ["more depth than any reason has", nested(1_000)],
  ["more text than a report has", { code: "as-reported", params: { text: "x".repeat(5_000) } }],
  ["a NUL", { code: "as-reported", params: { text: "\u0000" } }],
  ["half a surrogate pair", { code: "as-reported", params: { text: "\uD800" } }],
  ["a NUL where no text shows it", { code: "run-running", params: { hidden: "\u0000" } }],
  ["more values than texts show", { code: "run-running", params: { hidden: Array.from({ length: 300 }) } }],
])("a report with %s in place of a reason is taken with its text alone", (_what, given) => {
  expect(reported(given)).toMatchObject({ detail: report.detail, exitCode: 3 });
  expect(reported(given).reason).toBeUndefined();
});

test("an earlier control plane takes a report whose reason it does not know", () => {
  const { reason: _new, ...shape } = ObservedInstance.shape;
  const earlier = ObservedInstance.pick(
    Object.fromEntries(Object.keys(shape).map((name) => [name, true])) as { instanceId: true; detail: true },
  );

  expect(earlier.parse({ ...report, reason })).not.toHaveProperty("reason");
});

test("each code fits into its column", () => {
  expect(Object.keys(HOST_REASON_CODES).filter((code) => code.length > 64)).toEqual([]);
});
