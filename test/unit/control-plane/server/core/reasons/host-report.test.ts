/** What a host reports, as a reason of the control plane. */
import { expect, test } from "vitest";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { reportedReason } from "@remotegpu/control-plane/server/core/reasons/host-report";

const reason = { code: "container-exited", params: { exit_code: 3 } } as const;

test("a host's reason that says what its text says is taken as it is", () => {
  expect(reportedReason("The container ended by itself with exit code 3.", reason)).toBe(reason);
});

test.each([
  ["no reason", undefined],
  ["a reason that says something else", reason],
])("a host's text with %s is as reported", (_what, given) => {
  expect(reportedReason("All is well.", given)).toEqual(asReported("All is well."));
});
