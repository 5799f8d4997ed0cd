/** A command line as a text from which a shell makes the same words again. */

/** What no shell reads as anything else, wherever it stands but at the beginning of a command. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;
/** At the beginning a shell takes these for its own, and NAME=VALUE for a variable. */
const RESERVED: ReadonlySet<string> = new Set(
  "case coproc do done elif else esac fi for function if in namespace select then time until while".split(
    " ",
  ),
);

/** Words that need no quotes are left without, since people read it as well. */
export function shellText(words: readonly string[]): string {
  return words
    .map((word, at) => (PLAIN.test(word) && (at > 0 || isPlainCommand(word)) ? word : quoted(word)))
    .join(" ");
}

function isPlainCommand(word: string): boolean {
  return !word.includes("=") && !RESERVED.has(word);
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
