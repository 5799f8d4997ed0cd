/** What a terminal gets of what containers print: text, colours and line breaks. */
import { assert, array, constantFrom, nat, oneof, property, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { TerminalFilter } from "@remotegpu/control-plane/cli/terminal/terminal-filter";

const ESC = "\u001b";

function filtered(...pieces: (string | Uint8Array)[]): string {
  const filter = new TerminalFilter();
  const visible = pieces.map((piece) => filter.take(Buffer.from(piece as string)));
  return [...visible, filter.end()].join("");
}

describe("a terminal gets", () => {
  test.each([
    ["text", "a b\tc\nd", "a b\tc\nd"],
    ["letters of all scripts", "é 漢 ع 👩🏽‍🔬", "é 漢 ع 👩🏽‍🔬"],
    ["colours, which end with it", `${ESC}[1;31mred`, `${ESC}[1;31mred${ESC}[0m`],
    [
      "colours that were ended as they are",
      `${ESC}[38;5;8mx${ESC}[0m${ESC}[m`,
      `${ESC}[38;5;8mx${ESC}[0m${ESC}[m`,
    ],
    ["colours with colons", `${ESC}[38:2::1:2:3mx${ESC}[m`, `${ESC}[38:2::1:2:3mx${ESC}[m`],
    ["an end of a line of two characters as one", "a\r\nb\r\r\nc", "a\nb\nc"],
    ["a bar of progress as lines", "\r 1%\r 2%\r 3%\ndone\r", " 1%\n 2%\n 3%\ndone\n"],
  ])("%s", (_what, came, visible) => {
    expect(filtered(came)).toBe(visible);
  });
});

describe("a terminal does not get", () => {
  test.each([
    ["a title", `a${ESC}]0;title\u0007b`, "ab"],
    ["a clipboard, ended by ST", `a${ESC}]52;c;cm0gLXJm${ESC}\\b`, "ab"],
    ["a link", `${ESC}]8;;http://evil${ESC}\\shown${ESC}]8;;${ESC}\\`, "shown"],
    ["a device's string", `a${ESC}Pq#0~${ESC}\\b`, "ab"],
    [
      "a program's own, of a private message, of nothing",
      `a${ESC}_x${ESC}\\${ESC}^y${ESC}\\${ESC}Xz${ESC}\\b`,
      "ab",
    ],
    ["strings begun by one character", "a\u009d0;t\u0007b\u0090x\u009cc\u009fy\u009cd", "abcd"],
    ["a string that never ends, beyond its line", `a${ESC}]0;title\nb`, "a\nb"],
    ["a question that it would answer", `a${ESC}[6n${ESC}[c${ESC}[>q${ESC}Zb\u0005`, "ab"],
    ["moves and erasures", `a${ESC}[2J${ESC}[H${ESC}[1A${ESC}[K${ESC}[?1049h${ESC}[5;1rb`, "ab"],
    ["what resembles a colour", `a${ESC}[>4;2m${ESC}[?4m${ESC}[0 mb`, "ab"],
    ["a sequence begun by one character", "a\u009b31mb\u009b2Jc", `a${ESC}[31mbc${ESC}[0m`],
    ["one byte for that, which is no text", Buffer.from([0x61, 0x9b, 0x32, 0x4a]), "a\ufffd2J"],
    ["short sequences", `a${ESC}c${ESC}7${ESC}(0${ESC}#8${ESC}%Gb`, "ab"],
    ["an escape in an escape", `a${ESC}${ESC}[${ESC}]0;t\u0007b`, "ab"],
    ["a sequence cut off by its line", `a${ESC}[31\nb`, "a\nb"],
    ["bells, backspaces and the rest", "a\u0007\b\u0000\u000b\u000c\u000e\u007fb\u0085c", "abc"],
    ["what turns the order of its line", "a\u202eb\u2066c\u2069d", "abcd"],
    ["halves of letters", Buffer.from([0x61, 0xe2, 0x82, 0x62, 0xc3]), "a\ufffdb\ufffd"],
    ["letters that are written too long", Buffer.from([0xc0, 0x9b, 0xe0, 0x80, 0x9b]), "\ufffd".repeat(5)],
    ["an end without a beginning", `a${ESC}`, "a"],
  ])("%s", (_what, came, visible) => {
    expect(filtered(came)).toBe(visible);
  });

  test("nothing for ever: a sequence or a string without an end is text again", () => {
    expect(filtered(`${ESC}]0;${"t".repeat(10_000)}end`)).toMatch(/^t+end$/);
    expect(filtered(`${ESC}[${"1".repeat(100)}mend`)).toMatch(/^1+mend$/);
    expect(filtered(`${ESC}${"(".repeat(100)}Bend`)).toMatch(/^\(+Bend$/);
  });
});

/** Text that is likely to hold sequences, and bytes that are none. */
const printed = array(
  oneof(
    constantFrom(
      ESC,
      "[",
      "]",
      "m",
      "31",
      ";",
      "\u0007",
      "\\",
      "\r",
      "\n",
      "\u009b",
      "\u009d",
      "\u009c",
      "P",
      "a",
      "é",
      "\u202e",
    ),
    string({ unit: "binary" }),
    uint8Array({ maxLength: 8 }),
  ),
  { maxLength: 40 },
).map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part as string))));
const HARMLESS = new RegExp(
  `^(?:[\\n\\t\\u0020-\\u007e\\u00a0-\\u2029\\u202f-\\u2065\\u206a-\\uffff]|${ESC}\\[[\\d;:]*m)*$`,
);

test("of whatever comes, in whatever pieces, the same is printed, and nothing that a terminal would obey but colours", () => {
  assert(
    property(printed, array(nat(), { maxLength: 6 }), (bytes, cuts) => {
      const places = [
        0,
        ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b),
        bytes.length,
      ];
      const pieces = places.slice(1).map((to, nth) => bytes.subarray(places[nth], to));
      const whole = filtered(bytes);

      expect(whole).toMatch(HARMLESS);
      expect(filtered(...pieces)).toBe(whole);
      // What it has let through it lets through again: it may stand behind another of its kind.
      expect(filtered(whole)).toBe(whole);
    }),
  );
});
