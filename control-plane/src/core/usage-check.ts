/**
 * Is a usage row's claim possible? A host may claim time only for a run that was placed on it, not before the run
 * was ordered, not after the row arrived or the run was over. Only the excess is set aside; the rest is accepted.
 */
import type { UsageEntry } from "@remotegpu/shared/journal-row";
import type { Interval } from "./proven-time.ts";

/** What clocks are allowed to differ by: a fixed part for latency, and drift of 500 parts per million. */
export const CLAIM_TOLERANCE_MS = 2_000;
export const CLAIM_DRIFT_PPM = 500;

export const QUARANTINE_REASONS = [
  "unknown-run",
  "foreign-run",
  "wrong-placement",
  "backwards",
  "unknown-boot",
  "over-claim",
] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

/** What the control plane knows of the run and of the host's clock. */
export interface ClaimContext {
  readonly hostId: string;
  readonly run: {
    readonly hostId: string;
    readonly instanceId: string;
    readonly placementEpoch: number;
    readonly orderedAtMs: number;
    /** When the final row was decided; no time after it can be the run's. */
    readonly closedAtMs: number | null;
  } | null;
  /** UTC of the boot's zero; null for a boot the control plane never heard from. */
  readonly utcAtZeroMs: number | null;
  readonly receivedAtMs: number;
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
  const { run, utcAtZeroMs } = context;
  if (run === null) return refused("unknown-run");
  if (run.hostId !== context.hostId) return refused("foreign-run");
  if (run.instanceId !== entry.instanceId || run.placementEpoch !== entry.placementEpoch)
    return refused("wrong-placement");
  if (entry.endMs < entry.startMs) return refused("backwards");
  if (utcAtZeroMs === null) return refused("unknown-boot");

  const latestMs = Math.min(context.receivedAtMs, run.closedAtMs ?? Infinity) - utcAtZeroMs;
  const earliestMs = run.orderedAtMs - utcAtZeroMs;
  const accepted = {
    fromMs: Math.max(entry.startMs, earliestMs - toleranceMs(earliestMs)),
    toMs: Math.min(entry.endMs, latestMs + toleranceMs(latestMs)),
  };
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

/** Grows with the time since the boot, because the clock's zero was fixed near its beginning. */
function toleranceMs(sinceBootMs: number): number {
  return CLAIM_TOLERANCE_MS + Math.ceil((Math.abs(sinceBootMs) * CLAIM_DRIFT_PPM) / 1_000_000);
}
