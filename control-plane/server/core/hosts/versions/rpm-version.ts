/**
 * Which of two rpm versions is the later one, as rpm compares them (rpm-version(7)): epoch, version and release, each in
 * segments of letters or digits with anything else between. "~" is before the end of a version, "^" behind it.
 */
import { compareNumbers } from "./debian-version.ts";

/**
 * The order of texts "EPOCH:VERSION-RELEASE"; an epoch that is missing is 0, and a release that one of them lacks does
 * not count.
 */
export function compareRpmVersions(one: string, other: string): number {
  const [a, b] = [partsOf(one), partsOf(other)];
  const byVersion = compareNumbers(a.epoch, b.epoch) || compareSegments(a.version, b.version);
  if (byVersion !== 0 || a.release === null || b.release === null) return byVersion;
  return compareSegments(a.release, b.release);
}

function partsOf(text: string): { epoch: string; version: string; release: string | null } {
  const [, epoch = "0", rest = ""] = /^(?:(\d+):)?(.*)$/s.exec(text.trim()) ?? [];
  const hyphen = rest.lastIndexOf("-");
  return hyphen === -1
    ? { epoch, version: rest, release: null }
    : { epoch, version: rest.slice(0, hyphen), release: rest.slice(hyphen + 1) };
}

function compareSegments(one: string, other: string): number {
  let [left, right] = [one, other];
  while (left !== "" || right !== "") {
    [left, right] = [withoutSeparators(left), withoutSeparators(right)];
    const bySign = compareSigns(left, right);
    if (bySign !== null) {
      if (bySign !== 0) return bySign;
      [left, right] = [left.slice(1), right.slice(1)];
      continue;
    }
    // Whoever has more left is the later one.
    if (left === "" || right === "") break;
    const pattern = /^\d/.test(left) ? /^\d+/ : /^[A-Za-z]+/;
    const [mine, theirs] = [pattern.exec(left)?.[0] ?? "", pattern.exec(right)?.[0] ?? ""];
    // Digits are later than letters, and of the same kind on both sides otherwise.
    if (theirs === "") return /^\d/.test(mine) ? 1 : -1;
    const difference = /^\d/.test(mine) ? compareNumbers(mine, theirs) : compareLetters(mine, theirs);
    if (difference !== 0) return difference;
    [left, right] = [left.slice(mine.length), right.slice(theirs.length)];
  }
  return Number(left !== "") - Number(right !== "");
}

function withoutSeparators(text: string): string {
  return text.replace(/^[^A-Za-z0-9~^]+/, "");
}

/** Null where neither begins with a sign; 0 where both have the same. */
function compareSigns(left: string, right: string): number | null {
  if (left.startsWith("~") || right.startsWith("~"))
    return Number(right.startsWith("~")) - Number(left.startsWith("~"));
  if (!left.startsWith("^") && !right.startsWith("^")) return null;
  if (left.startsWith("^") && right.startsWith("^")) return 0;
  // Behind the end of the other one, and before whatever else the other one has.
  if (left.startsWith("^")) return right === "" ? 1 : -1;
  return left === "" ? -1 : 1;
}

function compareLetters(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
