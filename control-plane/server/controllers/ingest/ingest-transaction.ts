/**
 * The one transaction of ingest: every row decided once, proven time united, prices frozen, runs whose final rows are
 * here charged, watermarks moved. It asks the same few questions whatever the number of hosts, runs and rows. A run is
 * of one host, so the batches of different hosts decide nothing about each other; they only share payers.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import type { BillingCalendar } from "../../core/billing/billing-calendar.ts";
import type { ProvenTime } from "../../core/billing/proven-time.ts";
import {
  type Decisions,
  decideRows,
  setAside,
  type SortedRows,
  sortRows,
} from "../../core/ingest/batch-decisions.ts";
import type { BootZero } from "../../core/ingest/usage-check.ts";
import { chargeRuns } from "../../store/billing/ledger/charging.ts";
import { freezePrices, type PriceTaking } from "../../store/billing/runs/run-lines.ts";
import {
  addProvenTimes,
  holdBootZeros,
  provenTimes,
  unexpectedBoots,
} from "../../store/billing/runs/run-time.ts";
import { restoreHold } from "../../store/database/restore-hold.ts";
import { type RunTotals, writeRunTotals } from "../../store/billing/runs/run-totals.ts";
import { lockRuns, type Run } from "../../store/billing/runs/runs.ts";
import type { Transaction } from "../../store/database/database.ts";
import { refusedNewcomers } from "../../store/hosts/newcomers.ts";
import { advanceWatermarks, lockJournals, type LockedJournal } from "../../store/usage/journals.ts";
import { quarantine } from "../../store/usage/quarantine.ts";
import { decidedHashes, insertUsageRows, keepSignedHeads } from "../../store/usage/usage-rows.ts";

export interface Delivery {
  readonly hostId: HostId;
  readonly batch: JournalBatch;
  /** Left out: long enough ago that nothing more is to be heard of it. */
  readonly sentAt?: Date;
}

export interface SignedDelivery extends Delivery {
  /** By a key of its host. */
  readonly isSigned: boolean;
}

export interface IngestReport {
  /** Rows decided now; the rest of the batch was known. */
  readonly decided: number;
  readonly quarantined: number;
  /** Null where nothing of the batch was taken: an unknown host, a journal too many, or a signature that is not the host's. */
  readonly watermark: number | null;
}

/** The batch speaks of a boot whose first heartbeat is still to come: it has to come again. */
class BootNotYetKnownError extends Error {
  override readonly name = "BootNotYetKnownError";
}

/** The host has shown a restored database and not reported since: its runs may not be known yet. */
class HostNotYetMergedError extends Error {
  override readonly name = "HostNotYetMergedError";
}

/**
 * The batch speaks of a run that nobody knows, and its host has not been heard since it was sent: the database may have been
 * restored, which the next heartbeat would show.
 */
class RunNotYetKnownError extends Error {
  override readonly name = "RunNotYetKnownError";
}

/** Some heartbeats long; a host that is silent for so long keeps back what else it has sent no longer. */
const HEARD_WITHIN_MS = 60_000;

/** These hosts' batches cannot be decided yet, so the transaction is taken back. */
export class MustComeAgainError extends Error {
  override readonly name = "MustComeAgainError";
  readonly reasons: ReadonlyMap<HostId, Error>;

  constructor(reasons: ReadonlyMap<HostId, Error>) {
    super(`batches of ${[...reasons.keys()].join(", ")} must come again`);
    this.reasons = reasons;
  }
}

/**
 * @returns reports of the deliveries in their order
 * @throws MustComeAgainError
 */
export async function decideBatch(
  sql: Transaction,
  deliveries: readonly SignedDelivery[],
  { now, calendar }: { now: Date; calendar: BillingCalendar },
): Promise<IngestReport[]> {
  const held = await holdJournals(sql, deliveries, now);
  // Nobody can be held to rows that are not signed, so they are not even decided; the host sends them again.
  const forged = held.filter(({ isSigned }) => !isSigned);
  const batches = held.filter(({ isSigned }) => isSigned);
  refuseUnmerged(batches);

  const sorted = await sortBatches(sql, batches);
  const runs = await lockRuns(sql, [...new Set(sorted.flatMap(({ runIds }) => [...runIds]))]);
  refuseUnheard(sorted, runs, now);
  const zeros = await bootZeros(sql, sorted, now);
  const proven = await provenTimes(sql, [...runs.keys()]);
  const decided = sorted.map((batch) => ({
    ...batch,
    decisions: decideRows(batch.sorted, {
      hostId: batch.hostId,
      runs,
      zeros: zeros.get(batch.hostId) ?? new Map<string, BootZero>(),
      proven,
      now,
    }),
  }));

  await insertUsageRows(
    sql,
    decided.map(({ decisions: { rows }, ...key }) => ({ ...key, rows })),
    now,
  );
  const quarantined = await setAsideAll(sql, { decided, forged }, now);
  await countTime(sql, { decided, runs, proven }, { now, calendar });
  const watermarks = await finishBatches(sql, decided, now);

  const counts = new Map(decided.map(({ hostId, decisions }) => [hostId, decisions.rows.length]));
  return deliveries.map(({ hostId }) => ({
    decided: counts.get(hostId) ?? 0,
    quarantined: quarantined.get(hostId) ?? 0,
    watermark: watermarks.get(hostId) ?? null,
  }));
}

