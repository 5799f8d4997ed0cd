/**
 * Is a usage row's claim possible? A host may claim time only for a run that was placed on it, not before the run
 * was ordered, not after the row arrived or the run was over, and in all no more than has passed in between. Only the
 * excess is set aside; the rest is accepted.
 *
 * Both bounds are needed. Where an interval lies is known no better than the two clocks agree, and after a year of one
 * boot that is hours; how much time a run can have had is known to seconds, whatever its host says of its clock.
 */
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { beyond, type Interval, momentAfter, type ProvenTime, totalMs } from "../billing/proven-time.ts";

/** What clocks are allowed to differ by: a fixed part for latency, and drift of 500 parts per million. */
const CLAIM_TOLERANCE_MS = 2_000;
const CLAIM_DRIFT_PPM = 500;

const QUARANTINE_REASONS = [
  "unknown-run",
  "foreign-run",
  "wrong-placement",
  "backwards",
  "unknown-boot",
  "over-claim",
] as const;
type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

/** What the control plane knows of the run and of the host's clock. */
export interface ClaimContext {
  readonly hostId: string;
  readonly run: {
    readonly hostId: string;
    readonly instanceId: string;
    readonly placementEpoch: number;
    readonly orderedAtMs: number;
    /** When its end was known here; no time after it can be the run's. */
    readonly closedAtMs: number | null;
    /** What was accepted as proven before this row, in UTC. */
    readonly proven: ProvenTime;
  } | null;
  /** How the boot's clock stands to UTC; null for a boot the control plane never heard from. */
  readonly boot: BootZero | null;
  readonly receivedAtMs: number;
}

export interface BootZero {
  /** UTC at which the boot's clock was zero. */
  readonly utcAtZeroMs: number;
  /** When that was measured: the clocks may have drifted apart since, or before. */
  readonly measuredAtMs: number;
}

export type ClaimDecision =
  | { verdict: "accepted"; accepted: Interval }
  | { verdict: "accepted-in-part"; accepted: Interval; excessMs: number; reason: QuarantineReason }
  | { verdict: "quarantined"; excessMs: number; reason: QuarantineReason };

/** The accepted interval is on the host's monotonic clock, as the claim is. */
export function checkClaim(entry: UsageEntry, context: ClaimContext): ClaimDecision {
  const claimedMs = Math.max(0, entry.endMs - entry.startMs);
  const refused = (reason: QuarantineReason): ClaimDecision => ({
    verdict: "quarantined",
    excessMs: claimedMs,
    reason,
  });
  const { run, boot } = context;
  if (run === null) return refused("unknown-run");
  if (run.hostId !== context.hostId) return refused("foreign-run");
  if (run.instanceId !== entry.instanceId || run.placementEpoch !== entry.placementEpoch)
    return refused("wrong-placement");
  if (entry.endMs < entry.startMs) return refused("backwards");
  if (boot === null) return refused("unknown-boot");

  const accepted = possiblePart(entry, { run, boot, receivedAtMs: context.receivedAtMs });
  const acceptedMs = Math.max(0, accepted.toMs - accepted.fromMs);
  if (acceptedMs === claimedMs) return { verdict: "accepted", accepted };
  if (acceptedMs === 0) return refused("over-claim");
  return {
    verdict: "accepted-in-part",
    accepted,
    excessMs: claimedMs - acceptedMs,
    reason: "over-claim",
  };
}

function possiblePart(
  entry: UsageEntry,
  {
    run,
    boot,
    receivedAtMs,
  }: { run: NonNullable<ClaimContext["run"]>; boot: BootZero; receivedAtMs: number },
): Interval {
  const latestMs = Math.min(receivedAtMs, run.closedAtMs ?? Infinity);
  const driftMs = (atMs: number) => toleranceMs(Math.abs(atMs - boot.measuredAtMs));
  const placed = {
    fromMs: Math.max(entry.startMs + boot.utcAtZeroMs, run.orderedAtMs - driftMs(run.orderedAtMs)),
    toMs: Math.min(entry.endMs + boot.utcAtZeroMs, latestMs + driftMs(latestMs)),
  };
  const elapsedMs = Math.max(0, latestMs - run.orderedAtMs);
  const leftMs = Math.max(0, elapsedMs + toleranceMs(elapsedMs) - totalMs(run.proven));
  // Time that is proven already costs nothing of what is left, so rows may overlap and come twice.
  const added = beyond(run.proven, placed);
  const toMs = totalMs(added) > leftMs ? (momentAfter(added, leftMs) ?? placed.fromMs) : placed.toMs;
  return { fromMs: placed.fromMs - boot.utcAtZeroMs, toMs: toMs - boot.utcAtZeroMs };
}

function toleranceMs(spanMs: number): number {
  return CLAIM_TOLERANCE_MS + Math.ceil((spanMs * CLAIM_DRIFT_PPM) / 1_000_000);
}
