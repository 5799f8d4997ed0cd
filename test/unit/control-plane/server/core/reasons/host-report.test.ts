/** What a host reports, as a reason of the control plane. */
import { describe, expect, test } from "vitest";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import {
  reasonListData,
  reportedReason,
  reportedReasons,
} from "@remotegpu/control-plane/server/core/reasons/host-report";

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

describe("several texts of a host", () => {
  const texts = ["The container ended by itself with exit code 3.", "All is well."];
  const taken = [reason, asReported("All is well.")];

  test("each have the reason beside them", () => {
    expect(reportedReasons(texts, [reason, undefined])).toEqual(taken);
  });

  test.each([
    ["no reasons", undefined],
    ["fewer reasons", [reason]],
    ["more reasons", [reason, undefined, undefined]],
    ["reasons in another order", [undefined, reason]],
  ])("with %s are as reported", (_what, reasons) => {
    expect(reportedReasons(texts, reasons)).toEqual(texts.map((text) => asReported(text)));
  });

  test("are stored with the reasons that say more than the texts", () => {
    expect(reasonListData(taken)).toEqual([reason, null]);
    expect(reasonListData(texts.map((text) => asReported(text)))).toBeNull();
    expect(reasonListData([])).toBeNull();
  });
});
