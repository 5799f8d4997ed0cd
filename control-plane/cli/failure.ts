/** What is left of a command that failed: a line on standard error, and an exit code. */
import { CommanderError } from "commander";
import { CliError, EXIT_CODES } from "./framework/cli-error.ts";

export function failureOf(error: unknown): { exitCode: number; text: string } {
  // Commander has printed its own message already; help and version are no failure.
  if (error instanceof CommanderError)
    return { exitCode: error.exitCode === 0 ? 0 : EXIT_CODES.usage, text: "" };
  if (error instanceof CliError)
    return { exitCode: EXIT_CODES[error.kind], text: `remotegpu: ${error.message}\n` };
  // A defect of ours, or an answer that no server of this version gives: a person has no use for where it was thrown.
  const message = error instanceof Error ? error.message : String(error);
  const text = `remotegpu: This should not happen: ${message.split("\n")[0] ?? ""} (REMOTEGPU_TRACE=1 tells where.)\n`;
  const isTraced = process.env["REMOTEGPU_TRACE"] === "1" && error instanceof Error;
  return {
    exitCode: EXIT_CODES.unavailable,
    text: isTraced ? `${text}${error.stack ?? ""}\n` : text,
  };
}
