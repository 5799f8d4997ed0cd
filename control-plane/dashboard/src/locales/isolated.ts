/**
 * Text that somebody wrote, among words of ours, in whatever direction it is read: what stands around it stays where it
 * is. Pure. In elements `NameText` does it; this is for labels, titles and sentences, which are text and nothing else.
 */

const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";
/** Opens what only a pop ends. */
const OPENS = /[\u2066-\u2068]/;
/** Letters that are read from the right, and marks that turn what follows. */
const TURNS =
  /[\u0590-\u08FF\u200E\u200F\u202A-\u202E\u2066-\u2069\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
/** What ends a paragraph ends every isolate with it. */
const PARAGRAPHS = /[\u0085\u2028\u2029]/g;

/** As it is where nothing in it turns anything. */
export function isolated(text: string): string {
  return TURNS.test(text) ? FIRST_STRONG_ISOLATE + contained(text) + POP_ISOLATE : text;
}

/** Every isolate that begins in it ends in it, and it ends none that began before it. */
export function contained(text: string): string {
  if (!TURNS.test(text)) return text;
  let open = 0;
  let visible = "";
  for (const letter of text.replaceAll(PARAGRAPHS, " ")) {
    const isPop = letter === POP_ISOLATE;
    if (isPop && open === 0) continue;
    if (isPop) open -= 1;
    else if (OPENS.test(letter)) open += 1;
    visible += letter;
  }
  return visible + POP_ISOLATE.repeat(open);
}
