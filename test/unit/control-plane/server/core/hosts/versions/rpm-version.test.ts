/** Cases of rpm's own tests of rpmvercmp, and versions of packages that are judged. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareRpmVersions } from "@remotegpu/control-plane/server/core/hosts/versions/rpm-version";

const signOf = (one: string, other: string) => Math.sign(compareRpmVersions(one, other));

test.each([
  ["1.0", "1.0", 0],
  ["1.0", "2.0", -1],
  ["2.0.1", "2.0.1a", -1],
  ["5.5p1", "5.5p10", -1],
  ["10xyz", "10.1xyz", -1],
  ["xyz10", "xyz10.1", -1],
  ["xyz.4", "8", -1],
  ["5.5p2", "5.6p1", -1],
  ["6.0.rc1", "6.0", 1],
  ["10b2", "10a1", 1],
  ["1.0a", "1.0aa", -1],
  ["10.0001", "10.1", 0],
  ["4.999.9", "5.0", -1],
  ["20101121", "20101122", -1],
  ["2_0", "2.0", 0],
  ["a+", "a_", 0],
  ["1.0~rc1", "1.0", -1],
  ["1.0~rc1", "1.0~rc2", -1],
  ["1.0~rc1~git123", "1.0~rc1", -1],
  ["1.0^", "1.0", 1],
  ["1.0^git1", "1.0^git2", -1],
  ["1.0^git1", "1.01", -1],
  ["1.0^20160101", "1.0.1", -1],
  ["1.0~rc1^git1", "1.0~rc1", 1],
  ["1.0^git1~pre", "1.0^git1", -1],
  ["3:29.6.2-1.el9", "3:29.7.0", -1],
  ["3:29.7.0-1.el9", "3:29.7.0", 0],
  ["1:9-1", "2:1-1", -1],
  ["1.2-3.el9", "1.2-3.el9_6", -1],
  ["1.2-3.el9", "1.2-10.el9", -1],
  ["0:1.17.8-1", "1.17.8", 0],
])("%s and %s compare as %i", (one, other, sign) => {
  expect([signOf(one, other), signOf(other, one)]).toEqual([sign, 0 - sign]);
});

test("are in one order, whichever is compared first, and as themselves", () => {
  const version = fc.stringMatching(/^(\d:)?[0-9a-zA-Z.+~^_]{1,8}(-[0-9a-zA-Z.+~^_]{1,6})?$/);
  fc.assert(
    fc.property(version, version, (one, other) => {
      expect(signOf(one, other)).toBe(0 - signOf(other, one));
      expect(signOf(one, one)).toBe(0);
    }),
  );
});
