/**
 * The catalogues of reasons as pairs of sentences, for clients of before that know a reason by its English text. A pair is
 * one text with a place for each parameter. What names a thing is left out: as a pattern it would fit sentences of others.
 */
import { AS_REPORTED } from "@remotegpu/shared/reasons/wording";
import type { Message } from "@remotegpu/shared/reasons/messages";
import type { CodeShape, ParameterShape } from "@remotegpu/shared/reasons/parameters";
import { CHINESE } from "../../core/reasons/chinese/chinese.ts";
import { ENGLISH } from "../../core/reasons/english/english.ts";
import { THING_CODES } from "../../core/refusals/codes/thing.ts";

export type SentencePair = readonly [sentence: string, translation: string];

const PLACE = /\{(\w+)\}/g;
/** With fewer words of its own a text fits what it does not mean. */
const LEAST_WORDS = 2;
/** Shapes that hold no sentence. */
const NAMES_ALONE: ReadonlySet<ParameterShape> = new Set([
  "text",
  "number",
  "tenths",
  "size",
  "id",
  "alternatives",
  "choices",
  "names",
]);

export function cataloguePairs(): SentencePair[] {
  return Object.keys(ENGLISH.shapes)
    .filter((code) => code !== AS_REPORTED && !Object.hasOwn(THING_CODES, code))
    .flatMap(pairsOf)
    .filter(isFilledBySentence)
    .filter(([sentence]) => !sentence.includes("{") || ownWords(sentence) >= LEAST_WORDS)
    .toSorted(([one], [other]) => ownText(other).length - ownText(one).length);
}

function pairsOf(code: string): SentencePair[] {
  const [english, chinese] = [ENGLISH.messages[code], CHINESE.messages[code]];
  if (english === undefined || chinese === undefined) return [];
  const shape = ENGLISH.shapes[code] ?? {};
  return formsOf(english).map(({ text, nth }) => [
    withPlaces(withGpuMarks(openEnd(text, { stop: ".", shape })), shape),
    withGpuMarks(openEnd((formsOf(chinese)[nth] ?? formsOf(chinese)[0])?.text ?? "", { stop: "。", shape })),
  ]);
}

/** A number that the sentence does not show cannot be read out of it, and its translation would have a hole. */
function isFilledBySentence([sentence, translation]: SentencePair): boolean {
  const names = namesOfPlaces(sentence);
  return [...namesOfPlaces(translation)].every((name) => names.has(name));
}

function namesOfPlaces(text: string): Set<string> {
  return new Set([...text.matchAll(/\{(\w+)/g)].map(([, name = ""]) => name));
}

/** A sentence within a sentence brings its own stop where it stands at the end; a name or a number does not. */
function openEnd(text: string, { stop, shape }: { stop: string; shape: CodeShape }): string {
  const [, name = ""] = /\{(\w+)\}[^}]$/.exec(text) ?? [];
  const bringsStop = !NAMES_ALONE.has(shape[name] ?? "text");
  return bringsStop && text.endsWith(`}${stop}`) ? text.slice(0, -stop.length) : text;
}

function formsOf(message: Message): { text: string; nth: number }[] {
  const texts = typeof message === "string" ? [message] : [message.one, message.other];
  return texts.map((text, nth) => ({ text, nth }));
}

/** The start of each GPU's id stands in the text, or the place of one would take whatever comes before what it says. */
function withGpuMarks(text: string): string {
  return text.replaceAll("{gpu_uuid}", "GPU-{gpu_uuid}");
}

function withPlaces(text: string, shape: CodeShape): string {
  return text.replaceAll(PLACE, (_place, name: string) => `{${name}${kindOf(shape[name] ?? "text")}}`);
}

function kindOf(shape: ParameterShape): string {
  switch (shape) {
    case "text":
    case "number":
    case "tenths":
    case "size":
    case "id":
    case "alternatives":
    case "choices":
    case "names":
      return "";
    case "phrase":
    case "sentence":
    case "whole":
    case "wholes":
    case "sentences":
      return ":said";
    case "phrases":
    case "all":
      return ":list";
    case "hosts":
    case "items":
    case "opening":
      return ":hosts";
  }
}

function ownText(sentence: string): string {
  return sentence.replaceAll(/\{[\w:]+\}/g, "");
}

function ownWords(sentence: string): number {
  return ownText(sentence).match(/[a-z]{2,}/gi)?.length ?? 0;
}
