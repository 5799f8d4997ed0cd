/**
 * Words a reason in one language. Whoever passes a reason has checked it (parameters.ts); a code that the language does not
 * know has no words, and its text is used as it came.
 */
import { asPhrase, asSentence } from "../values/sentence.ts";
import { wholeSize } from "../values/size-text.ts";
import type { Message, Messages } from "./messages.ts";
import type { AnyReason, CodeShapes, FirstHosts, FirstNames, ParameterShape } from "./parameters.ts";

/** How a language puts things after each other. */
interface Punctuation {
  stop: string;
  betweenSentences: string;
  betweenPhrases: string;
  betweenAll: string;
  betweenAlternatives: string;
  betweenHosts: string;
  afterHost: string;
  moreNames: (more: number) => string;
  moreHosts: (more: number) => string;
}

export interface Language {
  shapes: CodeShapes;
  messages: Messages;
  punctuation: Punctuation;
}

/** A stretch of a text. */
export interface Piece {
  text: string;
  /** It came as a text, and is in whatever language it was written. */
  isReported: boolean;
}

/** The code of what came as a text: `{text}` is all that is known of it. */
export const AS_REPORTED = "as-reported";

const PLACE = /\{(\w+)\}/g;

export function wordingOf(reason: AnyReason, language: Language): string {
  return textOf(piecesOf(reason, language));
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}

export function piecesOf(reason: AnyReason, language: Language): Piece[] {
  const message = language.messages[reason.code];
  if (message === undefined) return [];
  const pieces: Piece[] = [];
  let at = 0;
  const text = formOf(message, reason);
  for (const { 0: place, 1: name = "", index } of text.matchAll(PLACE)) {
    pieces.push(ours(text.slice(at, index)), ...parameterPieces(reason, name, language));
    at = index + place.length;
  }
  return withOneStop([...pieces, ours(text.slice(at))], language);
}

function formOf(message: Message, { params }: AnyReason): string {
  if (typeof message === "string") return message;
  return params[message.plural] === 1 ? message.one : message.other;
}

function ours(text: string): Piece {
  return { text, isReported: false };
}

function parameterPieces({ code, params }: AnyReason, name: string, language: Language): Piece[] {
  const shape = language.shapes[code]?.[name];
  if (shape === undefined) return [];
  if (code === AS_REPORTED) return [{ text: String(params[name]), isReported: true }];
  return piecesOfValue(shape, params[name], language);
}

/** The shape says what the value is: the reason was checked where it came from. */
function piecesOfValue(shape: ParameterShape, value: unknown, language: Language): Piece[] {
  const { betweenSentences, betweenPhrases, betweenAll, betweenAlternatives, betweenHosts } =
    language.punctuation;
  switch (shape) {
    case "text":
    case "number":
    case "id":
      return [ours(String(value))];
    case "tenths":
      return [ours((value as number).toFixed(1))];
    case "size":
      return [ours(wholeSize(value as number))];
    case "names":
      return [ours(namesIn(value as FirstNames, language))];
    case "choices":
      return [ours((value as string[]).map((one) => `"${one}"`).join("|"))];
    case "alternatives":
      return [ours((value as string[]).join(betweenAlternatives))];
    case "phrase":
      return phrase(value as AnyReason, language);
    case "sentence":
      return sentence(value as AnyReason, language);
    case "phrases":
      return joined(value as AnyReason[], betweenPhrases, (one) => phrase(one, language));
    case "sentences":
      return joined(value as AnyReason[], betweenSentences, (one) => sentence(one, language));
    case "all":
      return joined(value as AnyReason[], betweenAll, (one) => phrase(one, language));
    case "whole":
      return piecesOf(value as AnyReason, language);
    case "wholes":
      return joined(value as AnyReason[], betweenSentences, (one) => piecesOf(one, language));
    case "items":
      return joined(value as AnyReason[], betweenHosts, (one) => phrase(one, language));
    case "opening":
      return withCapital(joined(value as AnyReason[], betweenHosts, (one) => phrase(one, language)));
    case "hosts":
      return hostPieces(value as FirstHosts<AnyReason>, language);
  }
}

function namesIn({ names, more }: FirstNames, { punctuation }: Language): string {
  const first = names.join(punctuation.betweenPhrases);
  return more > 0 ? `${first}${punctuation.moreNames(more)}` : first;
}

function hostPieces({ hosts, more }: FirstHosts<AnyReason>, language: Language): Piece[] {
  const { betweenHosts, betweenPhrases, afterHost, moreHosts } = language.punctuation;
  const named = joined(hosts, betweenHosts, ({ host_name: name, reasons }) => [
    ours(`${name}${afterHost}`),
    ...joined(reasons, betweenPhrases, (one) => phrase(one, language)),
  ]);
  return more > 0 ? [...named, ours(moreHosts(more))] : named;
}

function joined<One>(all: readonly One[], between: string, piecesOfOne: (one: One) => Piece[]): Piece[] {
  return all.flatMap((one, nth) => (nth === 0 ? piecesOfOne(one) : [ours(between), ...piecesOfOne(one)]));
}

/** Without the stop at its end, to go on after it. */
function phrase(reason: AnyReason, language: Language): Piece[] {
  const pieces = piecesOf(reason, language);
  const { stop } = language.punctuation;
  return withEnd(pieces, (text) =>
    text.endsWith(stop) && stop !== "." ? text.slice(0, -1) : asPhrase(text),
  );
}

function sentence(reason: AnyReason, language: Language): Piece[] {
  const pieces = piecesOf(reason, language);
  const { stop } = language.punctuation;
  return withEnd(pieces, (text) =>
    text === "" || asSentence(text) === text || text.endsWith(stop) ? text : `${text}${stop}`,
  );
}

function withCapital(pieces: Piece[]): Piece[] {
  const [first, ...others] = pieces.filter(({ text }) => text !== "");
  if (first === undefined) return pieces;
  const text = `${first.text.slice(0, 1).toUpperCase()}${first.text.slice(1)}`;
  return [{ ...first, text }, ...others];
}

function withEnd(pieces: Piece[], end: (text: string) => string): Piece[] {
  const last = pieces.at(-1);
  if (last === undefined) return pieces;
  return [...pieces.slice(0, -1), { ...last, text: end(last.text) }];
}

/** What ends with a mark of its own has no stop after it. */
function withOneStop(pieces: Piece[], { punctuation }: Language): Piece[] {
  const some = pieces.filter(({ text }) => text !== "");
  const [last, before] = [some.at(-1), some.at(-2)];
  const isDoubled =
    last?.text === punctuation.stop && before !== undefined && asSentence(before.text) === before.text;
  return isDoubled ? some.slice(0, -1) : some;
}
