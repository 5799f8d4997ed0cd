/** `doctor`: asks the database whether it is what it must be, and says what is broken. Writes nothing. */
import { exitCodeOf, reportJson, reportText } from "@remotegpu/shared/doctor";
import type { Database } from "./store/database.ts";
import { examine } from "./store/doctor/examination.ts";

/** Answers the exit code: 0 all well, 1 something is broken, 2 something could not be checked. */
export async function doctorCommand(
  database: Database,
  { json = false, now }: { json?: boolean | undefined; now: Date },
  say: (text: string) => void,
): Promise<0 | 1 | 2> {
  const results = await examine(database, now);
  say(json ? reportJson(results) : reportText(results));
  return exitCodeOf(results);
}
