/** Reasons of refusals in the audit log: the code and numbers, and nothing that a request had brought as text. */
import { auditReason } from "@remotegpu/control-plane/server/core/accounts/audit-reason";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  asReported,
  isReason,
  type Reason,
  REASON_CODES,
} from "@remotegpu/control-plane/server/core/reasons/reason";
import type { CodeShape } from "@remotegpu/shared/reasons/parameters";
import { expect, test } from "vitest";
import { sampleReason } from "../../../../../support/reasons/sample-reasons.ts";

const english = (reason: Reason) => {
  const visible = auditReason(reason);
  return isReason(visible) ? inEnglish(visible) : null;
};

test.each<[string, Reason, string]>([
  [
    "hides what a thing is called",
    { code: "not-found", params: { thing: { code: "named-host", params: { host_id: "host-of-ada" } } } },
    "There is no host … that you can see.",
  ],
  [
    "has numbers",
    { code: "host-occupied", params: { instances: 3, host_id: "host-of-ada" } },
    "3 instances are on host …. Drain it first, or say lost=true if the machine is gone.",
  ],
  ["hides what others said", asReported("ada@example.org is known."), "…"],
  [
    "hides names of hosts",
    {
      code: "waiting-on-hosts",
      params: { hosts: { hosts: [{ host_id: "h", host_name: "ada", reasons: [] }], more: 4 } },
    },
    "Waiting for a place. .",
  ],
])("an audit entry's reason %s", (_what, reason, expected) => {
  expect(english(reason)).toBe(expected);
});

test("an audit entry's reason of each code is worded and holds no text of a request", () => {
  const brought = 770_077;
  const visible = Object.entries<CodeShape>(REASON_CODES)
    // Those are the API's own.
    .filter(([, shape]) => !Object.values(shape).includes("choices"))
    .map(([code, shape]) => auditReason(sampleReason(code, shape, () => brought)));

  expect(visible.length).toBeGreaterThan(400);
  expect(visible.filter((reason) => !isReason(reason))).toEqual([]);
  expect(visible.filter((reason) => JSON.stringify(reason).includes(`"${brought}"`))).toEqual([]);
});
