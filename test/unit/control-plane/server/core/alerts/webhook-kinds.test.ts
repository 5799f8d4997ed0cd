import { expect, test } from "vitest";
import type { KeyScope } from "@remotegpu/control-plane/server/core/accounts/key-scopes";
import {
  hiddenKinds,
  scopesFor,
  type RequestedKinds,
} from "@remotegpu/control-plane/server/core/alerts/webhook-kinds";

test.each<[RequestedKinds, KeyScope[], KeyScope[]]>([
  [["budget"], ["money"], ["money"]],
  [["ready", "lease-due"], ["read"], ["orders"]],
  [["alarm"], ["read"], ["orders"]],
  [
    ["failed", "overdue"],
    ["money", "read"],
    ["money", "orders"],
  ],
  // Every kind tells of both.
  [null, ["money", "read"], ["money", "orders"]],
])("a webhook of the kinds %j is read with the scopes %j and changed with %j", (kinds, read, change) => {
  expect(scopesFor(kinds, "read")).toEqual(read);
  expect(scopesFor(kinds, "change")).toEqual(change);
});

test("a key sees no messages of kinds whose scope it lacks", () => {
  expect(hiddenKinds(["read", "orders", "money"])).toEqual([]);
  expect(hiddenKinds(["read"])).toEqual([
    "low-balance",
    "hours-left",
    "budget",
    "overdue",
    "suspended",
    "data-at-risk",
  ]);
  expect(hiddenKinds(["money"])).toEqual([
    "ready",
    "failed",
    "stopped",
    "restarting",
    "drained",
    "lease-due",
    "job-started",
    "job-ended",
    "job-retried",
    "job-stalled",
    "service-serving",
    "service-failed",
    "service-stopped",
    "service-scaled",
    "service-rollout",
    "alarm",
  ]);
});
