/**
 * Words of others (names, reasons, messages, paths) among ours. Whatever a terminal would obey, or would show elsewhere than
 * where it stands, or not at all, is written out as JSON escapes it, so that JSON stays JSON.
 */

/** Controls of one byte and of C1; those that turn the order of what stands around them; other ends of lines; blanks without width; halves of characters. */
const UNSHOWN = /[\p{Cc}\p{Bidi_C}\p{Cs}\u2028\u2029\u200b\u2060\ufeff]/gu;
const UNSHOWN_IN_LINES = new RegExp(`(?!\n)${UNSHOWN.source}`, "gu");

/** The text of one line, made harmless. */
export function safeText(text: string): string {
  return text.replace(UNSHOWN, escaped);
}

/** The text of what may have several lines, ours. */
export function safeLines(text: string): string {
  return text.replace(UNSHOWN_IN_LINES, escaped);
}

const SHORT: Record<string, string> = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r" };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
