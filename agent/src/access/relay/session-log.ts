/**
 * Who is connected through this relay's leases, as sessions: of SSH each connection, of other services all connections of
 * one address that follow each other within a minute. What is worth telling is told as a whole each time it changes;
 * what came to nothing is only counted.
 */
import type { LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { AttemptWindows, type AttemptOutcome, type Attempts } from "../../core/access/attempt-windows.ts";
import type { RouteEnd } from "../../core/access/login-line.ts";
import { MAX_SESSIONS_AT_ONCE, type RelayedSession } from "./relay-messages.ts";
import type { ConnectionEnd } from "./connections/relayed-connection.ts";
import type { RelayedLogin, Visit } from "./connections/visit.ts";

/** An SSH connection that nobody was told to have logged in on is told once it has lasted so long. */
const WORTH_REPORTING_MS = 30_000;
/** Connections of one address that follow each other within it are one session. */
const BETWEEN_MS = 60_000;
export const SILENT_MS = 20_000;
/** "SSH-2.0-": whoever does not begin with so much is no client. */
const FIRST_BYTES = 8;
/** Of sessions that go on, bytes are told this often. */
const BYTES_EVERY_MS = 30_000;
/** Open ones are bounded by their connections; of others so many wait for their next one. */
const MAX_WAITING = 4_096;

type Session = {
  reported: Omit<RelayedSession, "bytesIn" | "bytesOut">;
  isOfSsh: boolean;
  isWorthReporting: boolean;
  /** It has ended for somebody who came later. */
  madeRoom: boolean;
  openedMs: number;
  visits: Set<Visit>;
  /** Of connections that have ended. */
  pastIn: number;
  pastOut: number;
  lastEnd: (ConnectionEnd & { wallMs: number; monotonicMs: number }) | null;
  bytesReported: number;
};

export class SessionLog {
  readonly #newId: () => string;
  readonly #clock: { monotonicMs: () => number; wallMs: () => number };
  readonly #sessions = new Map<string, Session>();
  readonly #ofVisit = new Map<Visit, Session>();
  /** Of services other than SSH, by lease, run and address. */
  readonly #going = new Map<string, Session>();
  readonly #ofPort = new Map<string, Visit>();
  readonly #attempts = new AttemptWindows();
  #hasAttempts = false;
  readonly #messages = new Map<string, RelayedSession>();
  #bytesReportedMs: number;

  constructor(options: { newId: () => string; clock: { monotonicMs: () => number; wallMs: () => number } }) {
    this.#newId = options.newId;
    this.#clock = options.clock;
    this.#bytesReportedMs = options.clock.monotonicMs();
  }

  opened(visit: Visit): void {
    const session = this.#sessionOf(visit);
    session.visits.add(visit);
    this.#ofVisit.set(visit, session);
    if (session.isOfSsh) this.#ofPort.set(endKey(visit.route.runId, visit.route), visit);
  }

  closed(visit: Visit, end: ConnectionEnd): void {
    const session = this.#ofVisit.get(visit);
    if (session === undefined) return;
    this.#ofVisit.delete(visit);
    const key = endKey(visit.route.runId, visit.route);
    if (this.#ofPort.get(key) === visit) this.#ofPort.delete(key);
    session.visits.delete(visit);
    session.pastIn += visit.bytesIn;
    session.pastOut += visit.bytesOut;
    session.lastEnd = { ...end, wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
    this.#check(session);
    const mayGoOn = !session.isOfSsh && session.isWorthReporting && end.by !== "cut";
    if (session.visits.size === 0 && !mayGoOn) this.#finish(session);
  }

  /** Of SSH: ends it for somebody who came later. */
  makesRoom(visit: Visit): void {
    const session = this.#ofVisit.get(visit);
    if (session !== undefined) session.madeRoom = true;
    visit.end({ by: "silent", detail: "It had not logged in, and its port was full." });
  }

  /** A connection that led nowhere. */
  refused(leaseId: LeaseId, from: string, outcome: AttemptOutcome): void {
    const nowMs = this.#clock.wallMs();
    this.#attempts.add({ leaseId, from, outcome, count: 1, firstMs: nowMs, lastMs: nowMs });
    this.#hasAttempts = true;
  }

  /** False: it is on no connection of this relay. */
  login(runId: RunId, end: RouteEnd, login: RelayedLogin): boolean {
    const visit = this.#ofPort.get(endKey(runId, end));
    const session = visit && this.#ofVisit.get(visit);
    if (visit === undefined || session === undefined) return false;
    if (!visit.named(login)) return true;
    session.reported.login = login;
    session.isWorthReporting = true;
    this.#report(session);
    return true;
  }

  cut(sessionId: string, because: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    const end = { by: "cut", detail: because } as const;
    for (const visit of session.visits) visit.end(end);
    if (session.visits.size > 0) return;
    // Nobody is connected just now: it does not go on.
    const now = { wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
    session.lastEnd = { ...end, ...now };
    this.#finish(session);
  }

  /** Of our own server: of an image's one nobody is ever told. */
  cutUnknown(runId: RunId, because: string): void {
    for (const visit of this.#ofVisit.keys())
      if (visit.rule === "login" && visit.route.runId === runId && visit.login === null)
        visit.end({ by: "cut", detail: because });
  }

  /** Whoever is told from now on knows of none yet. */
  reportAll(): void {
    for (const session of this.#sessions.values()) if (session.isWorthReporting) this.#report(session);
  }

  /** To be called about every second. */
  check(): void {
    const nowMs = this.#clock.monotonicMs();
    const isBytesDue = nowMs - this.#bytesReportedMs >= BYTES_EVERY_MS;
    if (isBytesDue) this.#bytesReportedMs = nowMs;
    for (const session of this.#sessions.values()) {
      this.#check(session);
      this.#endSilent(session, nowMs);
      const isOver =
        session.visits.size === 0 && nowMs - (session.lastEnd?.monotonicMs ?? nowMs) >= BETWEEN_MS;
      if (isOver) this.#finish(session);
      else if (isBytesDue && session.isWorthReporting && bytesOf(session).sum !== session.bytesReported)
        this.#report(session);
    }
  }

  /** What is to be told now; null: nothing. */
  take(): { sessions: RelayedSession[]; attempts: Attempts[] } | null {
    const sessions = [...this.#messages.values()].slice(0, MAX_SESSIONS_AT_ONCE);
    for (const { sessionId } of sessions) this.#messages.delete(sessionId);
    const attempts = this.#hasAttempts ? this.#attempts.close() : [];
    this.#hasAttempts = false;
    return sessions.length === 0 && attempts.length === 0 ? null : { sessions, attempts };
  }

  #sessionOf(visit: Visit): Session {
    const isOfSsh = visit.rule === "login" || visit.rule === "outlived";
    const key = goingKey(visit);
    const going = isOfSsh ? undefined : this.#going.get(key);
    if (going !== undefined) return going;
    this.#makeRoom();
    const { leaseId, from, route, openedMs } = visit;
    const session: Session = {
      reported: {
        sessionId: this.#newId(),
        leaseId,
        instanceId: route.instanceId,
        runId: route.runId,
        from,
        openedWallMs: this.#clock.wallMs(),
        login: null,
        ended: null,
      },
      isOfSsh,
      isWorthReporting: false,
      madeRoom: false,
      openedMs,
      visits: new Set(),
      pastIn: 0,
      pastOut: 0,
      lastEnd: null,
      bytesReported: 0,
    };
    this.#sessions.set(session.reported.sessionId, session);
    if (!isOfSsh) this.#going.set(key, session);
    return session;
  }

  /** Whether it is worth telling by now. */
  #check(session: Session): void {
    if (session.isWorthReporting) return;
    const lastedMs = this.#clock.monotonicMs() - session.openedMs;
    const isSo = session.isOfSsh ? lastedMs >= WORTH_REPORTING_MS : bytesOf(session).bytesIn > 0;
    if (!isSo) return;
    session.isWorthReporting = true;
    this.#report(session);
  }

  #endSilent({ isOfSsh, openedMs, visits }: Session, nowMs: number): void {
    if (!isOfSsh || nowMs - openedMs < SILENT_MS) return;
    for (const visit of visits)
      if (visit.bytesIn < FIRST_BYTES)
        visit.end({ by: "silent", detail: `Nothing came within ${SILENT_MS / 1_000} seconds.` });
  }

  #finish(session: Session): void {
    const { sessionId, leaseId, from } = session.reported;
    this.#sessions.delete(sessionId);
    for (const [key, going] of this.#going) if (going === session) this.#going.delete(key);
    if (!session.isWorthReporting) {
      this.refused(leaseId, from, whatItWas(session));
      return;
    }
    const { by, detail, wallMs } = session.lastEnd ?? {
      by: "lost",
      detail: "",
      wallMs: this.#clock.wallMs(),
    };
    session.reported.ended = { by, detail, wallMs };
    this.#report(session);
  }

  #report(session: Session): void {
    const { bytesIn, bytesOut, sum } = bytesOf(session);
    session.bytesReported = sum;
    this.#messages.set(session.reported.sessionId, { ...session.reported, bytesIn, bytesOut });
  }

  #makeRoom(): void {
    if (this.#going.size < MAX_WAITING) return;
    for (const session of this.#going.values()) {
      if (session.visits.size > 0) continue;
      this.#finish(session);
      return;
    }
  }
}

/** A port may be in use on each of the two addresses. */
function endKey(runId: RunId, { port, isKeysOnly = false }: RouteEnd): string {
  return isKeysOnly ? `${runId} ${port} keys-only` : `${runId} ${port}`;
}

/** Of one that is not worth telling. */
function whatItWas(session: Session): AttemptOutcome {
  if (session.madeRoom) return "too-many";
  return !session.isOfSsh || bytesOf(session).bytesIn < FIRST_BYTES ? "silent" : "no-login";
}

function goingKey({ leaseId, from, route }: Visit): string {
  return `${leaseId} ${route.runId} ${from}`;
}

function bytesOf({ pastIn, pastOut, visits }: Session): { bytesIn: number; bytesOut: number; sum: number } {
  let bytesIn = pastIn;
  let bytesOut = pastOut;
  for (const visit of visits) {
    bytesIn += visit.bytesIn;
    bytesOut += visit.bytesOut;
  }
  return { bytesIn, bytesOut, sum: bytesIn + bytesOut };
}
