/** Judges a proof beside the page: a run of months has thousands of signatures. */
import { judge, type Judgement } from "./judgement.ts";

export interface ProofRequest {
  /** Stands in the answer, too: another may be asked for before it comes. */
  nth: number;
  text: string;
}

export interface Answered {
  nth: number;
  judgement: Judgement;
}

addEventListener("message", ({ data: { nth, text } }: MessageEvent<ProofRequest>) => {
  const answer: Answered = { nth, judgement: judge(text) };
  postMessage(answer);
});