interface HeldBatch extends SignedDelivery {
  readonly journalId: string;
  readonly state: LockedJournal;
}

/** Those whose host and journal may be listened to, with their journals held. */
async function holdJournals(
  sql: Transaction,
  deliveries: readonly SignedDelivery[],
  now: Date,
): Promise<HeldBatch[]> {
  const reported = deliveries.map((delivery) => ({ ...delivery, journalId: delivery.batch.journalId }));
  const newcomers = reported.map(({ hostId, journalId }) => ({ hostId, id: journalId }));
  const refused = await refusedNewcomers(sql, "journal", newcomers, now);
  const heard = reported.filter(({ hostId }) => !refused.has(hostId));
  const states = await lockJournals(sql, heard, now);
  return heard.flatMap((delivery) => {
    const state = states.get(delivery.hostId);
    return state === undefined ? [] : { ...delivery, state };
  });
}

function refuseUnmerged(batches: readonly HeldBatch[]): void {
  mayAllBeDecided(
    batches
      .filter(({ state }) => state.awaitsReport)
      .map(({ hostId }) => [
        hostId,
        new HostNotYetMergedError(`host ${hostId} has not reported since the database was restored`),
      ]),
  );
}

function refuseUnheard(batches: readonly SortedBatch[], runs: ReadonlyMap<string, Run>, now: Date): void {
  mayAllBeDecided(
    batches.flatMap(({ hostId, sentAt, state: { heardAt }, runIds }): [HostId, Error][] => {
      const unknown = [...runIds].find((id) => !runs.has(id));
      if (unknown === undefined || sentAt === undefined) return [];
      const isHeardSince = heardAt !== null && heardAt > sentAt;
      if (isHeardSince || now.getTime() - sentAt.getTime() >= HEARD_WITHIN_MS) return [];
      const why = `host ${hostId} speaks of run ${unknown}, which is not known, and was not heard since`;
      return [[hostId, new RunNotYetKnownError(why)]];
    }),
  );
}

function mayAllBeDecided(reasons: readonly [HostId, Error][]): void {
  if (reasons.length > 0) throw new MustComeAgainError(new Map(reasons));
}

interface SortedBatch extends HeldBatch {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly known: ReadonlyMap<number, string>;
  readonly sorted: SortedRows;
  /** The runs of its fresh rows. */
  readonly runIds: ReadonlySet<string>;
  readonly bootIds: ReadonlySet<string>;
}

async function sortBatches(sql: Transaction, batches: readonly HeldBatch[]): Promise<SortedBatch[]> {
  // Not by position: nothing says that a hostile host sends its rows in order.
  const spans = batches.map((held) => {
    const seqs = held.batch.rows.map(({ seq }) => seq);
    return { ...held, firstSeq: Math.min(...seqs), lastSeq: Math.max(...seqs) };
  });
  const hashes = await decidedHashes(sql, spans);
  return spans.map((span) => {
    const known = hashes.get(span.hostId) ?? new Map<number, string>();
    const sorted = sortRows(span.batch, known);
    return { ...span, known, sorted, ...namesOf(sorted) };
  });
}

function namesOf({ fresh }: SortedRows): Pick<SortedBatch, "runIds" | "bootIds"> {
  const runIds = new Set<string>();
  const bootIds = new Set<string>();
  for (const { row } of fresh) {
    const { entry } = row;
    if (entry.kind !== "usage") continue;
    runIds.add(entry.runId);
    bootIds.add(entry.bootId);
  }
  return { runIds, bootIds };
}

