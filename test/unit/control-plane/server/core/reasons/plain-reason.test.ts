import { reasonOf, statusPhrase } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { expect, test } from "vitest";

test("a code without parameters is a reason, and a reason stays itself", () => {
  const reason = { code: "webhooks-too-many", params: { max_webhooks: 20 } } as const;

  expect(reasonOf("job-without-output")).toEqual({ code: "job-without-output", params: {} });
  expect(reasonOf(reason)).toBe(reason);
});

test.each([
  ["running", { code: "status-running", params: {} }],
  // What the old system alone knew stands as it said it.
  ["hibernating", { code: "as-reported", params: { text: "hibernating" } }],
  ["", { code: "as-reported", params: { text: "" } }],
])("the status %j within another reason is %j", (status, phrase) => {
  expect(statusPhrase(status)).toEqual(phrase);
});
