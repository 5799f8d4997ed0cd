import {
  isSubject,
  loginProfile,
  loginRole,
  parseAdminClaim,
} from "@remotegpu/control-plane/server/core/sign-on/login-claims";
import { describe, expect, test } from "vitest";

describe("the claim of administrators", () => {
  test.each([
    ["groups=remotegpu-admins", { name: "groups", value: "remotegpu-admins" }],
    ["https://example.com/roles=a=b", { name: "https://example.com/roles", value: "a=b" }],
    ["groups=Fleet Operators", { name: "groups", value: "Fleet Operators" }],
    ["groups", null],
    ["groups=", null],
    ["=admins", null],
    ["", null],
  ])("%j is read as %j", (text, claim) => {
    expect(parseAdminClaim(text)).toEqual(claim);
  });

  const adminClaim = { name: "groups", value: "operators" };
  const nested = { name: "realm_access.roles", value: "operators" };
  test.each([
    ["in a list", { groups: ["staff", "operators"] }, adminClaim, "admin"],
    ["as a text", { groups: "operators" }, adminClaim, "admin"],
    ["as a part of a text", { groups: "operators staff" }, adminClaim, "customer"],
    ["in capitals", { groups: ["Operators"] }, adminClaim, "customer"],
    ["in another claim", { roles: ["operators"] }, adminClaim, "customer"],
    ["as an object's member", { groups: { operators: true } }, adminClaim, "customer"],
    ["in a list within a list", { groups: [["operators"]] }, adminClaim, "customer"],
    ["nowhere", {}, adminClaim, "customer"],
    ["at a path", { realm_access: { roles: ["operators"] } }, nested, "admin"],
    ["under a name with dots", { "realm_access.roles": ["operators"] }, nested, "admin"],
    ["inherited", Object.create({ groups: ["operators"] }) as object, adminClaim, "customer"],
  ])("found %s makes a login of a customer's account %s", (_where, claims, claim, role) => {
    const given = { adminClaim: claim, isAdminAccount: false };

    expect(loginRole(claims as Record<string, unknown>, given)).toBe(role);
  });

  test.each([
    [null, { groups: ["operators"], admin: true, user_type: "admin" }, false, null],
    [null, {}, true, null],
    [adminClaim, { groups: ["operators"] }, true, null],
    [adminClaim, {}, true, "customer"],
  ])("%j with %j and an administrator's account %j gives %j", (claim, claims, isAdminAccount, role) => {
    expect(loginRole(claims, { adminClaim: claim, isAdminAccount })).toBe(role);
  });
});

describe("an account that is made", () => {
  const by = { usernameClaim: "preferred_username", emailClaim: "email" };

  test.each([
    ["ada", "ada"],
    ["ada@example.com", "ada"],
    ["Ada Lovelace", "Ada-Lovelace"],
    ["../../etc", "etc"],
    ["李", null],
    ["", null],
    [7, null],
    ["x".repeat(80), "x".repeat(64)],
  ])("is called for %j: %j", (claim, username) => {
    expect(loginProfile({ preferred_username: claim }, by).username).toBe(username);
  });

  test.each([
    [{ email: "ada@example.com", email_verified: true }, "ada@example.com"],
    [{ email: "ada@example.com", email_verified: "true" }, null],
    [{ email: "ada@example.com" }, null],
    [{ email: "ada", email_verified: true }, null],
    [{ email: ["ada@example.com"], email_verified: true }, null],
    [{ email: `${"a".repeat(128)}@example.com`, email_verified: true }, null],
  ])("has of %j the address %j", (claims, email) => {
    expect(loginProfile(claims, by).email).toBe(email);
  });
});

test.each([
  ["248289761001", true],
  ["x".repeat(255), true],
  ["x".repeat(256), false],
  ["", false],
  ["a\nb", false],
  ["a\u0000b", false],
])("%j as a subject: %j", (subject, isOne) => {
  expect(isSubject(subject)).toBe(isOne);
});
