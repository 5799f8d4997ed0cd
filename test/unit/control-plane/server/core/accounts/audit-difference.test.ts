import { describe, expect, test } from "vitest";
import {
  type AuditFields,
  auditDifference,
} from "@remotegpu/control-plane/server/core/accounts/audit-difference";

const rules = { visible: new Set(["name", "role", "shape"]), ignored: new Set(["updated_at"]) };
const difference = (before: AuditFields | null, after: AuditFields | null) =>
  auditDifference(before, after, rules);

describe("of a change", () => {
  test.each<[string, AuditFields | null, AuditFields | null, object]>([
    [
      "only what differs is listed",
      { name: "a", role: "member", updated_at: "1" },
      { name: "a", role: "admin", updated_at: "2" },
      { before: { role: "member" }, after: { role: "admin" } },
    ],
    [
      "a secret is listed as changed, and neither its old nor its new value",
      { name: "a", secret: "old" },
      { name: "a", secret: "new" },
      { before: null, after: { secret: "changed" } },
    ],
    [
      "a new thing has its fields, those that are empty left out",
      null,
      { name: "a", role: null, secret: "s" },
      { before: null, after: { name: "a", secret: "changed" } },
    ],
    [
      "a thing that is gone has the fields that may be read",
      { name: "a", secret: "s" },
      null,
      { before: { name: "a" }, after: null },
    ],
    ["what stayed as it is shows nothing", { name: "a" }, { name: "a" }, { before: null, after: null }],
    ["what was never there shows nothing", null, null, { before: null, after: null }],
    [
      "a value within a value is compared whole",
      { shape: { gpu: 1 } },
      { shape: { gpu: 2 } },
      { before: { shape: { gpu: 1 } }, after: { shape: { gpu: 2 } } },
    ],
    [
      "a field that became empty is listed as empty",
      { role: "admin" },
      { role: null },
      { before: { role: "admin" }, after: { role: null } },
    ],
  ])("%s", (_, before, after, expected) => {
    expect(difference(before, after)).toEqual(expected);
  });
});

describe("its size", () => {
  test.each([
    ["200 characters stay", "x".repeat(200), "x".repeat(200)],
    ["one more is cut", "x".repeat(201), `${"x".repeat(200)}…`],
    ["no half of a character is left", "🙂".repeat(201), `${"🙂".repeat(200)}…`],
  ])("of a text: %s", (_, given, visible) => {
    expect(difference(null, { name: given }).after).toEqual({ name: visible });
  });

  test("a large value within a value is cut as its text", () => {
    const { after } = difference(null, { shape: { words: "y".repeat(500) } });

    expect(after).toEqual({ shape: `{"words":"${"y".repeat(190)}…` });
  });

  test("of very many fields the first 40 are listed", () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, nth) => [`field_${nth}`, nth]));

    expect(Object.keys(difference(null, many).after ?? {})).toHaveLength(40);
  });
});
