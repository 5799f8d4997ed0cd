/**
 * One lease in the access process's book, and how it changes. A lease is waiting until its number is bound, then
 * held; it is in conflict while a stranger sits on the number that it had; released is for good. Its times are on
 * the observed clock, which counts only while an access process runs. Pure: the keeper writes each change down
 * before the world follows it.
 */
import type { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { DesiredLease, LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { type HostStatement, worded } from "@remotegpu/shared/reasons/host-reports/statement";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";

/**
 * People are warned twice, so long before the release. A lease that is released after few hours is warned of later, in the
 * last quarter and the last tenth of them, so that the warning stays an exception.
 */
const WARN_BEFORE = {
  first: { ms: 12 * MS_PER_HOUR, share: 4 },
  last: { ms: MS_PER_HOUR, share: 10 },
} as const;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 60_000;

type LeaseState = ObservedLease["state"];
type ReleaseWarning = NonNullable<ObservedLease["releaseWarning"]>;

export type LeaseRecord = {
  leaseId: LeaseId;
  workloadId: WorkloadId;
  service: LeaseService;
  internalPort: number;
  autoReleaseHours: number;
  state: LeaseState;
  /** Written down before it is bound. */
  externalPort: number | null;
  /** The number has been bound, so others may know it: from then on it never changes. */
  wasHeld: boolean;
  /** Empty where there is nothing to say. */
  detail: string;
  /** The detail as a code; absent where it is empty, and where an agent of before wrote it. */
  reason?: HostReason | undefined;
  /** When it was bound first, or accessed last; later where other hours would have ended it unwarned. */
  idleSinceMs: number;
  /** Since when a stranger keeps its number; this time is not idle time. */
  conflictSinceMs: number | null;
  /** A label of the wall clock. */
  lastAccessedWallMs: number | null;
  bytesIn: number;
  bytesOut: number;
  releasedBecause: "ordered" | "idle" | null;
  releasedMs: number | null;
};

export type BindOutcome =
  | { kind: "bound" }
  /** Another program has the number. */
  | { kind: "taken" }
  /** Nothing is wrong with the number: the address is not there, or no more files may be open. */
  | { kind: "failed"; reason: HostReason };

export function newLease(desired: DesiredLease, nowMs: number): LeaseRecord {
  const { leaseId, workloadId, service, internalPort, autoReleaseHours } = desired;
  return {
    leaseId,
    workloadId,
    service,
    internalPort,
    autoReleaseHours,
    state: "waiting",
    externalPort: null,
    wasHeld: false,
    detail: "",
    idleSinceMs: nowMs,
    conflictSinceMs: null,
    lastAccessedWallMs: null,
    bytesIn: 0,
    bytesOut: 0,
    releasedBecause: null,
    releasedMs: null,
  };
}

/** What an order says of a lease that is known. Whose it is and what it leads to never changes under one id. */
export function reordered(lease: LeaseRecord, desired: DesiredLease, nowMs: number): LeaseRecord {
  if (lease.state === "released") return lease;
  if (desired.want === "released") return released(lease, "ordered", nowMs);
  return desired.autoReleaseHours === lease.autoReleaseHours
    ? lease
    : withHours(lease, desired.autoReleaseHours, nowMs);
}

/**
 * Other hours count from the last access as the old ones did. Where fewer would end the lease at once, or sooner than
 * people are warned, its idle time is counted as less: they have the time of the last warning, or what is left of an earlier one.
 */
function withHours(lease: LeaseRecord, autoReleaseHours: number, nowMs: number): LeaseRecord {
  const changed = { ...lease, autoReleaseHours };
  const atMs = lease.conflictSinceMs ?? nowMs;
  const leastMs = Math.min(warnBeforeMs(changed, "last"), idleEndMs(lease) - atMs);
  return { ...changed, idleSinceMs: lease.idleSinceMs + Math.max(0, leastMs - (idleEndMs(changed) - atMs)) };
}

function idleEndMs({ idleSinceMs, autoReleaseHours }: LeaseRecord): number {
  return idleSinceMs + autoReleaseHours * MS_PER_HOUR;
}

function warnBeforeMs({ autoReleaseHours }: LeaseRecord, which: ReleaseWarning): number {
  const { ms, share } = WARN_BEFORE[which];
  return Math.min(ms, (autoReleaseHours * MS_PER_HOUR) / share);
}

export function released(lease: LeaseRecord, because: "ordered" | "idle", nowMs: number): LeaseRecord {
  const hours = lease.autoReleaseHours;
  return {
    ...withDetail(lease, because === "idle" ? { code: "lease-idle", params: { hours } } : ""),
    state: "released",
    conflictSinceMs: null,
    releasedBecause: because,
    releasedMs: nowMs,
  };
}

/** A number that is about to be tried for the first time. */
export function withNumber(lease: LeaseRecord, externalPort: number): LeaseRecord {
  return { ...withDetail(lease, ""), state: "waiting", externalPort };
}

export function exhausted(lease: LeaseRecord, why: HostReason): LeaseRecord {
  return { ...withDetail(lease, why), state: "exhausted", externalPort: null };
}

function withDetail({ reason: _reason, ...lease }: LeaseRecord, detail: HostStatement): LeaseRecord {
  return { ...lease, ...worded(detail) };
}

export function afterBind(lease: LeaseRecord, outcome: BindOutcome, nowMs: number): LeaseRecord {
  const { externalPort, wasHeld, conflictSinceMs } = lease;
  if (outcome.kind === "bound") {
    // Bound again after a restart: nothing has changed, and a full disk must not stand in the way.
    if (lease.state === "held") return lease;
    const awayMs = conflictSinceMs === null ? 0 : nowMs - conflictSinceMs;
    const idleSinceMs = wasHeld ? lease.idleSinceMs + awayMs : nowMs;
    return { ...withDetail(lease, ""), state: "held", wasHeld: true, idleSinceMs, conflictSinceMs: null };
  }
  if (wasHeld) {
    const next = withDetail(lease, outcome.kind === "taken" ? portTaken(externalPort) : outcome.reason);
    if (lease.state === "conflict" && lease.detail === next.detail) return lease;
    return { ...next, state: "conflict", conflictSinceMs: conflictSinceMs ?? nowMs };
  }
  // Nobody knows the number yet, so another one will do.
  const why = outcome.kind === "taken" ? "" : outcome.reason;
  return { ...withDetail(lease, why), state: "waiting", externalPort: null };
}

function portTaken(port: number | null): HostStatement {
  return port === null ? "" : { code: "lease-port-taken", params: { port } };
}

/** How long to wait before a number is tried again, after so many failures in a row. */
export function bindAgainAfterMs(failures: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.max(0, failures - 1), LONGEST_RETRY_MS);
}

/** Somebody reached the service through it, or still does. */
export function accessed(
  lease: LeaseRecord,
  use: { nowMs: number; wallMs: number; isUsed: boolean; bytesIn: number; bytesOut: number },
): LeaseRecord {
  const bytesIn = lease.bytesIn + use.bytesIn;
  const bytesOut = lease.bytesOut + use.bytesOut;
  if (!use.isUsed) return { ...lease, bytesIn, bytesOut };
  return { ...lease, bytesIn, bytesOut, idleSinceMs: use.nowMs, lastAccessedWallMs: use.wallMs };
}

/** How long until it is released unless somebody connects; null while it cannot be reached at all. */
export function releaseDueInMs(lease: LeaseRecord, nowMs: number): number | null {
  if (lease.state !== "held") return null;
  return idleEndMs(lease) - nowMs;
}

export function isIdle(lease: LeaseRecord, nowMs: number): boolean {
  const dueInMs = releaseDueInMs(lease, nowMs);
  return dueInMs !== null && dueInMs <= 0;
}

/** The warning that people have had by now, if the release is near. */
export function warningDue(lease: LeaseRecord, nowMs: number): ReleaseWarning | null {
  const dueInMs = releaseDueInMs(lease, nowMs);
  if (dueInMs === null || dueInMs > warnBeforeMs(lease, "first")) return null;
  return dueInMs > warnBeforeMs(lease, "last") ? "first" : "last";
}
