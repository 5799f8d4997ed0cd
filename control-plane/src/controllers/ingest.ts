/**
 * Takes one batch of a host's journal into the database: every row decided once, proven time united, prices frozen,
 * a run whose final row is here charged, the watermark moved; all in one transaction. What a hostile or broken host
 * sends is set aside and counted, never an exception: those are for a world that failed, and bring the batch again.
 */
import type { HostId } from "@remotegpu/shared/ids";
import {
  followsInChain,
  GENESIS_HASH,
  type JournalBatch,
  type JournalRow,
  signedText,
  type UsageEntry,
} from "@remotegpu/shared/journal-row";
import type { BillingCalendar } from "../core/billing-calendar.ts";
import type { Interval } from "../core/proven-time.ts";
import { checkClaim } from "../core/usage-check.ts";
import { chargeRun } from "../store/charging.ts";
import { type Connection, type Database, transaction } from "../store/database.ts";
import { lockAccount } from "../store/ledger.ts";
import { freezePrices } from "../store/run-lines.ts";
import { addProvenTime, holdBootZeros, isBootExpected, updateProvenTime } from "../store/run-time.ts";
import { closeRun, lockRun, lockRuns, type Run } from "../store/runs.ts";
import {
  advanceWatermark,
  decidedHashes,
  type DecidedRow,
  insertUsageRows,
  type JournalKey,
  keepSignedHead,
  lockJournal,
  quarantine,
  type Quarantined,
} from "../store/usage.ts";

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
  /** Null where nothing of the batch was taken: an unknown host, or a signature that is not the host's. */
  readonly watermark: number | null;
}

/** The batch speaks of a boot whose first heartbeat is still to come: it has to come again. */
export class BootNotYetKnownError extends Error {
  override readonly name = "BootNotYetKnownError";
}

/** @throws StoreError, BootNotYetKnownError: the batch was not taken and must come again */
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
    const state = await lockJournal(tx, key, now);
    if (state === null) return { decided: 0, quarantined: 0, watermark: null };
    // Nobody can be held to rows that are not signed, so they are not even decided; the host sends them again.
    if (!isSigned || head === undefined) return refuseUnsigned(tx, key, head, now);

    const firstSeq = batch.rows[0]?.seq ?? head.seq;
    const known = await decidedHashes(tx, key, { firstSeq, lastSeq: head.seq });
    const sorted = sortRows(batch, known);
    const decisions = await decideRows(tx, { key, sorted, now });
    await insertUsageRows(tx, key, decisions.rows, now);
    const quarantined = await quarantine(tx, key, decisions.setAside, now);
    await countTime(tx, decisions, hostId);
    await closeAndCharge(tx, decisions, { now, calendar: deps.calendar });
    await keepSignedHead(tx, hostId, batch, now);
    const watermark = await advanceWatermark(tx, key, { firstSeq, lastSeq: head.seq, state, now });
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

interface SortedRows {
  readonly fresh: readonly JournalRow[];
  /** Under a key that is taken by other content. */
  readonly conflicting: readonly JournalRow[];
  /** False when the rows do not hang together, or not with what is stored: then none of the fresh ones counts. */
  readonly isChained: boolean;
}

function sortRows(batch: JournalBatch, known: ReadonlyMap<number, string>): SortedRows {
  const firstSeq = batch.rows[0]?.seq ?? 1;
  const before = firstSeq === 1 ? GENESIS_HASH : known.get(firstSeq - 1);
  let isChained = before === undefined || before === batch.previousHash;
  let previousHash = batch.previousHash;
  const taken = new Map<number, string>(known);
  const fresh: JournalRow[] = [];
  const conflicting: JournalRow[] = [];
  for (const [index, row] of batch.rows.entries()) {
    isChained &&= row.seq === firstSeq + index && followsInChain(batch.journalId, previousHash, row);
    previousHash = row.hash;
    const takenBy = taken.get(row.seq);
    taken.set(row.seq, takenBy ?? row.hash);
    if (takenBy === row.hash) continue;
    if (takenBy !== undefined) conflicting.push(row);
    else fresh.push(row);
    // What follows a conflicting row hangs on a chain that is not the stored one.
    isChained &&= takenBy !== undefined || conflicting.length === 0;
  }
  return { fresh, conflicting, isChained };
}

interface Decisions {
  readonly rows: readonly DecidedRow[];
  readonly setAside: readonly Quarantined[];
  /** Accepted proven intervals by run and boot. */
  readonly time: ReadonlyMap<string, { runId: string; bootId: string; intervals: Interval[] }>;
  readonly runs: ReadonlyMap<string, Run>;
  /** Runs whose final row is among these, in order. */
  readonly finished: readonly string[];
}

async function decideRows(
  tx: Connection,
  { key, sorted, now }: { key: JournalKey; sorted: SortedRows; now: Date },
): Promise<Decisions> {
  const entries = sorted.fresh.flatMap((row) => (row.entry.kind === "usage" ? [row.entry] : []));
  const runs = await lockRuns(tx, [...new Set(entries.map((entry) => entry.runId))]);
  const zeros = await bootZeros(tx, key, entries, now);
  const rows: DecidedRow[] = [];
  const setAsideRows = sorted.conflicting.map((row) => setAside(row, "same key, different content", null));
  const time = new Map<string, { runId: string; bootId: string; intervals: Interval[] }>();
  const finished = new Set<string>();
  for (const row of sorted.fresh) {
    const decision = decideRow(row, { key, isChained: sorted.isChained, runs, zeros, now });
    rows.push({ row, verdict: decision.verdict, reason: decision.reason });
    if (decision.excess !== null) setAsideRows.push(setAside(row, decision.reason, decision.excess));
    if (row.entry.kind !== "usage") continue;
    if (decision.accepted !== null) addInterval(time, row.entry, decision.accepted);
    if (decision.isFinal) finished.add(row.entry.runId);
  }
  return { rows, setAside: setAsideRows, time, runs, finished: [...finished].sort() };
}

