/** Whether somebody means it: whoever is at a terminal is asked, and anybody else has to say so beforehand. */
import { safeLines } from "../terminal/safe-text.ts";
import { CliError } from "./cli-error.ts";

/** @throws CliError unless it is meant */
export async function confirmed(question: string, { isMeant }: { isMeant: boolean }): Promise<void> {
  if (isMeant) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CliError("usage", `${question} Say so with --yes.`);
  const { createInterface } = await import("node:readline/promises");
  const requesting = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await requesting.question(safeLines(`${question} [y/N] `));
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("usage", "Nothing was done.");
  } finally {
    requesting.close();
  }
}
