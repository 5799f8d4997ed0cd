/** Which of several was meant: whoever is at a terminal is asked, and anybody else is told of them. */
import { safeLines } from "../terminal/safe-text.ts";
import { CliError } from "./cli-error.ts";

/**
 * @param told a sentence without its end, what is said of each, and how one is named by whoever cannot be asked
 * @throws CliError where nobody is there to choose, and where none is chosen
 */
export async function chosenOf<One>(
  all: readonly One[],
  { title, line, otherwise }: { title: string; line: (one: One) => string; otherwise: string },
): Promise<One> {
  const lines = all.map((one, index) => `  ${index + 1}) ${line(one)}`.trimEnd());
  const choice = `${title}:\n${lines.join("\n")}`;
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new CliError("usage", `${choice}\n${otherwise}`);
  const { createInterface } = await import("node:readline/promises");
  const requesting = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const one = all[Number(await requesting.question(safeLines(`${choice}\nWhich? `))) - 1];
    if (one === undefined) throw new CliError("usage", "None was chosen.");
    return one;
  } finally {
    requesting.close();
  }
}
