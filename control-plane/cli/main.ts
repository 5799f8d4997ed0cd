/** The remotegpu command: talks HTTP only, prints tables for people and JSON for scripts. */
import { failureOf } from "./failure.ts";
import { writeMessage } from "./terminal/outputs.ts";
import { remotegpu } from "./program.ts";

// Whoever reads our output may have seen enough of it, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

// Not awaited here: the one file that is handed out is a script, in which nothing can be awaited outside of functions.
void remotegpu(process.argv.slice(2))
  .parseAsync()
  // Whoever completes a line waits for no server that has not answered in time.
  .then(() => process.argv[2] === "complete" && process.exit())
  .catch((error: unknown) => {
    const { exitCode, text } = failureOf(error);
    writeMessage(text);
    process.exitCode = exitCode;
  });
