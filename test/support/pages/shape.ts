/**
 * Whether a command printed what a page says: ids, times, keys and the width of columns may be any. A line `…` stands
 * for any lines, and `…` within one for any words.
 */
const MAY_BE_ANY: readonly [RegExp, string][] = [
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID"],
  [/\brgt_[\w-]{43}/g, "TICKET"],
  [/\b(env|host|run)-[0-9a-f]{20}\b/g, "$1-ID"],
  [/\brg([a-z])_[\w-]+/g, "rg$1_SECRET"],
  [/ {2,}/g, "  "],
];
/** What means something else in a pattern. */
const OF_A_PATTERN = /[.*+?^${}()|[\]\\]/g;
const NUMBER = /\d+(?:\.\d+)?/g;

/** @param printed.numbersVary counts of seconds, minutes and what they cost are then any, too */
export function matchesPage(prints: string[], printed: { text: string; numbersVary: boolean }): boolean {
  const shape = (line: string) => {
    const known = MAY_BE_ANY.reduce((text, [any, name]) => text.replaceAll(any, name), line.trimEnd());
    return printed.numbersVary ? known.replaceAll(NUMBER, "0") : known;
  };
  const expected = prints.map((line) =>
    line === "…"
      ? "(?:.*\\n)*?"
      : `${shape(line)
          .replaceAll(OF_A_PATTERN, String.raw`\$&`)
          .replaceAll("…", ".*")}\\n`,
  );
  const lines = printed.text.trimEnd().split("\n").map(shape);
  return new RegExp(`^${expected.join("")}$`).test(`${lines.join("\n")}\n`);
}
