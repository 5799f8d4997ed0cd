/**
 * What the agent's report says of each lease: its state, whether somebody answers, and times and bytes in steps, so that
 * they do not flicker.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { ObservedLease } from "@remotegpu/shared/instance/lease";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { worded, type Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Answer } from "../../core/leases/answer.ts";
import { releaseDueInMs, type LeaseRecord, warningDue } from "../../core/leases/lease.ts";

/** Each new label is a new report of the whole host, so a lease in steady use makes one in five minutes. */
const ACCESS_STEP_MS = 5 * MS_PER_MINUTE;
/** The two clocks drift against each other; a label that would move by less stays what it was. */
const DUE_STEP_MS = 2 * MS_PER_MINUTE;
/** While guesses go on strangers have a try for a moment every two minutes; that is no change. */
const SHUT_STEP_MS = 5 * MS_PER_MINUTE;
const MAX_DETAIL = 200;

export class ObservedLeases {
  readonly #dueWallMs = new Map<LeaseId, number>();
  /** As told since the last step; all leases change together. */
  #bytes = new Map<LeaseId, { bytesIn: number; bytesOut: number }>();
  #bytesStep = -1;
  /** Until when passwords of strangers count for nothing, by what was told last. */
  #shutUntilMs = new Map<LeaseId, number>();

  /**
   * @param now nowMs on the observed clock; answerOf: null while nobody has looked; shutUntilMs: until when passwords of
   * strangers count for nothing, on the wall clock, null where they count
   */
  of(
    leases: readonly LeaseRecord[],
    {
      nowMs,
      wallMs,
      answerOf,
      shutUntilMs,
    }: {
      nowMs: number;
      wallMs: number;
      answerOf: (leaseId: LeaseId) => Answer | null;
      shutUntilMs: (leaseId: LeaseId) => number | null;
    },
  ): ObservedLease[] {
    const step = Math.floor(wallMs / ACCESS_STEP_MS);
    if (step !== this.#bytesStep) this.#bytes = new Map();
    this.#bytesStep = step;
    this.#shutUntilMs = this.#shutUntil(leases, shutUntilMs, wallMs);
    return leases.map((lease) => ({
      leaseId: lease.leaseId,
      workloadId: lease.workloadId,
      state: lease.state,
      externalPort: lease.wasHeld ? lease.externalPort : null,
      ...this.#detailOf(lease),
      lastAccessedAt:
        lease.lastAccessedWallMs === null ? null : label(lease.lastAccessedWallMs, ACCESS_STEP_MS),
      releaseDueAt: this.#releaseDueAt(lease, nowMs, wallMs),
      ...withWarning(warningDue(lease, nowMs)),
      releasedBecause: lease.releasedBecause,
      ...withAnswer(answerOf(lease.leaseId)),
      ...this.#bytesOf(lease),
    }));
  }

  #detailOf({ leaseId, state, detail, reason }: LeaseRecord): Worded {
    const untilMs = this.#shutUntilMs.get(leaseId);
    const isShut = state === "held" && detail === "" && untilMs !== undefined;
    return withinBound(isShut ? worded(shutUntil(untilMs)) : { detail, reason });
  }

  #shutUntil(
    leases: readonly LeaseRecord[],
    untilMs: (leaseId: LeaseId) => number | null,
    wallMs: number,
  ): Map<LeaseId, number> {
    const until = leases.map(({ leaseId }): [LeaseId, number] => {
      const nextMs = Math.ceil((untilMs(leaseId) ?? 0) / SHUT_STEP_MS) * SHUT_STEP_MS;
      return [leaseId, Math.max(nextMs, this.#shutUntilMs.get(leaseId) ?? 0)];
    });
    return new Map(until.filter(([, endMs]) => endMs > wallMs));
  }

  #bytesOf({ leaseId, bytesIn, bytesOut }: LeaseRecord): { bytesIn: number; bytesOut: number } {
    const reported = this.#bytes.get(leaseId) ?? { bytesIn, bytesOut };
    this.#bytes.set(leaseId, reported);
    return reported;
  }

  #releaseDueAt(lease: LeaseRecord, nowMs: number, wallMs: number): string | null {
    const dueInMs = releaseDueInMs(lease, nowMs);
    if (dueInMs === null || warningDue(lease, nowMs) === null) {
      this.#dueWallMs.delete(lease.leaseId);
      return null;
    }
    const reported = this.#dueWallMs.get(lease.leaseId);
    const dueWallMs = wallMs + dueInMs;
    const stored =
      reported !== undefined && Math.abs(reported - dueWallMs) < DUE_STEP_MS ? reported : dueWallMs;
    this.#dueWallMs.set(lease.leaseId, stored);
    return label(stored, MS_PER_MINUTE);
  }
}

/** The control plane shows it where a password opens the environment (core/environments/access-methods.ts). */
function shutUntil(untilMs: number): HostReason {
  const until = new Date(untilMs).toISOString().slice(0, 16).replace("T", " ");
  return { code: "password-guessed", params: { until } };
}

/** A code is that of the whole text. */
function withinBound({ detail, reason }: Worded): Worded {
  if (detail.length > MAX_DETAIL) return { detail: detail.slice(0, MAX_DETAIL) };
  return { detail, ...(reason !== undefined && { reason }) };
}

function withWarning(warning: ObservedLease["releaseWarning"] | null): Pick<ObservedLease, "releaseWarning"> {
  return warning === null ? {} : { releaseWarning: warning };
}

function withAnswer(answers: Answer | null): Pick<ObservedLease, "answers"> {
  return answers === null ? {} : { answers };
}

function label(wallMs: number, stepMs: number): string {
  return new Date(Math.floor(wallMs / stepMs) * stepMs).toISOString();
}