/** @throws MustComeAgainError for boots that may still announce themselves */
async function bootZeros(
  sql: Transaction,
  batches: readonly SortedBatch[],
  now: Date,
): Promise<Map<string, Map<string, BootZero>>> {
  const boots = batches.flatMap(({ hostId, journalId, bootIds }) =>
    [...bootIds].map((bootId) => ({ hostId, journalId, bootId })),
  );
  const zeros = await holdBootZeros(sql, boots, now);
  const unknown = boots.filter(({ hostId, bootId }) => zeros.get(hostId)?.has(bootId) !== true);
  if (unknown.length === 0) return zeros;
  const over = new Set(await unexpectedBoots(sql, unknown, now));
  mayAllBeDecided(
    unknown
      .filter((boot) => !over.has(boot))
      .map(({ hostId, bootId }) => [
        hostId,
        new BootNotYetKnownError(`host ${hostId} has sent no heartbeat of boot ${bootId} yet`),
      ]),
  );
  return zeros;
}

interface DecidedBatch extends SortedBatch {
  readonly decisions: Decisions;
}

async function setAsideAll(
  sql: Transaction,
  { decided, forged }: { decided: readonly DecidedBatch[]; forged: readonly HeldBatch[] },
  now: Date,
): Promise<Map<string, number>> {
  const refused = decided.flatMap(({ hostId, journalId, decisions }) =>
    decisions.setAside.map((row) => ({ ...row, hostId, journalId })),
  );
  const unsigned = forged.map(({ hostId, journalId, batch }) => {
    return { ...setAside(batch.rows.at(-1), "bad-signature", null), hostId, journalId };
  });
  return quarantine(sql, [...refused, ...unsigned], now);
}

/**
 * Unites the time, freezes the prices of runs that begin here, or earlier than was known, and charges those that end. On a
 * restored database that is held they are only closed: the hours that were lost charge them, each under its own name, once
 * the usage of all hosts is here.
 */
async function countTime(
  sql: Transaction,
  {
    decided,
    runs,
    proven: before,
  }: {
    decided: readonly DecidedBatch[];
    runs: ReadonlyMap<string, Run>;
    proven: ReadonlyMap<string, ProvenTime>;
  },
  { now, calendar }: { now: Date; calendar: BillingCalendar },
): Promise<void> {
  await addProvenTimes(
    sql,
    decided.flatMap(({ hostId, decisions }) => decisions.time.map((time) => ({ ...time, hostId }))),
  );
  const proven = new Map(decided.flatMap(({ decisions }) => [...decisions.proven]));
  const firsts = new Map(
    [...proven].flatMap(([runId, time]) => {
      const first = time.at(0);
      return first === undefined ? [] : [[runId, new Date(first.fromMs)] as const];
    }),
  );
  const takings = [...firsts].flatMap(([runId, at]): PriceTaking[] => {
    const run = runs.get(runId);
    if (run === undefined || (run.firstProvenAt !== null && at >= run.firstProvenAt)) return [];
    return [{ run, at }];
  });
  await freezePrices(sql, takings);

  const finished = new Set(decided.flatMap(({ decisions }) => decisions.finished));
  const isHeld = finished.size > 0 && (await restoreHold(sql)) !== null;
  const going = [...proven].filter(([runId]) => firsts.has(runId) && !finished.has(runId));
  // In the order of their ids, as they are held.
  const ended = [...runs.values()].filter(({ id }) => finished.has(id));
  const closed = isHeld
    ? ended.map((run) => closedUncharged(run, proven.get(run.id) ?? before.get(run.id), now))
    : [];
  await writeRunTotals(sql, [
    ...going.map(([runId, time]): RunTotals => ({ runId, proven: time, closedAt: null, bill: null })),
    ...closed,
  ]);
  if (isHeld) return;
  await chargeRuns(
    sql,
    ended.map((run) => ({
      ...run,
      closedAt: run.closedAt ?? now,
      firstProvenAt: firsts.get(run.id) ?? run.firstProvenAt,
    })),
    new Map([...before, ...proven]),
    { at: now, provenBefore: null, calendar },
  );
}

function closedUncharged({ id, closedAt }: Run, proven: ProvenTime = [], now: Date): RunTotals {
  return { runId: id, proven, closedAt: closedAt ?? now, bill: null };
}

async function finishBatches(
  sql: Transaction,
  decided: readonly DecidedBatch[],
  now: Date,
): Promise<Map<string, number>> {
  if (decided.length === 0) return new Map();
  await keepSignedHeads(sql, decided, now);
  const batches = decided.map((batch) => {
    const stored = new Map(batch.known);
    for (const { row } of batch.decisions.rows) stored.set(row.seq, row.hash);
    return { ...batch, stored };
  });
  return advanceWatermarks(sql, batches, now);
}
