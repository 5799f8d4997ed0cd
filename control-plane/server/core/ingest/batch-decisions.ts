/**
 * What the rows of a batch are worth: which are new, which stand under a key that is taken, whether they hang
 * together, and how much of each claim is possible. Pure: the database is read before and written after.
 */
import {
  entryText,
  GENESIS_HASH,
  type JournalBatch,
  type JournalRow,
  type UsageEntry,
} from "@remotegpu/shared/proof/journal-row";
import { followsInChain } from "@remotegpu/shared/proof/row-hash";
import { type Interval, type ProvenTime, withInterval } from "../billing/proven-time.ts";
import { type BootZero, checkClaim } from "./usage-check.ts";

export interface DecidedRow {
  readonly row: JournalRow;
  /** Its entry's entryText. */
  readonly text: string;
  readonly verdict: "accepted" | "quarantined" | "lost";
  readonly reason: string | null;
}

/** What a host claimed and does not count. */
export interface Quarantined {
  readonly seq: number | null;
  readonly runId: string | null;
  readonly reason: string;
  readonly excessMs: number | null;
  readonly entry: unknown;
  readonly hash: string | null;
}

/** What is known here of a run that rows speak of. */
export interface KnownRun {
  readonly id: string;
  readonly instanceId: string;
  readonly epoch: number;
  readonly hostId: string;
  readonly orderedAt: Date;
  readonly closedAt: Date | null;
}

/** A row with its entry's text: it is hashed, and kept. */
interface FreshRow {
  readonly row: JournalRow;
  readonly text: string;
}

export interface SortedRows {
  readonly fresh: readonly FreshRow[];
  /** Under a key that is taken by other content. */
  readonly conflicting: readonly JournalRow[];
  /** False when the rows do not hang together, or not with what is stored: then none of the fresh ones counts. */
  readonly isChained: boolean;
}

export function sortRows(batch: JournalBatch, known: ReadonlyMap<number, string>): SortedRows {
  const firstSeq = batch.rows[0]?.seq ?? 1;
  const before = firstSeq === 1 ? GENESIS_HASH : known.get(firstSeq - 1);
  let isChained = before === undefined || before === batch.previousHash;
  let previousHash = batch.previousHash;
  const taken = new Map<number, string>(known);
  const fresh: FreshRow[] = [];
  const conflicting: JournalRow[] = [];
  for (const [index, row] of batch.rows.entries()) {
    const text = entryText(row.entry);
    isChained &&= row.seq === firstSeq + index && followsInChain(batch.journalId, previousHash, row, text);
    previousHash = row.hash;
    const takenBy = taken.get(row.seq);
    taken.set(row.seq, takenBy ?? row.hash);
    if (takenBy === row.hash) continue;
    if (takenBy !== undefined) conflicting.push(row);
    else fresh.push({ row, text });
    // What follows a conflicting row hangs on a chain that is not the stored one.
    isChained &&= takenBy !== undefined || conflicting.length === 0;
  }
  return { fresh, conflicting, isChained };
}

/** Accepted proven intervals of a run in one boot. */
interface ProvenByBoot {
  readonly runId: string;
  readonly bootId: string;
  readonly intervals: Interval[];
}

export interface Decisions {
  readonly rows: readonly DecidedRow[];
  readonly setAside: readonly Quarantined[];
  readonly time: readonly ProvenByBoot[];
  /** All that is proven by now of each run that `time` adds to, in UTC. */
  readonly proven: ReadonlyMap<string, ProvenTime>;
  /** Runs whose final row is among these, in order. */
  readonly finished: readonly string[];
}

