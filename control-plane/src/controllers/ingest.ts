/**
 * Takes one batch of a host's journal into the database: every row decided once, proven time united, prices frozen,
 * a run whose final row is here charged, the watermark moved; all in one transaction. What a hostile or broken host
 * sends is set aside and counted, never an exception: those are for a world that failed, and bring the batch again.
 */
import type { HostId } from "@remotegpu/shared/ids";
import {
  type JournalBatch,
  type JournalRow,
  signedText,
  type UsageEntry,
} from "@remotegpu/shared/journal-row";
import type { BillingCalendar } from "../core/billing-calendar.ts";
import type { BootZero } from "../core/usage-check.ts";
import { type Decisions, decideRows, setAside, type SortedRows, sortRows } from "./batch-decisions.ts";
import { chargeRun } from "../store/billing/charging.ts";
import { type Connection, type Database, transaction } from "../store/database.ts";
import { lockAccount } from "../store/billing/ledger.ts";
import { refusedNewcomer } from "../store/hosts/newcomers.ts";
import { freezePrices } from "../store/billing/run-lines.ts";
import {
  addProvenTime,
  holdBootZeros,
  isBootExpected,
  provenTimes,
  updateProvenTime,
} from "../store/billing/run-time.ts";
import { closeRun, lockRun, lockRuns, type Run } from "../store/billing/runs.ts";
import {
  advanceWatermark,
  decidedHashes,
  insertUsageRows,
  type JournalKey,
  keepSignedHead,
  lockJournal,
  quarantine,
} from "../store/billing/usage.ts";

const MAX_REASON_LENGTH = 500;

/** True when the host's key made this signature (base64) of the text. */
export type VerifySignature = (hostId: HostId, text: string, signature: string) => Promise<boolean>;

export interface IngestDeps {
  readonly db: Database;
  readonly verify: VerifySignature;
  readonly calendar: BillingCalendar;
}

export interface IngestReport {
  /** Rows decided now; the rest of the batch was known. */
  readonly decided: number;
  readonly quarantined: number;
  /** Null where nothing of the batch was taken: an unknown host, a journal too many, or a signature that is not the host's. */
  readonly watermark: number | null;
}

/** The batch speaks of a boot whose first heartbeat is still to come: it has to come again. */
export class BootNotYetKnownError extends Error {
  override readonly name = "BootNotYetKnownError";
}

/** The host has shown a restored database and not reported since: its runs may not be known yet. */
export class HostNotYetMergedError extends Error {
  override readonly name = "HostNotYetMergedError";
}

/** @throws StoreError, BootNotYetKnownError, HostNotYetMergedError: the batch was not taken and must come again */
export async function ingestBatch(
  deps: IngestDeps,
  hostId: HostId,
  batch: JournalBatch,
  now: Date,
): Promise<IngestReport> {
  const head = batch.rows.at(-1);
  const isSigned =
    head !== undefined &&
    (await deps.verify(hostId, signedText(batch.journalId, head.seq, head.hash), batch.signature));
  return transaction(deps.db, async (tx) => {
    const key = { hostId, journalId: batch.journalId };
    if ((await refusedNewcomer(tx, { hostId, kind: "journal", id: batch.journalId, now })) !== null)
      return { decided: 0, quarantined: 0, watermark: null };
    const state = await lockJournal(tx, key, now);
    if (state === null) return { decided: 0, quarantined: 0, watermark: null };
    // Nobody can be held to rows that are not signed, so they are not even decided; the host sends them again.
    if (!isSigned || head === undefined) return refuseUnsigned(tx, key, head, now);
    if (state.awaitsReport)
      throw new HostNotYetMergedError(`host ${hostId} has not reported since the database was restored`);

    // Not by position: nothing says that a hostile host sends its rows in order.
    const seqs = batch.rows.map((row) => row.seq);
    const [firstSeq, lastSeq] = [Math.min(...seqs), Math.max(...seqs)];
    const known = await decidedHashes(tx, key, { firstSeq, lastSeq });
    const sorted = sortRows(batch, known);
    const runs = await lockRuns(tx, [...new Set(entriesOf(sorted).map((entry) => entry.runId))]);
    const zeros = await bootZeros(tx, key, { sorted, now });
    const proven = await provenTimes(tx, [...runs.keys()]);
    const decisions = decideRows(sorted, { hostId, runs, zeros, proven, now });
    await insertUsageRows(tx, key, decisions.rows, now);
    const quarantined = await quarantine(tx, key, decisions.setAside, now);
    await countTime(tx, { decisions, runs, hostId });
    await closeAndCharge(tx, { finished: decisions.finished, runs }, { now, calendar: deps.calendar });
    await keepSignedHead(tx, hostId, batch, now);
    const watermark = await advanceWatermark(tx, key, { firstSeq, lastSeq, state, now });
    return { decided: decisions.rows.length, quarantined, watermark };
  });
}

