/** The remotegpu command: talks HTTP only, prints tables for people and JSON for scripts. */
import { failureOf } from "./frame/failure.ts";
import { remotegpu } from "./program.ts";

// Whoever reads our output may have seen enough of it, as `head` does.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await remotegpu().parseAsync();
} catch (error) {
  const { exitCode, said } = failureOf(error);
  process.stderr.write(said);
  process.exitCode = exitCode;
}
