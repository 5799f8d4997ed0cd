/** Output as lines: what a terminal would make of it is left out, since a page is none. Pure. */

/** Beyond it the oldest go: a page is to read, not to keep. */
export const MAX_LINES = 20_000;
/** What never ends a line is cut. */
const MAX_LINE = 10_000;
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001B(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\-_])/g;

export interface Lines {
  lines: readonly string[];
  /** Of the last line, which has not ended. */
  rest: string;
  /** How many of the oldest are gone. */
  dropped: number;
}

export const NO_LINES: Lines = { lines: [], rest: "", dropped: 0 };

export function withText(before: Lines, text: string): Lines {
  const parts = (before.rest + text).split("\n");
  const rest = (parts.pop() ?? "").slice(-MAX_LINE);
  const lines = [...before.lines, ...parts.map(visibleLine)];
  const over = Math.max(0, lines.length - MAX_LINES);
  return { lines: over === 0 ? lines : lines.slice(over), rest, dropped: before.dropped + over };
}

/** A progress bar writes over itself: what it wrote last is what stands. */
export function visibleLine(line: string): string {
  const bare = line.slice(0, MAX_LINE).replaceAll(ESCAPES, "").replace(/\r+$/, "");
  return bare.slice(bare.lastIndexOf("\r") + 1);
}

/** The numbers of the lines that have the words, whatever their case. */
export function hitsIn(lines: readonly string[], words: string): number[] {
  if (words === "") return [];
  const sought = words.toLowerCase();
  return lines.flatMap((line, index) => (line.toLowerCase().includes(sought) ? [index] : []));
}
