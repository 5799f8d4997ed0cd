/** What the journal's tests share: throwaway folders, rows to write, and a verifier of its own. */
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JournalId, RunId } from "@remotegpu/shared/values/ids";
import type { ReadRow } from "@remotegpu/shared/proof/journal-row";
import { meter } from "@remotegpu/agent/core/metering/metering";
import { openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { onTestFinished } from "vitest";
import { BALLAST_BYTES, BOOT, runRecord } from "../samples/journal-samples.ts";

/** A folder that goes with the test. */
export function journalFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "journal-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A journal that is closed with the test, if the test did not close it. */
export function journalIn(folder: string, ballastBytes = BALLAST_BYTES): Journal {
  const journal = openJournal({ folder, newJournalId: () => randomUUID() as JournalId, ballastBytes });
  onTestFinished(() => journal.close());
  return journal;
}

/** Meters the named runs at `nowMs` as alive (or over), and records the outcome. */
export function tick(journal: Journal, runIds: string[], nowMs: number, isOver = false): void {
  const now = { bootId: BOOT, nowMs, wallMs: Date.UTC(2026, 0, 1) + nowMs };
  const runs = runIds.map((runId) => {
    const { instanceId, placementEpoch } = runRecord(runId);
    const process = { bootId: BOOT, pid: 7, startTicks: 1, sinceMs: 0, life: { state: "alive" as const } };
    return { runId: runId as RunId, instanceId, placementEpoch, process, isOver };
  });
  const { isShortOfSpace } = journal;
  journal.record(meter(runs, journal.intervals(), now, { isShortOfSpace }), nowMs);
}

/** A journal with `count` rows of one run, a minute each (and a tick each, so they say `reconstructed`). */
export function journalWithRows(folder: string, count: number): Journal {
  const journal = journalIn(folder);
  journal.runs.save(runRecord("run-1"));
  for (let n = 0; n <= count; n += 1) tick(journal, ["run-1"], n * 60_000);
  return journal;
}

/** All rows that are still kept beyond `afterSeq`, as they would be sent. */
export function rowsOf(journal: Journal, afterSeq = 0): ReadRow[] {
  return journal.rows.verified(afterSeq, 100_000).rows;
}

/**
 * Checks a chain without any code of the product: hashes over JSON with sorted keys, consecutive seqs; a lost row is
 * taken at its word. Returns the seqs that do not fit.
 */
export function brokenLinks(
  journalId: string,
  rows: readonly ReadRow[],
  previousHash = "0".repeat(64),
): number[] {
  const broken: number[] = [];
  let before = previousHash;
  for (const [n, row] of rows.entries()) {
    const hash = hashOf(
      `["${journalId}",${row.seq},"${before}","${hashOf(sortedJson(row.entry.kind === "later" ? row.entry.raw : row.entry))}"]`,
    );
    const isNext = n === 0 || row.seq === (rows[n - 1]?.seq ?? 0) + 1;
    if (!isNext || (row.entry.kind !== "lost" && row.hash !== hash)) broken.push(row.seq);
    before = row.hash;
  }
  return broken;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Entries are flat: no nesting to sort. */
function sortedJson(entry: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(entry).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
