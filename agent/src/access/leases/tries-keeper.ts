/**
 * Keeps from where passwords of each lease may be tried: relays count that and end, and a restart must give nobody his tries
 * back. Anybody on the Internet can change it, so it is written down every few seconds at most.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import {
  isShutToStrangers,
  type PasswordTries,
  strangersTryAgainMs,
} from "../../core/access/password-limiter.ts";
import type { LeaseStore } from "../store/lease-store.ts";
import { LeaseStoreError } from "../store/lease-store-error.ts";

type StoredIn = Pick<LeaseStore, "passwordTries" | "keepPasswordTries" | "dropOrphanedTries">;

/** A crash forgets less than that. */
const WRITE_EVERY_MS = 5_000;

export class TriesKeeper {
  readonly #store: StoredIn;
  readonly #isLeased: (leaseId: LeaseId) => boolean;
  readonly #clock: { monotonicMs: () => number; wallMs: () => number };
  readonly #log: Log;
  readonly #tries: Map<LeaseId, PasswordTries>;
  readonly #unsaved = new Set<LeaseId>();
  #writtenMs: number;

  constructor(options: {
    store: StoredIn;
    /** Also one that is released, until it is forgotten. */
    isLeased: (leaseId: LeaseId) => boolean;
    clock: { monotonicMs: () => number; wallMs: () => number };
    log: Log;
  }) {
    this.#store = options.store;
    this.#isLeased = options.isLeased;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#orLog(
      () => this.#store.dropOrphanedTries(),
      "tries at passwords of leases that are over stay on the disk",
    );
    this.#tries = this.#store.passwordTries();
    this.#writtenMs = this.#clock.monotonicMs();
  }

  /** Null: none was spent yet. */
  of(leaseId: LeaseId): PasswordTries | null {
    return this.#tries.get(leaseId) ?? null;
  }

  /** Until when addresses without a login of late come in by keys alone, on the wall clock; null where they need not. */
  shutUntilMs(leaseId: LeaseId): number | null {
    const tries = this.of(leaseId);
    return tries === null ? null : strangersTryAgainMs(tries, this.#clock.wallMs());
  }

  /** What a relay tells of its leases. */
  take(leases: readonly { leaseId: LeaseId; tries: PasswordTries }[]): void {
    for (const { leaseId, tries } of leases) {
      if (!this.#isLeased(leaseId)) continue;
      this.#logOnce(leaseId, tries);
      this.#tries.set(leaseId, tries);
      this.#unsaved.add(leaseId);
    }
  }

  /** To be called about every second. */
  tick(): void {
    this.#dropForgotten();
    if (this.#clock.monotonicMs() - this.#writtenMs >= WRITE_EVERY_MS) this.writeDown();
  }

  /** What the disk does not take is tried again with the next tick. */
  writeDown(): void {
    this.#writtenMs = this.#clock.monotonicMs();
    // The rows of a forgotten lease went with it: one that is written now would be nobody's.
    this.#dropForgotten();
    const changed = new Map<LeaseId, PasswordTries>();
    for (const leaseId of this.#unsaved) {
      const tries = this.#tries.get(leaseId);
      if (tries !== undefined) changed.set(leaseId, tries);
    }
    if (changed.size === 0) return;
    this.#orLog(() => {
      this.#store.keepPasswordTries(changed);
      this.#unsaved.clear();
    }, "tries at passwords could not be written; tried again");
  }

  #dropForgotten(): void {
    for (const leaseId of [...this.#tries.keys(), ...this.#unsaved]) {
      if (this.#isLeased(leaseId)) continue;
      this.#tries.delete(leaseId);
      this.#unsaved.delete(leaseId);
    }
  }

  #orLog(work: () => void, sentence: string): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#log.error({ error }, sentence);
    }
  }

  #logOnce(leaseId: LeaseId, tries: PasswordTries): void {
    const nowMs = this.#clock.wallMs();
    const before = this.of(leaseId);
    if (!isShutToStrangers(tries, nowMs) || (before !== null && isShutToStrangers(before, nowMs))) return;
    this.#log.warn(
      { leaseId },
      `lease ${leaseId}: too many logins came to nothing; addresses without a login of late come in by keys alone for now`,
    );
  }
}
