/**
 * Which leases' tries at passwords are reported next. Anybody on the Internet can change those of every lease of a host, so
 * a report has few of them, and whoever waits longest comes first.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { PasswordTries } from "../../core/access/password-limiter.ts";

/** Of one report; each has some 40 kilobytes at most. */
export const MAX_LEASES_OF_REPORT = 64;

interface Counting {
  readonly hasNewTries: boolean;
  takeTries(): PasswordTries | null;
}

export class TriesReports {
  readonly #waiting = new Set<LeaseId>();

  /** Of those that have changed since they were reported; the others wait for the next. */
  next(ports: ReadonlyMap<LeaseId, Counting>): { leaseId: LeaseId; tries: PasswordTries }[] {
    for (const leaseId of this.#waiting) if (!ports.has(leaseId)) this.#waiting.delete(leaseId);
    for (const [leaseId, port] of ports) if (port.hasNewTries) this.#waiting.add(leaseId);
    return [...this.#waiting].slice(0, MAX_LEASES_OF_REPORT).flatMap((leaseId) => {
      this.#waiting.delete(leaseId);
      const tries = ports.get(leaseId)?.takeTries() ?? null;
      return tries === null ? [] : [{ leaseId, tries }];
    });
  }
}
