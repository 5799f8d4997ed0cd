/**
 * `npm run bench:queue -- --swf FILE`: replays a recorded log of batch jobs through the product's queue and prints the
 * mean bounded slowdown for each start. Ends with 2 where what is asked cannot be done.
 */
import { ReplayError } from "./replay-error.ts";
import { replayReport } from "./queue-report.ts";

try {
  process.stdout.write(replayReport(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ReplayError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
