/**
 * The catalogues of reasons as pairs of English and Chinese sentences with places, for whoever has a reason's text and not
 * its code: what older rows and events have.
 */
import type { Message } from "@remotegpu/shared/reasons/messages";
import type { CodeShape, ParameterShape } from "@remotegpu/shared/reasons/parameters";
import { CHINESE } from "../../core/reasons/chinese/chinese.ts";
import { ENGLISH } from "../../core/reasons/english/english.ts";
import { REASON_CODES } from "../../core/reasons/reason.ts";

type Sentence = readonly [sentence: string, translation: string];

const PLACE = /\{(\w+)\}/g;

/** Those with the most text of their own first: "GPU {uuid} is taken" before "GPU {why}". */
export function catalogueSentences(): Sentence[] {
  const shapes: [string, CodeShape][] = Object.entries(REASON_CODES);
  return shapes
    .flatMap(([code, shape]) => sentencesOf(code, shape))
    .toSorted(([one], [other]) => ownText(other).length - ownText(one).length);
}

function sentencesOf(code: string, shape: CodeShape): Sentence[] {
  const translation = openEnd(formsOf(CHINESE.messages[code]).at(-1) ?? "", "。");
  return formsOf(ENGLISH.messages[code])
    .filter((text) => /\p{L}/u.test(ownText(text)))
    .map((text) => [
      withGpu(openEnd(text, ".")).replaceAll(PLACE, (_, name: string) => placeOf(name, shape)),
      withGpu(translation),
    ]);
}

/** By its beginning a GPU's UUID is told from what else may stand there. */
function withGpu(text: string): string {
  return text.replaceAll("{gpu_uuid}", "GPU-{gpu}");
}

function ownText(text: string): string {
  return text.replaceAll(/\{[^}]*\}/g, "");
}

/** What stands at the end brings its own stop. */
function openEnd(text: string, stop: string): string {
  return text.endsWith(`}${stop}`) ? text.slice(0, -stop.length) : text;
}

function formsOf(message: Message | undefined): string[] {
  if (message === undefined) return [];
  return typeof message === "string" ? [message] : [message.one, message.other];
}

function placeOf(name: string, shape: CodeShape): string {
  const kind = kindOf(shape[name]);
  return kind === null ? `{${name}}` : `{${name}:${kind}}`;
}

/** As translators know them: `said` is a sentence itself, `list` are several, and `hosts` several of each host. */
function kindOf(shape: ParameterShape | undefined): "said" | "list" | "hosts" | null {
  switch (shape) {
    case undefined:
    case "text":
    case "number":
    case "tenths":
    case "id":
    case "names":
    case "alternatives":
      return null;
    case "phrase":
    case "sentence":
    case "sentences":
    case "all":
      return "said";
    case "phrases":
      return "list";
    case "hosts":
      return "hosts";
  }
}
