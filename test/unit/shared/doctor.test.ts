import { type CheckResult, exitCodeOf, reportJson, reportText, resultOf } from "@remotegpu/shared/doctor";
import { expect, test } from "vitest";

const check = { check: "books", claim: "The books agree." };
const finding = { finding: "balance-differs", subject: { customer: 7 }, sentence: "It is 1, not 2." };
const well: CheckResult = { ...check, state: "well" };
const broken: CheckResult = { ...check, state: "broken", count: 3, findings: [finding] };
const unchecked: CheckResult = { ...check, state: "not-checked", reason: "no answer" };

test.each<[CheckResult[], number]>([
  [[], 0],
  [[well, well], 0],
  [[well, unchecked], 2],
  [[well, broken], 1],
  [[unchecked, broken], 1],
])("%j ends with %i", (results, code) => {
  expect(exitCodeOf(results)).toBe(code);
});

test("a check that found nothing is well", () => {
  expect(resultOf(check, { count: 0, findings: [] })).toEqual(well);
  expect(resultOf(check, { count: 3, findings: [finding] })).toEqual(broken);
});

test("people read a line per check, then what was found of which thing, then the verdict", () => {
  expect(reportText([well, broken, unchecked])).toBe(
    [
      "well         The books agree.",
      "BROKEN       The books agree.",
      "not checked  The books agree.",
      "",
      "books: 3 found",
      "  balance-differs: customer 7: It is 1, not 2.",
      "  and 2 more",
      "",
      "books: not checked: no answer",
      "",
      "Something is broken: 1 of 3 checks found something, 1 could not be made.",
    ].join("\n"),
  );
  expect(reportText([well])).toContain("All is well: 1 checks.");
  expect(reportText([unchecked])).toContain("1 of 1 checks could not be made");
});

test("people read notes of what is well, and their text moves no cursor", () => {
  const noted: CheckResult = { ...well, notes: ["would be removed: x:1", "\u001b[2J"] };

  expect(reportText([noted])).toBe(
    [
      "well         The books agree.",
      "",
      "books:",
      "  would be removed: x:1",
      "  \\u001b[2J",
      "",
      "All is well: 1 checks.",
    ].join("\n"),
  );
  expect(JSON.parse(reportJson([noted]))).toEqual({ verdict: "well", checks: [noted] });
});

test("a check with findings shows its notes after them, to people and to scripts", () => {
  const noted = resultOf(check, {
    count: 1,
    findings: [finding],
    notes: ["host a was not tried", "\u001b[2J"],
  });

  expect(reportText([noted])).toContain(
    [
      "books: 1 found",
      "  balance-differs: customer 7: It is 1, not 2.",
      "  host a was not tried",
      "  \\u001b[2J",
    ].join("\n"),
  );
  expect(JSON.parse(reportJson([noted]))).toEqual({
    verdict: "broken",
    checks: [{ ...broken, count: 1, notes: ["host a was not tried", "\u001b[2J"] }],
  });
});

test("nobody's text moves the reader's cursor", () => {
  const evil = { ...finding, subject: { customer: "\u001b[2J" } };

  expect(reportText([{ ...check, state: "broken", count: 1, findings: [evil] }])).not.toContain("\u001b");
});

test("scripts get one document", () => {
  expect(JSON.parse(reportJson([broken]))).toEqual({ verdict: "broken", checks: [broken] });
  expect(JSON.parse(reportJson([unchecked]))).toMatchObject({ verdict: "not-checked" });
});
