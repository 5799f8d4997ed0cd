/** Names among words: whatever turns within one, nothing outside of it turns. */
import { contained, isolated } from "@remotegpu/dashboard/locales/isolated";
import * as fc from "fast-check";
import { expect, test } from "vitest";

const OPEN = /[\u2066-\u2068]/;
const POP = "\u2069";
const piece = fc.constantFrom(
  "a",
  "שלום",
  "مرحبا",
  "中",
  "😈",
  "\u202E",
  "\u202C",
  "\u2066",
  "\u2067",
  "\u2068",
  "\u2069",
  "\u2029",
);
const names = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

/** How deep it is at each letter. */
function depths(text: string): number[] {
  let depth = 0;
  return Array.from(text).map((letter) => (depth += OPEN.test(letter) ? 1 : letter === POP ? -1 : 0));
}

test.each(["plain", "中文名称", "<b>&amp;</b>", "😈", ""])("%j stays as it is", (name) => {
  expect(isolated(name)).toBe(name);
  expect(contained(name)).toBe(name);
});

test("what is read from the right stands in an isolate of its own", () => {
  expect(isolated("שלום")).toBe("\u2068שלום\u2069");
  expect(isolated("\u202Eevil")).toBe("\u2068\u202Eevil\u2069");
});

test("no name ends an isolate that it did not begin, or leaves one open", () => {
  fc.assert(
    fc.property(names, (name) => {
      const visible = depths(contained(name));
      expect(Math.min(0, ...visible)).toBe(0);
      expect(visible.at(-1) ?? 0).toBe(0);
    }),
  );
});

test("all of a name's letters are displayed, in their order", () => {
  const letters = (text: string) => text.replaceAll(/[\u2066-\u2069]/g, "").replaceAll("\u2029", " ");
  fc.assert(
    fc.property(names, (name) => {
      expect(letters(isolated(name))).toBe(letters(name));
    }),
  );
});
