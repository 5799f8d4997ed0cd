/**
 * `open-runs`: prints the runs in this host's journal that have not ended, one a line, beside a running agent or without one.
 * A host with any of them must not lose its journal.
 */
import type { Config } from "../config/config.ts";
import { NoJournalError, readJournal, UnreadableJournalError } from "../journal/journal-reading.ts";
import { CommandRefusedError } from "./command-refused.ts";

/** @throws CommandRefusedError where the journal or an entry of a run cannot be read */
export function openRuns({ stateDir }: Pick<Config, "stateDir">, print: (text: string) => void): void {
  try {
    const { runs, damaged } = readJournal(stateDir, (reading) => reading.state());
    const unreadable = damaged.find(({ table }) => table === "runs");
    if (unreadable !== undefined)
      throw new CommandRefusedError(`The journal's entry of the run ${unreadable.key} is damaged.`);
    for (const run of runs) if (run.end === null) print(`${run.instanceId} run ${run.runId}`);
  } catch (error) {
    // A host that has run nothing yet has none.
    if (error instanceof NoJournalError) return;
    if (!(error instanceof UnreadableJournalError)) throw error;
    throw new CommandRefusedError(error.message, { cause: error });
  }
}
