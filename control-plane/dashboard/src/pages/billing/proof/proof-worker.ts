/** Judges a proof beside the page: a run of months has thousands of signatures. */
import { judge } from "./judgement.ts";

addEventListener("message", ({ data }: MessageEvent<string>) => postMessage(judge(data)));
