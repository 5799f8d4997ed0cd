import { expect, test } from "vitest";
import { ALL_SCOPES } from "@remotegpu/control-plane/core/accounts/key-scopes";
import { callRight, type KeyStanding } from "@remotegpu/control-plane/core/gateway/services/call-right";

const person = { kind: "person", username: "alice", rights: ALL_SCOPES, role: null, isOwn: false } as const;

test.each<[string, KeyStanding | null, string]>([
  ["a key that nobody knows", null, "no-entry"],
  ["one of the service's own", { kind: "service", name: "app", limits: null }, "app"],
  ["who sees it", { ...person, role: "viewer" }, "alice"],
  ["a stranger", person, "not-found"],
  [
    "a key without the scope",
    { ...person, role: "owner", rights: { role: "account", scopes: ["money"] } },
    "no-right",
  ],
  ["a key of metrics", { ...person, role: "owner", rights: { role: "metrics" } }, "no-right"],
])("%s", (_what, standing, expected) => {
  const right = callRight(standing);
  expect(right.allowed ? right.keyName : right.kind).toBe(expected);
});
