/** Words of others in tables and sentences, and that nothing is printed but by the one file that makes it harmless. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { safeLines, safeText } from "@remotegpu/control-plane/cli/terminal/safe-text";

test.each([
  ["plain é 漢", "plain é 漢"],
  ["a\nb\tc", "a\\nb\\tc"],
  ["\u001b[31mred\u001b]0;t\u0007", "\\u001b[31mred\\u001b]0;t\\u0007"],
  ["\u009b2J\u009d0;t\u009c\u007f", "\\u009b2J\\u009d0;t\\u009c\\u007f"],
  ["gpj.\u202eexe\u2066\u200f", "gpj.\\u202eexe\\u2066\\u200f"],
  ["a\u2028b\u200bc\ufeff", "a\\u2028b\\u200bc\\ufeff"],
  ["\ud800", "\\ud800"],
])("%j is printed as %s", (text, visible) => {
  expect(safeText(text)).toBe(visible);
  expect(JSON.parse(safeLines(JSON.stringify({ text })))).toEqual({ text });
});

test("of several lines the ends of lines stay", () => {
  expect(safeLines("a\u001b[2J\nb\r\n")).toBe("a\\u001b[2J\nb\\r\n");
});

const CLI = new URL("../../../../../control-plane/cli", import.meta.url).pathname;
/** Where OpenSSH's client, and nobody's terminal, is at the other end. */
const PIPES = ["terminal/outputs.ts", "ssh/proxy-command.ts"];

test("nothing else of the command writes to its outputs", () => {
  const files = readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const writes =
    /\bprocess\s*\.?\s*\[?["']?(stdout|stderr)["']?\]?\s*\.\s*write\b|pipe\(process\.std|console\s*\./;
  const found = files.filter((file) => writes.test(readFileSync(join(CLI, file), "utf8")));

  expect(files.length).toBeGreaterThan(100);
  expect(found.filter((file) => !PIPES.includes(file))).toEqual([]);
});
