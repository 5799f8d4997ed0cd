import {
  loginCookie,
  loginFault,
  presentedLogin,
  returnPath,
} from "@remotegpu/control-plane/server/core/sign-on/login-state";
import { describe, expect, test } from "vitest";

const now = new Date("2026-03-01T12:00:00Z");
const held = { state: "s", nonce: "n", verifier: "v", returnTo: "/", expiresMs: now.getTime() + 1 };

describe("the provider's answer", () => {
  test.each([
    ["of this login", held, "s", null],
    ["without a login", null, "s", "sign-on-state-missing"],
    ["of another login", held, "t", "sign-on-state-mismatch"],
    ["of none", held, null, "sign-on-state-mismatch"],
    ["that is too late by nothing", { ...held, expiresMs: now.getTime() }, "s", "sign-on-state-expired"],
  ])("%s: %j", (_what, login, state, fault) => {
    expect(loginFault(login, { state, now })).toBe(fault);
  });
});

describe("the cookie of a login", () => {
  test("is of this host alone under TLS, Lax, and no page reads it", () => {
    expect(loginCookie("x", true)).toBe(
      "__Host-remotegpu_login=x; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure",
    );
    expect(loginCookie("", false)).toBe("remotegpu_login=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
  });

  test.each([
    ["remotegpu_login=a", "a"],
    ["other=b; remotegpu_login=a", "a"],
    ["remotegpu_login=a; remotegpu_login=b", null],
    ["__Host-remotegpu_login=a", null],
    ["", null],
  ])("in %j is %j", (header, value) => {
    expect(presentedLogin(header, false)).toBe(value);
  });
});

test.each([
  ["/environments?status=running&q=a%20b", "/environments?status=running&q=a%20b"],
  ["/", "/"],
  [undefined, "/"],
  ["", "/"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
  ["/a\\b", "/"],
  ["/\n/evil.example", "/"],
  ["https://evil.example", "/"],
  ["evil", "/"],
  ["/api/v1/me", "/"],
  [`/${"a".repeat(1000)}`, "/"],
])("the page to go on at of %j is %j", (given, path) => {
  expect(returnPath(given)).toBe(path);
});
