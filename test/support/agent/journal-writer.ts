/**
 * A process that writes to the journal of the folder it is given as fast as it can, until it is killed: a row for
 * each tick, and a line with the head's seq once the tick is said to be on the disk.
 */
import { randomUUID } from "node:crypto";
import type { JournalId, RunId } from "@remotegpu/shared/values/ids";
import { openJournal } from "@remotegpu/agent/journal/journal";
import { meter } from "@remotegpu/agent/core/metering/metering";
import { runRecord, BALLAST_BYTES, BOOT } from "../samples/journal-samples.ts";

const [folder = "", runId = ""] = process.argv.slice(2);
const MS_PER_TICK = 60_000;
const MAX_TICKS = 1_000_000;

const journal = openJournal({
  folder,
  newJournalId: () => randomUUID() as JournalId,
  ballastBytes: BALLAST_BYTES,
});
const record = runRecord(runId);
journal.runs.save(record);
const { instanceId, placementEpoch } = record;
for (let n = 0; n < MAX_TICKS; n += 1) {
  const nowMs = n * MS_PER_TICK;
  const life = { state: "alive" as const };
  const process_ = { bootId: BOOT, pid: 7, startTicks: 1, sinceMs: 0, life };
  const run = { runId: runId as RunId, instanceId, placementEpoch, process: process_, isOver: false };
  journal.record(meter([run], journal.intervals(), { bootId: BOOT, nowMs, wallMs: nowMs }), nowMs);
  process.stdout.write(`${journal.head().headSeq}\n`);
}
