/**
 * Connections that came to nothing, counted by lease, address and outcome for five minutes. All windows end together, so
 * that a flood from everywhere makes one report and no more; of more addresses than are told apart, the rest is one.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import { MAX_ATTEMPTS, type AccessAttempts } from "@remotegpu/shared/instance/ssh-access";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export const WINDOW_MS = 5 * MS_PER_MINUTE;
export const OTHERS = "others";
/** So that the rest of some leases still fits into one report. */
export const MAX_WINDOWS_APART = MAX_ATTEMPTS - 56;

export type AttemptOutcome = AccessAttempts["outcome"];

/** So many from one address to one lease, with the wall clock of the first and the last. */
export type Attempts = {
  leaseId: LeaseId;
  from: string;
  outcome: AttemptOutcome;
  count: number;
  firstMs: number;
  lastMs: number;
};

export class AttemptWindows {
  #open = new Map<string, Attempts>();

  add(attempts: Attempts): void {
    const own = keyOf(attempts);
    const isReported = this.#open.has(own) || this.#open.size < MAX_WINDOWS_APART;
    const reported = isReported ? attempts : { ...attempts, from: OTHERS };
    const key = keyOf(reported);
    const before = this.#open.get(key);
    this.#open.set(key, before === undefined ? reported : together(before, reported));
  }

  /** All that was counted; counting begins anew. */
  close(): Attempts[] {
    const closed = [...this.#open.values()];
    this.#open = new Map();
    return closed;
  }
}

function keyOf({ leaseId, from, outcome }: Attempts): string {
  return `${leaseId} ${outcome} ${from}`;
}

function together(before: Attempts, more: Attempts): Attempts {
  return {
    ...before,
    count: before.count + more.count,
    firstMs: Math.min(before.firstMs, more.firstMs),
    lastMs: Math.max(before.lastMs, more.lastMs),
  };
}
