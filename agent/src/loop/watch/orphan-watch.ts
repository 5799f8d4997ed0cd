/**
 * Looks for orphans in each round (core/runs/orphans.ts), tells them, and says which may go. It counts only while the
 * control plane is heard in this boot, its newest set is in force, and no stops wait for a confirmation. The count is
 * kept in the journal now and then; what a crash loses of it only makes the grace longer.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { cutOffMs, type Contact } from "../../core/reconcile/contact.ts";
import type { Container } from "../../core/container/container.ts";
import { scanForOrphans, ORPHAN_GRACE_MS, type Orphan } from "../../core/runs/orphans.ts";
import type { Journal } from "../../journal/journal.ts";

/** Three missed heartbeats: the control plane itself calls a host suspect then. */
const HEARD_WITHIN_MS = 30_000;

export type OrphanWatchOptions = {
  hostId: HostId;
  journal: Journal;
  log: Log;
  /** The operator's word; without it orphans are told and stay. */
  isReaping: boolean;
};

/** What the look is taken with. */
export type OrphanSurroundings = {
  nowMs: number;
  observed: readonly Container[];
  contact: Contact;
  isSetCurrent: boolean;
  stopsUnconfirmed: boolean;
};

export class OrphanWatch {
  readonly #options: OrphanWatchOptions;
  #orphans: readonly Orphan[];
  #reaped: ReadonlySet<string> = new Set();
  /** When the last look counted, or could have; null when it could not. */
  #countingSinceMs: number | null = null;

  constructor(options: OrphanWatchOptions) {
    this.#options = options;
    this.#orphans = options.journal.orphans.read();
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    return this.#orphans.length > 0 ? ["orphans"] : [];
  }

  /** Ids of containers that are to go now. */
  get reaped(): ReadonlySet<string> {
    return this.#reaped;
  }

  check(at: OrphanSurroundings): void {
    const { hostId, journal, isReaping } = this.#options;
    const elapsedMs = this.#elapsedMs(at);
    const { instances, notUnderstood } = journal.desired.read();
    const knowledge = { hostId, desired: [...instances, ...notUnderstood], observed: at.observed };
    const check = scanForOrphans(this.#orphans, knowledge, { elapsedMs, isReaping });
    this.#report(check.found, check.ripe);
    const isOther =
      check.found.length > 0 || check.orphans.length !== this.#orphans.length || check.ripe.length > 0;
    this.#orphans = check.orphans;
    this.#reaped = check.reaped;
    if (isOther) this.keep();
  }

  /** Writes the count down. @throws JournalError */
  keep(): void {
    const { journal } = this.#options;
    if (this.#orphans.length === 0 && journal.orphans.read().length === 0) return;
    journal.orphans.put(this.#orphans);
  }

  #elapsedMs({ nowMs, contact, isSetCurrent, stopsUnconfirmed }: OrphanSurroundings): number {
    const isHeard = contact.wasHeardInBoot && cutOffMs(contact, nowMs) < HEARD_WITHIN_MS;
    const sinceMs = this.#countingSinceMs;
    this.#countingSinceMs = isHeard && isSetCurrent && !stopsUnconfirmed ? nowMs : null;
    return this.#countingSinceMs === null || sinceMs === null ? 0 : nowMs - sinceMs;
  }

  #report(found: readonly Orphan[], ripe: readonly Orphan[]): void {
    const { log, isReaping } = this.#options;
    const hours = ORPHAN_GRACE_MS / MS_PER_HOUR;
    for (const orphan of found)
      log.warn(orphan, "an orphan: a container of this host that the desired set does not know");
    for (const orphan of ripe)
      log.warn(
        { ...orphan, orderedBy: isReaping ? "REMOTEGPU_REAP_ORPHANS" : null },
        isReaping
          ? `an orphan is removed: nothing has ordered it for ${hours} hours`
          : `nothing has ordered an orphan for ${hours} hours; REMOTEGPU_REAP_ORPHANS=1 would remove it`,
      );
  }
}
