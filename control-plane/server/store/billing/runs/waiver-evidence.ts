/** The sentence of free time, as its evidence has it: the text that goes into the ledger, and its code with parameters. */
import { inEnglish } from "../../../core/reasons/english/english.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

export function sentenceEvidence(sentence: Reason) {
  return {
    sentence: inEnglish(sentence),
    sentence_code: sentence.code,
    sentence_params: sentence.params,
  };
}
