import { describe, expect, test } from "vitest";
import {
  ALL_SCOPES,
  isExpired,
  type KeyReach,
  type KeyRights,
  type KeyScope,
  outlives,
  reachesBeyond,
  type ScopeRule,
  scopeNeeded,
  scopeRefusal,
  scopesBeyond,
  scopesLackedToRevoke,
} from "@remotegpu/control-plane/server/core/accounts/key-scopes";

const METRICS: KeyRights = { role: "metrics" };
const with_ = (...scopes: KeyScope[]): KeyRights => ({ role: "account", scopes });
const at = (text: string) => new Date(`2026-03-01T${text}Z`);

test.each<[ScopeRule, string, KeyScope | null]>([
  ["by-method", "GET", "read"],
  ["by-method", "HEAD", "read"],
  ["by-method", "POST", "orders"],
  ["by-method", "PUT", "orders"],
  ["by-method", "PATCH", "orders"],
  ["by-method", "DELETE", "orders"],
  ["money", "GET", "money"],
  ["money", "PUT", "money"],
  ["read", "POST", "read"],
  ["orders", "GET", "orders"],
  ["any", "DELETE", null],
])("a route by the rule %s requires of a %s the scope %s", (rule, method, expected) => {
  expect(scopeNeeded(rule, method)).toBe(expected);
});

describe("a key", () => {
  test.each<[string, KeyRights, KeyScope | null]>([
    ["with the scope", with_("orders"), "orders"],
    ["with all of them", ALL_SCOPES, "money"],
    ["with any, where none is requested", with_("read"), null],
  ])("%s is let through", (_name, rights, needed) => {
    expect(scopeRefusal(rights, needed)).toBeNull();
  });

  test("without it is answered with the one it lacks, and what it has", () => {
    expect(scopeRefusal(with_("read", "orders"), "money")).toEqual({
      code: "scope-lacking",
      params: { needed: "money", held: { names: ["read", "orders"], more: 0 } },
    });
  });

  test.each<KeyScope | null>(["read", "orders", "money", null])(
    "of metrics opens nothing, whatever is requested (%s)",
    (needed) => {
      expect(scopeRefusal(METRICS, needed)).toBe("metrics-key-only");
    },
  );

  test.each<[string, KeyRights, KeyRights, KeyScope[]]>([
    ["its own scopes", with_("read"), with_("read"), []],
    ["fewer than its own", ALL_SCOPES, with_("money"), []],
    ["one more", with_("read"), with_("read", "orders"), ["orders"]],
    ["others altogether", with_("read"), with_("orders", "money"), ["orders", "money"]],
    ["metrics, which are no scope", with_("read"), METRICS, []],
    ["a scope, by one of metrics", METRICS, with_("read"), ["read"]],
  ])("gives on %s: beyond it is %j", (_name, own, wanted, beyond) => {
    expect(scopesBeyond(own, wanted)).toEqual(beyond);
  });
});

test.each<[string, Date | null, Date | null, boolean]>([
  ["of one without an end may have none", null, null, false],
  ["of one without an end may end", at("12:00:00"), null, false],
  ["may end with it", at("12:00:00"), at("12:00:00"), false],
  ["must not end after it", at("12:00:01"), at("12:00:00"), true],
  ["must end where it ends", null, at("12:00:00"), true],
])("a key %s", (_name, wanted, own, expected) => {
  expect(outlives(wanted, own)).toBe(expected);
});

test.each<[string, KeyRights, KeyRights, KeyScope[]]>([
  ["one that opens as much", with_("read", "orders"), with_("read", "orders"), []],
  ["one that opens more", with_("orders"), ALL_SCOPES, ["read", "money"]],
  ["one of metrics, where it may change things", with_("orders"), METRICS, []],
  ["one of metrics, where it only reads", with_("read"), METRICS, ["orders"]],
  ["one that only reads, where it only reads itself", with_("read"), with_("read"), ["orders"]],
])("a key revokes %s: it lacks %j", (_name, own, other, lacked) => {
  expect(scopesLackedToRevoke(own, other)).toEqual(lacked);
});

test.each<[string, KeyReach, KeyReach, boolean]>([
  ["as much", { rights: ALL_SCOPES, expiresAt: null }, { rights: ALL_SCOPES, expiresAt: null }, false],
  [
    "more",
    { rights: with_("read", "orders"), expiresAt: null },
    { rights: ALL_SCOPES, expiresAt: at("12:00:00") },
    true,
  ],
  [
    "as much for longer",
    { rights: ALL_SCOPES, expiresAt: at("12:00:00") },
    { rights: with_("read"), expiresAt: null },
    true,
  ],
  [
    "nothing but metrics for longer",
    { rights: ALL_SCOPES, expiresAt: at("12:00:00") },
    { rights: METRICS, expiresAt: null },
    false,
  ],
])("a key that opens %s reaches beyond another: %j against %j", (_name, own, other, expected) => {
  expect(reachesBeyond(own, other)).toBe(expected);
});

test.each<[string, Date | null, boolean]>([
  ["without an end never", null, false],
  ["not a moment before its end", at("12:00:01"), false],
  ["at its end", at("12:00:00"), true],
  ["after its end", at("11:59:59"), true],
])("a key is expired: %s", (_name, expiresAt, expected) => {
  expect(isExpired(expiresAt, at("12:00:00"))).toBe(expected);
});
