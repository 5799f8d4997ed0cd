/**
 * The book of who is connected through this host's leases: fed by relays, written down by the broker alone, told to the
 * agent in steps so that a busy port or a flood makes few reports. What is over stays until the control plane has it.
 */
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type {
  AccessAttempts,
  AccessReport as ReportedSessions,
  AccessSession,
} from "@remotegpu/shared/instance/ssh-access";
import { AttemptWindows, WINDOW_MS, type Attempts } from "../../core/access/attempt-windows.ts";
import { sessionsToReport } from "../../core/access/sessions-to-report.ts";
import type { LeaseRecord } from "../../core/leases/lease.ts";
import { LeaseStoreError } from "../store/lease-store-error.ts";
import type { RelayedSession } from "../relay/relay-messages.ts";
import type { SessionStore } from "../store/session-store.ts";

/** Of sessions and attempts together, on the disk and in memory. */
export const MAX_ENTRIES = 4_096;
/** Bytes of sessions that go on are written down this often. */
const WRITE_EVERY_MS = 60_000;
/** A login, and the end of one, is told at once, but not more often than this. */
const REPORT_LOGINS_EVERY_MS = 1_000;
/** Everything else, as anybody on the Internet can cause it. */
const REPORT_OTHERS_EVERY_MS = 30_000;

const LOST = "The process of the host that relayed it has ended.";

/** The relay that carries a session. */
export type RelayId = string;

export type OpenSession = { session: AccessSession; relayId: RelayId | null };

export type SessionRegistryOptions = {
  store: SessionStore;
  /** Null: a lease that the broker does not know. */
  leaseOf: (leaseId: LeaseId) => LeaseRecord | null;
  /** A session was told to be open, or somebody is told to have logged in. */
  onOpen: (session: AccessSession) => void;
  clock: { monotonicMs: () => number; wallMs: () => number };
  newId: () => string;
  log: Log;
};

