/** Judges a proof beside the page: a run of months has thousands of signatures. */
import { judge, type Judgement } from "./judgement.ts";

export interface Asked {
  /** Stands in the answer, too: another may be asked for before it comes. */
  nth: number;
  text: string;
}

export interface Answered {
  nth: number;
  judgement: Judgement;
}

addEventListener("message", ({ data: { nth, text } }: MessageEvent<Asked>) => {
  const answer: Answered = { nth, judgement: judge(text) };
  postMessage(answer);
});
