/** The remotegpu command: talks HTTP only, prints tables for people and JSON for scripts. */
import { CommanderError, InvalidArgumentError } from "commander";
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
  // Of an argument that a command looked at itself; those that Commander looks at are printed by it.
  if (error instanceof InvalidArgumentError) {
    process.stderr.write(`remotegpu: ${error.message}\n`);
    return EXIT_CODES.usage;
  }
  // Commander has printed its own message already; help and version are no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_CODES.usage;
  if (error instanceof CliError) {
    process.stderr.write(`remotegpu: ${error.message}\n`);
    return EXIT_CODES[error.kind];
  }
  throw error;
}
