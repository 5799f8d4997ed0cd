/** Against `dpkg --compare-versions`, with which each pair here was compared, and where it is there, is compared again. */
import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareDebianVersions } from "@remotegpu/control-plane/server/core/hosts/versions/debian-version";

/** Each earlier than the next. */
const IN_ORDER = [
  "0~~",
  "0~~a",
  "0~",
  "0",
  "0+",
  "1.0~rc.3",
  "1.0",
  "1.0a",
  "1.0+ds1-2+b4",
  "1.0+ds1-2+deb13u1",
  "1.0+ds1-2+deb13u2",
  "1.0+ds1-10",
  "1.0.1~",
  "1.0.1",
  "1.3.3-0ubuntu1~22.04.1",
  "1.3.3-0ubuntu1~22.04.2",
  "1.3.3-0ubuntu1",
  "1.3.3-1",
  "1.10",
  "29.7.0-1~ubuntu.24.04~noble",
  "1:0",
  "5:29.6.2-1~debian.13~trixie",
  "5:29.7.0~rc.1-1~debian.13~trixie",
  "5:29.7.0",
  "5:29.7.0-1~debian.13~trixie",
  "5:30.0.0-1",
];
const PAIRS = IN_ORDER.flatMap((one) => IN_ORDER.map((other) => [one, other] as const));

const signOf = (one: string, other: string) => Math.sign(compareDebianVersions(one, other));
const EQUAL = [
  ["1.0", "1.0-0"],
  ["1.0", "0:1.0"],
  ["1.00", "1.0"],
  ["1.01", "1.1"],
  ["1.0-", "1.0"],
] as const;

test("are in the order of deb-version(7)", () => {
  const wrong = PAIRS.filter(
    ([one, other]) => signOf(one, other) !== Math.sign(IN_ORDER.indexOf(one) - IN_ORDER.indexOf(other)),
  );

  expect(wrong).toEqual([]);
});

test.each(EQUAL)("%s is as %s", (one, other) => {
  expect([signOf(one, other), signOf(other, one)]).toEqual([0, 0]);
});

const hasDpkg = spawnSync("dpkg", ["--version"]).status === 0;
const isInDpkg = (one: string, relation: "lt" | "eq" | "gt", other: string) =>
  spawnSync("dpkg", ["--compare-versions", one, relation, other]).status === 0;
const RELATION = { "-1": "lt", "0": "eq", "1": "gt" } as const;

test.skipIf(!hasDpkg)("are as dpkg compares them", () => {
  const steps = IN_ORDER.slice(1).map((later, nth) => [IN_ORDER[nth] ?? "", later] as const);
  const wrong = [...steps, ...EQUAL.filter(([one]) => !one.endsWith("-"))].filter(
    ([one, other]) => !isInDpkg(one, RELATION[`${signOf(one, other)}` as keyof typeof RELATION], other),
  );

  expect(wrong).toEqual([]);
});

const version = fc.stringMatching(/^(\d:)?\d[0-9a-zA-Z.+~]{0,8}(-[0-9a-zA-Z.+~]{1,6})?$/);

test("are in one order, whichever is compared first, and as themselves", () => {
  fc.assert(
    fc.property(version, version, version, (one, other, third) => {
      expect(signOf(one, other)).toBe(0 - signOf(other, one));
      expect(signOf(one, one)).toBe(0);
      const [first = "", second = "", last = ""] = [one, other, third].toSorted(compareDebianVersions);
      expect(
        [signOf(first, second), signOf(second, last), signOf(first, last)].filter((sign) => sign > 0),
      ).toEqual([]);
    }),
  );
});
