/**
 * What the server says, in another language than its own. It speaks in sentences, which are kept as they were said: with
 * names, numbers and other sentences in them. So the words of a language are pairs of the server's sentence and ours, with
 * places for what differs, and what no pair knows stays as the server said it, and is marked as that. Pure.
 *
 * In a pair `{host}` is whatever stands there, `{why:said}` is a sentence that is told in our words, too, `{what:list}` are
 * several, and `{where:hosts}` are several of each host.
 */

/** The server's sentence, and ours. */
export type Translations = readonly (readonly [theirs: string, ours: string])[];

/** A stretch of what is shown. */
export interface Piece {
  text: string;
  /** In the server's words. */
  isTheirs: boolean;
}

interface Pattern {
  regex: RegExp;
  places: readonly { name: string; kind: string }[];
  ours: string;
}

type Translate = (text: string) => Piece[] | null;

const PLACE = /\{(\w+)(?::(\w+))?\}/g;
/** Sentences after each other. */
const BETWEEN_SENTENCES = /(?<=[.!?]) (?=[\p{Lu}\d`"{])/u;
/** A host's reasons, after its name. */
const OF_HOST = /^([^:;]+): (.+)$/s;
/** A list of more is not looked through for what belongs together. */
const MOST_PARTS = 40;
/** What was told before is told again, and a page shows no more at once. */
const MAX_CACHED = 2_000;

/** @returns null: nothing of it is known */
export function translator(pairs: Translations): Translate {
  const patterns = pairs.map(patternOf);
  const stored = new Map<string, Piece[] | null>();
  const translate: Translate = (text) => {
    const known = stored.get(text);
    if (known !== undefined) return known;
    const pieces = whole(text) ?? sentences(text);
    if (stored.size >= MAX_CACHED) stored.clear();
    stored.set(text, pieces);
    return pieces;
  };
  const whole: Translate = (text) => {
    for (const pattern of patterns) {
      const found = pattern.regex.exec(text);
      if (found !== null) return withoutStop(filled(pattern, found), text);
    }
    return null;
  };
  const sentences: Translate = (text) => {
    const parts = text.split(BETWEEN_SENTENCES);
    if (parts.length === 1) return null;
    const all = runs(parts, { join: " ", between: "" });
    return all.every(({ isTheirs }) => isTheirs) ? null : all;
  };
  /** As many of the parts together as are known, else each as it is. */
  const runs = (parts: readonly string[], { join, between }: { join: string; between: string }): Piece[] => {
    const pieces: Piece[] = [];
    for (let from = 0; from < parts.length;) {
      let to = parts.length > MOST_PARTS ? from + 1 : parts.length;
      let found = whole(parts.slice(from, to).join(join));
      while (found === null && to > from + 1) found = whole(parts.slice(from, (to -= 1)).join(join));
      if (from > 0) pieces.push({ text: between, isTheirs: false });
      pieces.push(...(found ?? [{ text: parts.slice(from, to).join(join), isTheirs: true }]));
      from = to;
    }
    return pieces;
  };
  const filled = ({ places, ours }: Pattern, found: RegExpExecArray): Piece[] => {
    const values = new Map(
      places.map(({ name, kind }, nth) => [name, reportedAt(kind, found[nth + 1] ?? "")]),
    );
    const pieces: Piece[] = [];
    let at = 0;
    for (const { 0: place, 1: name = "", index } of ours.matchAll(PLACE)) {
      pieces.push({ text: ours.slice(at, index), isTheirs: false }, ...(values.get(name) ?? []));
      at = index + place.length;
    }
    pieces.push({ text: ours.slice(at), isTheirs: false });
    return pieces.filter(({ text }) => text !== "");
  };
  const reportedAt = (kind: string, text: string): Piece[] => {
    switch (kind) {
      case "said":
        return translate(text) ?? [{ text, isTheirs: true }];
      case "list":
        return runs(text.split(", "), { join: ", ", between: "、" });
      case "hosts":
        return hosts(text);
      default:
        return [{ text, isTheirs: false }];
    }
  };
  const hosts = (text: string): Piece[] =>
    text.split("; ").flatMap((part, nth) => {
      const [, host, reasons] = OF_HOST.exec(part) ?? [];
      const first: Piece[] = nth === 0 ? [] : [{ text: "；", isTheirs: false }];
      if (host === undefined || reasons === undefined) return [...first, ...reportedAt("said", part)];
      return [...first, { text: `${host}：`, isTheirs: false }, ...reportedAt("list", reasons)];
    });
  return translate;
}

/** A phrase is a sentence without its stop, and ours goes on as well. */
function withoutStop(pieces: Piece[], theirs: string): Piece[] {
  const last = pieces.at(-1);
  if (last === undefined || last.isTheirs || /[.!?]$/.test(theirs)) return pieces;
  return [...pieces.slice(0, -1), { ...last, text: last.text.replace(/。$/, "") }].filter(
    ({ text }) => text !== "",
  );
}

function patternOf([theirs, ours]: Translations[number]): Pattern {
  const places: { name: string; kind: string }[] = [];
  let source = "";
  let at = 0;
  for (const { 0: place, 1: name = "", 2: kind = "", index } of theirs.matchAll(PLACE)) {
    source += escaped(theirs.slice(at, index));
    source += "(.+?)";
    places.push({ name, kind });
    at = index + place.length;
  }
  const rest = theirs.slice(at);
  // What ends with a place has that place's own stop, or none.
  const end = rest === "" ? "" : "\\.?";
  source += escaped(rest.replace(/\.$/, ""));
  const first = source.slice(0, 1);
  const head = /[A-Za-z]/.test(first) ? `[${first.toUpperCase()}${first.toLowerCase()}]` : first;
  return { regex: new RegExp(`^${head}${source.slice(1)}${end}$`, "s"), places, ours };
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}