export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #open = new Map<string, OpenSession>();
  readonly #ended = new Map<string, AccessSession>();
  readonly #attempts = new Map<string, AccessAttempts>();
  readonly #windows = new AttemptWindows();
  readonly #unsaved = new Set<string>();
  readonly #forgotten = new Set<string>();
  readonly #grown = new Set<string>();
  #grownWrittenMs: number;
  #reported: ReportedSessions = { sessions: [], attempts: [], isWhole: true };
  #reportedMs = Number.NEGATIVE_INFINITY;
  #step: number;
  /** A step has begun: what moves is told anew. */
  #isStepDue = false;
  #messages: "none" | "others" | "logins" = "none";

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
    const { store, clock } = options;
    const { sessions, attempts } = store.read();
    for (const session of sessions)
      if (session.ended === null) this.#open.set(session.sessionId, { session, relayId: null });
      else this.#ended.set(session.sessionId, session);
    for (const one of attempts) this.#attempts.set(one.attemptsId, one);
    if (sessions.length + attempts.length > 0) this.#messages = "others";
    this.#grownWrittenMs = clock.monotonicMs();
    this.#step = stepAt(clock.wallMs());
  }

  get open(): AccessSession[] {
    return [...this.#open.values()].map(({ session }) => session);
  }

  /** What a relay tells of its leases; of those that are not known it is not believed. */
  take(
    relayId: RelayId,
    { sessions, attempts }: { sessions: readonly RelayedSession[]; attempts: readonly Attempts[] },
  ): void {
    for (const session of sessions) this.#takeSession(relayId, session);
    for (const some of attempts) if (this.#options.leaseOf(some.leaseId) !== null) this.#windows.add(some);
    this.#bound();
  }

  /** That relay is gone, and with it all that it carried. */
  relayEnded(relayId: RelayId, because = LOST): void {
    for (const { session, relayId: own } of this.#open.values())
      if (own === relayId) this.#lose(session, because);
  }

  /** What stood as open when this process began, and no relay has told since. */
  endUncarried(): void {
    for (const { session, relayId } of this.#open.values()) if (relayId === null) this.#lose(session, LOST);
  }

  /** The control plane has these. */
  taken(ids: readonly string[]): void {
    const gone = new Set(ids.filter((id) => this.#ended.delete(id) || this.#attempts.delete(id)));
    if (gone.size === 0) return;
    for (const id of gone) this.#forget(id);
    // Nothing else is told sooner for it: what is forgotten is no news.
    this.#reported = {
      ...this.#reported,
      sessions: this.#reported.sessions.filter(({ sessionId }) => !gone.has(sessionId)),
      attempts: this.#reported.attempts.filter(({ attemptsId }) => !gone.has(attemptsId)),
    };
  }

  /** To be called about every second: closes windows and writes down what has changed. */
  tick(): void {
    const { clock } = this.#options;
    const isGrownDue = clock.monotonicMs() - this.#grownWrittenMs >= WRITE_EVERY_MS;
    if (isGrownDue) {
      this.#grownWrittenMs = clock.monotonicMs();
      for (const id of this.#grown) this.#unsaved.add(id);
      this.#grown.clear();
    }
    if (stepAt(clock.wallMs()) !== this.#step) this.#closeWindows();
    this.writeDown();
  }

  /** What the agent is to tell now; the same one until it is time for another. */
  get reported(): ReportedSessions {
    const { monotonicMs, wallMs } = this.#options.clock;
    const sinceMs = monotonicMs() - this.#reportedMs;
    if (stepAt(wallMs()) !== this.#step) this.#closeWindows();
    const isDue =
      this.#isStepDue ||
      (this.#messages === "logins" && sinceMs >= REPORT_LOGINS_EVERY_MS) ||
      (this.#messages === "others" && sinceMs >= REPORT_OTHERS_EVERY_MS);
    if (!isDue) return this.#reported;
    this.#isStepDue = false;
    this.#reportedMs = monotonicMs();
    this.#messages = "none";
    this.#reported = sessionsToReport({
      open: this.open,
      ended: [...this.#ended.values()],
      attempts: [...this.#attempts.values()],
    });
    return this.#reported;
  }

  /** Everybody is cut off. */
  endAll(): void {
    for (const { session } of this.#open.values()) this.#lose(session, LOST);
  }

  /** What was counted so far is kept. Another process takes the book with those who are still connected. */
  leave(): void {
    this.#closeWindows();
    for (const id of this.#grown) this.#unsaved.add(id);
    this.writeDown();
  }

  /** What the disk does not take is tried again with the next tick. */
  writeDown(): void {
    if (this.#unsaved.size === 0 && this.#forgotten.size === 0) return;
    const ids = [...this.#unsaved];
    const change = {
      sessions: ids.flatMap((id) => this.#open.get(id)?.session ?? this.#ended.get(id) ?? []),
      attempts: ids.flatMap((id) => this.#attempts.get(id) ?? []),
      forgotten: [...this.#forgotten],
    };
    try {
      this.#options.store.write(change);
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#options.log.error({ error }, "the book of access could not be written; tried again");
      return;
    }
    this.#unsaved.clear();
    this.#forgotten.clear();
  }

  #takeSession(relayId: RelayId, relayed: RelayedSession): void {
    const { leaseOf, onOpen } = this.#options;
    const { sessionId } = relayed;
    const before = this.#open.get(sessionId);
    // A relay that was given up may still speak of what is over.
    if (this.#ended.has(sessionId) || this.#forgotten.has(sessionId)) return;
    const lease = leaseOf(relayed.leaseId);
    if (lease === null) return;
    const session = asReported(relayed, lease);
    if (session.ended !== null) {
      this.#end(session);
      return;
    }
    if (before === undefined && this.#open.size >= MAX_ENTRIES) return;
    this.#open.set(sessionId, { session, relayId });
    const hasChange = before === undefined || (before.session.login === null) !== (session.login === null);
    if (!hasChange) {
      this.#grown.add(sessionId);
      return;
    }
    this.#unsaved.add(sessionId);
    this.#hasChange(session);
    onOpen(session);
  }

  #lose(session: AccessSession, detail: string): void {
    const at = labelOf(this.#options.clock.wallMs());
    this.#end({ ...session, ended: { at, by: "access-process", detail } });
  }

  #end(session: AccessSession): void {
    this.#open.delete(session.sessionId);
    this.#ended.set(session.sessionId, session);
    this.#unsaved.add(session.sessionId);
    this.#hasChange(session);
  }

  #hasChange({ login, ended }: AccessSession): void {
    const isOfLogin = login !== null || ended?.by === "cut";
    if (isOfLogin) this.#messages = "logins";
    else if (this.#messages === "none") this.#messages = "others";
  }

  #closeWindows(): void {
    this.#step = stepAt(this.#options.clock.wallMs());
    this.#isStepDue = true;
    for (const closed of this.#windows.close()) {
      const lease = this.#options.leaseOf(closed.leaseId);
      if (lease === null) continue;
      const attemptsId = this.#options.newId();
      const { leaseId, from, outcome, count } = closed;
      const { workloadId, service } = lease;
      const [firstAt, lastAt] = [labelOf(closed.firstMs), labelOf(closed.lastMs)];
      const reported = { attemptsId, leaseId, workloadId, service, from, outcome, count, firstAt, lastAt };
      this.#attempts.set(attemptsId, reported);
      this.#unsaved.add(attemptsId);
    }
    this.#bound();
  }

  /** The oldest go first. */
  #bound(): void {
    let tooMany = this.#ended.size + this.#attempts.size - MAX_ENTRIES;
    if (tooMany <= 0) return;
    this.#options.log.error(
      { dropped: tooMany },
      "the book of access is full: what is over longest is forgotten untold",
    );
    for (const entries of [this.#attempts, this.#ended])
      for (const id of entries.keys()) {
        if (tooMany <= 0) return;
        entries.delete(id);
        this.#forget(id);
        tooMany -= 1;
      }
  }

  #forget(id: string): void {
    this.#unsaved.delete(id);
    this.#forgotten.add(id);
    if (this.#messages === "none") this.#messages = "others";
  }
}

function asReported(relayed: RelayedSession, { workloadId, service }: LeaseRecord): AccessSession {
  const { sessionId, leaseId, instanceId, runId, from, bytesIn, bytesOut, login, ended } = relayed;
  return {
    sessionId,
    instanceId,
    runId,
    leaseId,
    workloadId,
    service,
    from,
    openedAt: labelOf(relayed.openedWallMs),
    bytesIn,
    bytesOut,
    login: login && { method: login.method, fingerprint: login.fingerprint, at: labelOf(login.wallMs) },
    ended: ended && { at: labelOf(ended.wallMs), by: ended.by, detail: ended.detail },
  };
}

function labelOf(wallMs: number): string {
  return new Date(Math.min(wallMs, LAST_MS)).toISOString();
}

/** The end of the year 9999: later years have another form. */
const LAST_MS = 253_402_300_799_999;

function stepAt(wallMs: number): number {
  return Math.floor(wallMs / WINDOW_MS);
}