interface RowDecision {
  readonly verdict: DecidedRow["verdict"];
  readonly reason: string | null;
  /** What proves time; null when nothing does. */
  readonly accepted: Interval | null;
  /** Milliseconds set aside; null when nothing is. */
  readonly excess: number | null;
  readonly isFinal: boolean;
}

function decideRow(
  row: JournalRow,
  context: {
    key: JournalKey;
    isChained: boolean;
    runs: ReadonlyMap<string, Run>;
    zeros: ReadonlyMap<string, number>;
    now: Date;
  },
): RowDecision {
  const { entry } = row;
  const nothing = { accepted: null, excess: null, isFinal: false };
  if (entry.kind === "lost") return { ...nothing, verdict: "lost", reason: entry.reason };
  const run = context.runs.get(entry.runId);
  // Even a row whose time does not count may end its own run.
  const isFinal = entry.final && run !== undefined && isOwnRun(run, entry, context.key.hostId);
  if (!context.isChained) {
    const excess = Math.max(0, entry.endMs - entry.startMs);
    return { ...nothing, verdict: "quarantined", reason: "broken-chain", excess, isFinal };
  }
  const claim = checkClaim(entry, {
    hostId: context.key.hostId,
    run: run === undefined ? null : placementOf(run),
    utcAtZeroMs: context.zeros.get(entry.bootId) ?? null,
    receivedAtMs: context.now.getTime(),
  });
  if (claim.verdict === "quarantined")
    return { ...nothing, verdict: "quarantined", reason: claim.reason, excess: claim.excessMs, isFinal };
  const isPart = claim.verdict === "accepted-in-part";
  return {
    verdict: "accepted",
    reason: isPart ? claim.reason : null,
    accepted: entry.proof === "unproven" ? null : claim.accepted,
    excess: isPart ? claim.excessMs : null,
    isFinal,
  };
}

function isOwnRun(run: Run, entry: UsageEntry, hostId: string): boolean {
  return run.hostId === hostId && run.instanceId === entry.instanceId && run.epoch === entry.placementEpoch;
}

function placementOf(run: Run) {
  return {
    hostId: run.hostId,
    instanceId: run.instanceId,
    placementEpoch: run.epoch,
    orderedAtMs: run.orderedAt.getTime(),
    closedAtMs: run.closedAt?.getTime() ?? null,
  };
}

async function bootZeros(
  tx: Connection,
  { hostId, journalId }: JournalKey,
  entries: readonly UsageEntry[],
  now: Date,
): Promise<Map<string, number>> {
  const bootIds = [...new Set(entries.map((entry) => entry.bootId))];
  const zeros = await holdBootZeros(tx, { hostId, bootIds, now });
  for (const bootId of bootIds)
    if (!zeros.has(bootId) && (await isBootExpected(tx, { hostId, journalId, bootId, now })))
      throw new BootNotYetKnownError(`host ${hostId} has sent no heartbeat of boot ${bootId} yet`);
  return zeros;
}

function addInterval(
  time: Map<string, { runId: string; bootId: string; intervals: Interval[] }>,
  entry: UsageEntry,
  interval: Interval,
): void {
  const key = `${entry.runId} ${entry.bootId}`;
  const known = time.get(key);
  if (known === undefined) time.set(key, { runId: entry.runId, bootId: entry.bootId, intervals: [interval] });
  else known.intervals.push(interval);
}

/** Unites the time and freezes the prices of runs that begin here, or earlier than was known. */
async function countTime(tx: Connection, decisions: Decisions, hostId: string): Promise<void> {
  for (const one of decisions.time.values()) await addProvenTime(tx, { ...one, hostId });
  for (const runId of new Set([...decisions.time.values()].map((one) => one.runId))) {
    const run = decisions.runs.get(runId);
    const first = (await updateProvenTime(tx, runId)).at(0);
    if (run === undefined || first === undefined) continue;
    if (run.firstProvenAt === null || first.fromMs < run.firstProvenAt.getTime())
      await freezePrices(tx, run, new Date(first.fromMs));
  }
}

/** The payers' balances are taken in the order of their ids before the first charge, so that nobody waits in a circle. */
async function closeAndCharge(
  tx: Connection,
  decisions: Decisions,
  { now, calendar }: { now: Date; calendar: BillingCalendar },
): Promise<void> {
  const payers = decisions.finished.flatMap((runId) => decisions.runs.get(runId)?.customerId ?? []);
  for (const customerId of [...new Set(payers)].sort((a, b) => a - b)) await lockAccount(tx, customerId);
  for (const runId of decisions.finished) {
    await closeRun(tx, runId, now);
    const run = await lockRun(tx, runId);
    if (run !== null) await chargeRun(tx, run, { at: now, provenBefore: null, calendar });
  }
}

function setAside(row: JournalRow | undefined, reason: string | null, excessMs: number | null): Quarantined {
  return {
    seq: row?.seq ?? null,
    runId: row?.entry.kind === "usage" ? row.entry.runId : null,
    reason: reason ?? "refused",
    excessMs,
    entry: row?.entry ?? null,
    hash: row?.hash ?? null,
  };
}
