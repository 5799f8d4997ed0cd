/** The remotegpu command: talks HTTP only, prints tables for people and JSON for scripts. */
import { CommanderError } from "commander";
import { CliError, EXIT_CODES } from "./cli-error.ts";
import { remotegpu } from "./program.ts";

// Whoever reads our output may have seen enough of it, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await remotegpu().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message already; help and version are no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
  if (error instanceof CliError) {
    process.stderr.write(`remotegpu: ${error.message}\n`);
    return EXIT_CODES[error.kind];
  }
  // A defect of ours, or an answer that no server of this version gives: a person has no use for where it was thrown.
  const said = error instanceof Error ? error.message : String(error);
  process.stderr.write(
    `remotegpu: This should not happen: ${said.split("\n")[0] ?? ""} (REMOTEGPU_TRACE=1 tells where.)\n`,
  );
  if (process.env["REMOTEGPU_TRACE"] === "1" && error instanceof Error)
    process.stderr.write(`${error.stack ?? ""}\n`);
  return EXIT_CODES.unavailable;
}