/** What each fresh row proves. `runs` are those the rows name, `zeros` how the clock of each boot stands to UTC. */
export function decideRows(
  sorted: SortedRows,
  context: {
    readonly hostId: string;
    readonly runs: ReadonlyMap<string, KnownRun>;
    readonly zeros: ReadonlyMap<string, BootZero>;
    /** What is proven of each run so far, in UTC; none where it is missing. */
    readonly proven: ReadonlyMap<string, ProvenTime>;
    readonly now: Date;
  },
): Decisions {
  const rows: DecidedRow[] = [];
  const setAsideRows = sorted.conflicting.map((row) => setAside(row, "same key, different content", null));
  const time = new Map<string, Map<string, ProvenByBoot>>();
  const finished = new Set<string>();
  const proven = new Map(context.proven);
  const added = new Map<string, ProvenTime>();
  const scene = { ...context, proven, isChained: sorted.isChained };
  for (const { row, text } of sorted.fresh) {
    const decision = decideRow(row, scene);
    rows.push({ row, text, verdict: decision.verdict, reason: decision.reason });
    if (decision.excess !== null) setAsideRows.push(setAside(row, decision.reason ?? "", decision.excess));
    if (row.entry.kind !== "usage") continue;
    if (decision.accepted !== null) {
      const { runId, bootId } = row.entry;
      addInterval(time, row.entry, decision.accepted);
      const zeroMs = context.zeros.get(bootId)?.utcAtZeroMs ?? 0;
      const { fromMs, toMs } = decision.accepted;
      const together = withInterval(proven.get(runId) ?? [], {
        fromMs: fromMs + zeroMs,
        toMs: toMs + zeroMs,
      });
      proven.set(runId, together);
      added.set(runId, together);
    }
    if (decision.isFinal) finished.add(row.entry.runId);
  }
  return {
    rows,
    setAside: setAsideRows,
    time: [...time.values()].flatMap((ofBoot) => [...ofBoot.values()]),
    proven: added,
    finished: [...finished].sort(),
  };
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
    hostId: string;
    isChained: boolean;
    runs: ReadonlyMap<string, KnownRun>;
    zeros: ReadonlyMap<string, BootZero>;
    proven: ReadonlyMap<string, ProvenTime>;
    now: Date;
  },
): RowDecision {
  const { entry } = row;
  const nothing = { accepted: null, excess: null, isFinal: false };
  if (entry.kind === "lost") return { ...nothing, verdict: "lost", reason: entry.reason };
  const run = context.runs.get(entry.runId);
  // Even a row whose time does not count may end its own run.
  const isFinal = entry.final && run !== undefined && isOwnRun(run, entry, context.hostId);
  if (!context.isChained) {
    const excess = Math.max(0, entry.endMs - entry.startMs);
    return { ...nothing, verdict: "quarantined", reason: "broken-chain", excess, isFinal };
  }
  const claim = checkClaim(entry, {
    hostId: context.hostId,
    run: run === undefined ? null : claimedRun(run, context.proven.get(run.id) ?? []),
    boot: context.zeros.get(entry.bootId) ?? null,
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

function isOwnRun(run: KnownRun, entry: UsageEntry, hostId: string): boolean {
  return run.hostId === hostId && run.instanceId === entry.instanceId && run.epoch === entry.placementEpoch;
}

function claimedRun(run: KnownRun, proven: ProvenTime) {
  return {
    hostId: run.hostId,
    instanceId: run.instanceId,
    placementEpoch: run.epoch,
    orderedAtMs: run.orderedAt.getTime(),
    closedAtMs: run.closedAt?.getTime() ?? null,
    proven,
  };
}

/** By boot, then by run. */
function addInterval(
  time: Map<string, Map<string, ProvenByBoot>>,
  { runId, bootId }: UsageEntry,
  interval: Interval,
): void {
  const ofBoot = time.get(bootId) ?? new Map<string, ProvenByBoot>();
  const known = ofBoot.get(runId);
  if (known !== undefined) known.intervals.push(interval);
  else time.set(bootId, ofBoot.set(runId, { runId, bootId, intervals: [interval] }));
}

export function setAside(row: JournalRow | undefined, reason: string, excessMs: number | null): Quarantined {
  return {
    seq: row?.seq ?? null,
    runId: row?.entry.kind === "usage" ? row.entry.runId : null,
    reason,
    excessMs,
    entry: row?.entry ?? null,
    hash: row?.hash ?? null,
  };
}
