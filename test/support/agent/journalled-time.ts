/** What an agent has written down of a run, read from its own file. */
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { JournalEntry } from "@remotegpu/shared/proof/journal-row";

/** The time of a run that it has proof of, in ms. @param folder the agent's state folder */
export function journalledMs(folder: string, runId: string): number {
  const journal = new Sqlite(join(folder, "journal.sqlite"), { readonly: true });
  try {
    const rows = journal.prepare<[], { entry: string }>("SELECT entry FROM rows").all();
    return rows
      .map(({ entry }) => JournalEntry.parse(JSON.parse(entry)))
      .filter((entry) => entry.kind === "usage")
      .filter((entry) => entry.runId === runId && entry.proof !== "unproven")
      .reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  } finally {
    journal.close();
  }
}

/** The newest row of the journal. @param folder the agent's state folder */
export function journalHead(folder: string): { journalId: string; seq: number } {
  const journal = new Sqlite(join(folder, "journal.sqlite"), { readonly: true });
  try {
    const head = journal
      .prepare<[], { journalId: string; seq: number }>(
        "SELECT journal_id AS journalId, head_seq AS seq FROM meta",
      )
      .get();
    if (head === undefined) throw new Error(`the journal in ${folder} has no head`);
    return head;
  } finally {
    journal.close();
  }
}
