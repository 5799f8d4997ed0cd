import { expect, test } from "vitest";
import { ALL_SCOPES } from "@remotegpu/control-plane/server/core/accounts/key-scopes";
import {
  callRight,
  type KeyState,
  PERSON_LIMITS,
} from "@remotegpu/control-plane/server/core/gateway/services/call-right";

const person = { kind: "person", username: "alice", rights: ALL_SCOPES, role: null, isOwn: false } as const;
const ofScope = (scope: "read" | "orders" | "money") =>
  ({ ...person, role: "owner", rights: { role: "account", scopes: [scope] } }) as const;

test.each<[string, KeyState | null, string]>([
  ["a key that nobody knows", null, "no-entry"],
  ["one of the service's own", { kind: "service", name: "app", limits: null }, "app wakes"],
  ["its workspace's owner", { ...person, role: "owner" }, "user:alice wakes"],
  ["an administrator of it", { ...person, role: "admin" }, "user:alice wakes"],
  ["a member who ordered it", { ...person, role: "member", isOwn: true }, "user:alice wakes"],
  ["another member", { ...person, role: "member" }, "user:alice"],
  ["who only sees it", { ...person, role: "viewer" }, "no-right"],
  ["who ordered it and only sees it since", { ...person, role: "viewer", isOwn: true }, "no-right"],
  ["a stranger", person, "not-found"],
  ["a key that orders", ofScope("orders"), "user:alice wakes"],
  ["a key that reads", ofScope("read"), "no-right"],
  ["a key of money", ofScope("money"), "no-right"],
  ["a key of metrics", { ...person, role: "owner", rights: { role: "metrics" } }, "no-right"],
])("%s", (_what, state, expected) => {
  const right = callRight(state);
  expect(right.allowed ? `${right.keyName}${right.wakes ? " wakes" : ""}` : right.kind).toBe(expected);
});

test("a person's key has limits, whoever's; one of the service has those of its manager", () => {
  const limits = { requestsPerMinute: 1, maxInFlight: null, tokensPerDay: 5 };
  expect(callRight({ ...person, role: "owner" })).toMatchObject({ of: "person", limits: PERSON_LIMITS });
  const named = { of: "service", keyName: "alice", limits };
  expect(callRight({ kind: "service", name: "alice", limits })).toMatchObject(named);
});