/** Something on a host's journal subject that is no batch. */
export async function recordMalformed(
  db: Database,
  hostId: string | null,
  reason: string,
  now: Date,
): Promise<void> {
  if (hostId === null) return;
  // The reason may quote what the host sent.
  const entry = { reason: reason.slice(0, MAX_REASON_LENGTH).replaceAll("\0", "").toWellFormed() };
  const row = { seq: null, runId: null, reason: "malformed", excessMs: null, entry, hash: null };
  await transaction(db, async (tx) => {
    const { rowCount } = await tx.query("SELECT FROM hosts WHERE id = $1", [hostId]);
    if (rowCount > 0) await quarantine(tx, { hostId, journalId: null }, [row], now);
  });
}

async function refuseUnsigned(
  tx: Connection,
  key: JournalKey,
  head: JournalRow | undefined,
  now: Date,
): Promise<IngestReport> {
  const row = setAside(head, "bad-signature", null);
  return { decided: 0, quarantined: await quarantine(tx, key, [row], now), watermark: null };
}

function entriesOf(sorted: SortedRows): UsageEntry[] {
  return sorted.fresh.flatMap((row) => (row.entry.kind === "usage" ? [row.entry] : []));
}

/** @throws BootNotYetKnownError for a boot that may still announce itself */
async function bootZeros(
  tx: Connection,
  { hostId, journalId }: JournalKey,
  { sorted, now }: { sorted: SortedRows; now: Date },
): Promise<Map<string, BootZero>> {
  const bootIds = [...new Set(entriesOf(sorted).map((entry) => entry.bootId))];
  const zeros = await holdBootZeros(tx, { hostId, bootIds, now });
  for (const bootId of bootIds)
    if (!zeros.has(bootId) && (await isBootExpected(tx, { hostId, journalId, bootId, now })))
      throw new BootNotYetKnownError(`host ${hostId} has sent no heartbeat of boot ${bootId} yet`);
  return zeros;
}

/** Unites the time and freezes the prices of runs that begin here, or earlier than was known. */
async function countTime(
  tx: Connection,
  counted: { decisions: Decisions; runs: ReadonlyMap<string, Run>; hostId: string },
): Promise<void> {
  const { decisions, runs, hostId } = counted;
  for (const one of decisions.time) await addProvenTime(tx, { ...one, hostId });
  for (const runId of new Set(decisions.time.map((one) => one.runId))) {
    const run = runs.get(runId);
    const first = (await updateProvenTime(tx, runId)).at(0);
    if (run === undefined || first === undefined) continue;
    if (run.firstProvenAt === null || first.fromMs < run.firstProvenAt.getTime())
      await freezePrices(tx, run, new Date(first.fromMs));
  }
}

/** The payers' balances are taken in the order of their ids before the first charge, so that nobody waits in a circle. */
async function closeAndCharge(
  tx: Connection,
  { finished, runs }: { finished: readonly string[]; runs: ReadonlyMap<string, Run> },
  { now, calendar }: { now: Date; calendar: BillingCalendar },
): Promise<void> {
  const payers = finished.flatMap((runId) => runs.get(runId)?.customerId ?? []);
  for (const customerId of [...new Set(payers)].sort((a, b) => a - b)) await lockAccount(tx, customerId);
  for (const runId of finished) {
    await closeRun(tx, runId, now);
    const run = await lockRun(tx, runId);
    if (run !== null) await chargeRun(tx, run, { at: now, provenBefore: null, calendar });
  }
}
