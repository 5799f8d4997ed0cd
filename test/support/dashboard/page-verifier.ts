/** The verifier of proofs as the page has it, bundled: a file that listens for texts and says what it judges of each. */
import { readFile } from "node:fs/promises";
import { runInThisContext } from "node:vm";
import type { Judgement } from "@remotegpu/dashboard/pages/billing/proof/judgement";
import { builtDashboard, manifestOf } from "./built.ts";

type Listener = (message: { data: { nth: number; text: string } }) => void;
interface Answer {
  nth: number;
  judgement: Judgement;
}
type Bundle = (listen: (kind: string, listener: Listener) => void, post: (answer: Answer) => void) => void;

export async function pageVerifier(): Promise<(text: string) => Judgement> {
  const folder = await builtDashboard();
  const files = Object.values(await manifestOf(folder)).flatMap(({ assets = [] }) => assets);
  const [file, ...more] = new Set(files.filter((one) => one.includes("proof-worker")));
  if (file === undefined || more.length > 0) throw new Error("there is not one worker of proofs");
  const code = await readFile(`${folder}/${file}`, "utf8");
  const bundle = runInThisContext(`(addEventListener, postMessage) => {${code}}`) as Bundle;
  const listeners: Listener[] = [];
  const answers: Answer[] = [];
  bundle(
    (_, listener) => listeners.push(listener),
    (answer) => answers.push(answer),
  );
  return (text) => {
    for (const listener of listeners) listener({ data: { nth: 1, text } });
    const answer = answers.pop();
    if (answer === undefined) throw new Error("it said nothing");
    return answer.judgement;
  };
}
