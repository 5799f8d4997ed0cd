/** The files of the operators' page "High availability", so that what a test plays is what the page says. */
import { readFileSync } from "node:fs";

const PAGE = new URL("../../../control-plane/docs/operators/high-availability.md", import.meta.url);

/** What stands on the page → what a test has in its place, in the order of the list. */
export type Replacements = readonly (readonly [string | RegExp, string])[];

/**
 * The text of a file as the page shows it: the block whose first line names it in a comment.
 * @throws where the page has no such file
 */
export function pageFile(path: string, replacements: Replacements): string {
  const blocks = readFileSync(PAGE, "utf8").matchAll(/```\w*\n[#;] (\S+)[^\n]*\n([^`]*)```/g);
  const text = [...blocks].find(([, named]) => named === path)?.[2];
  if (text === undefined) throw new Error(`the page has no ${path}`);
  return replaced(text, replacements);
}

/** The arguments of the page's only command that begins with these words. */
export function pageCommand(words: string, replacements: Replacements): string[] {
  const [, line] = new RegExp(`^# (?:sudo )?${words} (.*)$`, "m").exec(readFileSync(PAGE, "utf8")) ?? [];
  if (line === undefined) throw new Error(`the page has no command ${words}`);
  return replaced(line, replacements).split(" ");
}

/** The settings of a file of NAME=value lines. */
export function settingsIn(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => /^[A-Z_]+=/.test(line));
  return Object.fromEntries(lines.map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]));
}

function replaced(text: string, replacements: Replacements): string {
  return replacements.reduce((so, [from, to]) => so.replaceAll(from, to), text);
}
