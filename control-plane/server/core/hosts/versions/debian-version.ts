/**
 * Which of two Debian versions is the later one, by the rules of deb-version(7): epoch, upstream version and revision, and
 * in each of the latter texts and numbers by turns, with "~" before everything, the end included.
 */

interface Parts {
  epoch: number;
  upstream: string;
  revision: string;
}

/** Negative where `one` is earlier, positive where it is later. */
export function compareDebianVersions(one: string, other: string): number {
  const [a, b] = [partsOf(one), partsOf(other)];
  return a.epoch - b.epoch || compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision);
}

/** Without a hyphen there is no revision, which is as "0". */
function partsOf(version: string): Parts {
  const [, epoch = "0", rest = ""] = /^(?:(\d{1,9}):)?(.*)$/s.exec(version.trim()) ?? [];
  const hyphen = rest.lastIndexOf("-");
  return hyphen === -1
    ? { epoch: Number(epoch), upstream: rest, revision: "" }
    : { epoch: Number(epoch), upstream: rest.slice(0, hyphen), revision: rest.slice(hyphen + 1) };
}

/** Begins with a text, then a number, then a text again; the first that differs decides. */
function compareParts(one: string, other: string): number {
  let [left, right] = [one, other];
  while (left !== "" || right !== "") {
    const [leftText, rightText] = [leading(left, /^\D*/), leading(right, /^\D*/)];
    const byText = compareTexts(leftText, rightText);
    if (byText !== 0) return byText;
    [left, right] = [left.slice(leftText.length), right.slice(rightText.length)];
    const [leftNumber, rightNumber] = [leading(left, /^\d*/), leading(right, /^\d*/)];
    const byNumber = compareNumbers(leftNumber, rightNumber);
    if (byNumber !== 0) return byNumber;
    [left, right] = [left.slice(leftNumber.length), right.slice(rightNumber.length)];
  }
  return 0;
}

function leading(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[0] ?? "";
}

function compareTexts(one: string, other: string): number {
  for (let at = 0; at < Math.max(one.length, other.length); at += 1) {
    const difference = weightOf(one, at) - weightOf(other, at);
    if (difference !== 0) return difference;
  }
  return 0;
}

const BEYOND_LETTERS = 256;

/** "~" comes before the end, the end before letters, and letters before all else. */
function weightOf(text: string, at: number): number {
  const character = text.charAt(at);
  if (character === "") return 0;
  if (character === "~") return -1;
  const code = text.charCodeAt(at);
  return /[A-Za-z]/.test(character) ? code : code + BEYOND_LETTERS;
}

/** Digits of any length, by their value; none is 0. */
export function compareNumbers(one: string, other: string): number {
  const [left, right] = [one.replace(/^0+/, ""), other.replace(/^0+/, "")];
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : Number(left > right);
}
