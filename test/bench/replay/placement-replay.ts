/**
 * `npm run bench:placement -- --hosts FILE --tasks FILE`: replays a recorded cluster through the product's placement and
 * prints how much of its GPU each policy allocates; with `--departures` work ends, and what does not fit waits. Ends
 * with 2 where what is asked cannot be done.
 */
import { placementReport } from "./placement-report.ts";
import { ReplayError } from "./replay-error.ts";

try {
  process.stdout.write(placementReport(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ReplayError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
