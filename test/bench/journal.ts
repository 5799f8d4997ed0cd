/** How many ticks of one run the journal writes down in a second, beside bare inserts into SQLite on the same disk. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { meter, type MeteredRun } from "@remotegpu/agent/core/metering/metering";
import { EMIT_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { openJournal } from "@remotegpu/agent/journal/journal";
import { BootId, JournalId, RunId } from "@remotegpu/shared/ids";
import { runRecord } from "../support/samples/journal-samples.ts";
import { headLine, ratioLine, valuesLine, type Pair } from "./comparison.ts";

const ROUNDS = 5;
const COMMITS = 1_000;
const MS_PER_SECOND = 1_000;

export async function measureJournal(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  const journal = openJournal({ folder, newJournalId: () => JournalId.parse(randomUUID()) });
  ending.defer(() => journal.close());
  const bare = new Database(join(folder, "bare.sqlite"));
  ending.defer(() => void bare.close());
  bare.pragma("journal_mode = WAL");
  bare.pragma("synchronous = FULL");
  bare.exec("CREATE TABLE rows (seq INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash TEXT NOT NULL) STRICT");

  const record = runRecord("run-bench");
  journal.runs.save(record);
  const bootId = BootId.parse(randomUUID());
  const insert = bare.prepare("INSERT INTO rows (entry, hash) VALUES (?, ?)");
  const text = JSON.stringify({ ...record, padding: "x".repeat(100) });
  let nowMs = 0;
  /** Each tick gives a row, moves the interval, and is one commit. */
  const tick = () => {
    nowMs += EMIT_EVERY_MS;
    const process = { bootId, pid: 7, startTicks: 1, sinceMs: 0, life: { state: "alive" as const } };
    const run: MeteredRun = { ...record, runId: RunId.parse(record.runId), process, isOver: false };
    journal.record(meter([run], journal.intervals(), { bootId, nowMs, wallMs: nowMs }), nowMs);
  };

  const pairs: Pair[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    pairs.push({ ours: perSecond(tick), bare: perSecond(() => insert.run(text, "0".repeat(64))) });
  say(headLine(`Journal: commits in a second, synchronous=FULL (${ROUNDS} rounds of ${COMMITS})`));
  say(ratioLine("to bare inserts (higher is better)", pairs));
  say(
    valuesLine(
      "a tick: row, chain and interval",
      pairs.map(({ ours }) => ours),
      "/s",
    ),
  );
  say(
    valuesLine(
      "a bare insert",
      pairs.map(({ bare: value }) => value),
      "/s",
    ),
  );
}

function perSecond(commit: () => unknown): number {
  const beganMs = performance.now();
  for (let count = 0; count < COMMITS; count += 1) commit();
  return (COMMITS * MS_PER_SECOND) / (performance.now() - beganMs);
}
