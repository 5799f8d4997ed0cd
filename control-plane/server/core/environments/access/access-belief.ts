/**
 * Which of a host's words on who is in environments are believed: a session is of a run and a lease that were ordered of
 * this host, of one environment, and stays what it was told as first. What is not believed changes nothing. An end that
 * the host has told is final; one that we assumed (`unheard`) is not.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import type {
  AccessAttempts,
  AccessSession,
  SESSION_ENDS,
  SessionLogin,
} from "@remotegpu/shared/instance/ssh-access";
import { possibleBytes, possibleTime } from "./possible.ts";

/** The bound of one host in an hour, sessions and attempts each; what comes beyond is left out. */
export const MAX_NEW_IN_HOUR = 10_000;
/** More connections are not counted. */
const MAX_COUNTED = 1_000_000_000;

export type SessionEnd = (typeof SESSION_ENDS)[number] | "unheard";

/** A lease as it was ordered of the host. */
export interface OrderedLease {
  environmentId: string;
  /** What the host calls that environment. */
  workloadId: string;
  service: LeaseService;
  orderedAt: Date;
}

/** A run as it was ordered of the host. */
export interface OrderedRun {
  instanceId: string;
  environmentId: string;
  orderedAt: Date;
  isOver: boolean;
}

export interface KnownSession {
  environmentId: string;
  runId: string;
  leaseId: string;
  openedAt: Date;
  bytesIn: number;
  bytesOut: number;
  hasLogin: boolean;
  endedBy: SessionEnd | null;
}

export interface AccessFacts {
  leases: ReadonlyMap<string, OrderedLease>;
  runs: ReadonlyMap<string, OrderedRun>;
  sessions: ReadonlyMap<string, KnownSession>;
  /** Attempts that are written down. */
  attempts: ReadonlySet<string>;
  /** How many of each are new since an hour ago. */
  newInHour: { sessions: number; attempts: number };
}

/** As it is written down. */
export interface BelievedSession extends Pick<
  AccessSession,
  "sessionId" | "instanceId" | "runId" | "leaseId" | "service" | "from" | "bytesIn" | "bytesOut"
> {
  environmentId: string;
  isNew: boolean;
  openedAt: Date;
  /** Null too where it was told before. */
  login: (Omit<SessionLogin, "at"> & { at: Date }) | null;
  ended: { at: Date; by: SessionEnd; detail: string } | null;
}

export interface BelievedAttempts extends Pick<
  AccessAttempts,
  "attemptsId" | "leaseId" | "service" | "from" | "outcome" | "count"
> {
  environmentId: string;
  firstAt: Date;
  lastAt: Date;
}

export interface AccessBelief {
  /** Those that say something new. */
  sessions: BelievedSession[];
  attempts: BelievedAttempts[];
  /** Sentences. */
  disbelieved: string[];
}

export function believeAccess(
  reported: { sessions: readonly AccessSession[]; attempts: readonly AccessAttempts[] },
  facts: AccessFacts,
  now: Date,
): AccessBelief {
  const belief: AccessBelief = { sessions: [], attempts: [], disbelieved: [] };
  const room = {
    sessions: MAX_NEW_IN_HOUR - facts.newInHour.sessions,
    attempts: MAX_NEW_IN_HOUR - facts.newInHour.attempts,
  };
  const sessionsById = Map.groupBy(reported.sessions, ({ sessionId }) => sessionId);
  for (const [sessionId, [session, another]] of sessionsById) {
    if (session === undefined) continue;
    const why = another === undefined ? disbelief(session, facts) : "is told twice";
    if (why !== null) belief.disbelieved.push(`session ${sessionId} ${why}`);
    else belief.sessions.push(...messageOf(session, facts, now));
  }
  for (const [attemptsId, [attempts, another]] of Map.groupBy(reported.attempts, (one) => one.attemptsId)) {
    if (attempts === undefined || facts.attempts.has(attemptsId)) continue;
    const why = another === undefined ? misplaced(attempts, facts) : "are told twice";
    if (why !== null) belief.disbelieved.push(`attempts ${attemptsId} ${why}`);
    else belief.attempts.push(...believedAttempts(attempts, facts, now));
  }
  return withinRoom(belief, room);
}

function withinRoom(belief: AccessBelief, room: { sessions: number; attempts: number }): AccessBelief {
  let left = room.sessions;
  const sessions = belief.sessions.filter(({ isNew }) => !isNew || left-- > 0);
  const attempts = belief.attempts.slice(0, Math.max(0, room.attempts));
  const beyond = belief.sessions.length - sessions.length + belief.attempts.length - attempts.length;
  const disbelieved =
    beyond === 0
      ? belief.disbelieved
      : [...belief.disbelieved, `${beyond} more than ${MAX_NEW_IN_HOUR} of an hour are left out`];
  return { sessions, attempts, disbelieved };
}

function disbelief(session: AccessSession, facts: AccessFacts): string | null {
  const why = misplaced(session, facts);
  if (why !== null) return why;
  const [run, lease] = [facts.runs.get(session.runId), facts.leases.get(session.leaseId)];
  if (run === undefined) return `is of run ${session.runId}, which was not ordered there`;
  if (run.instanceId !== session.instanceId || run.environmentId !== lease?.environmentId)
    return `is of run ${session.runId}, which is no run of ${session.workloadId}`;
  const known = facts.sessions.get(session.sessionId);
  if (known !== undefined && (known.runId !== session.runId || known.leaseId !== session.leaseId))
    return `is told of ${session.workloadId}, and was another one's`;
  return null;
}

function misplaced(
  { leaseId, workloadId, service }: Pick<AccessSession, "leaseId" | "workloadId" | "service">,
  { leases }: AccessFacts,
): string | null {
  const lease = leases.get(leaseId);
  if (lease === undefined) return `came by lease ${leaseId}, which was not ordered there`;
  if (lease.workloadId !== workloadId)
    return `came by lease ${leaseId} of ${lease.workloadId} and is told as of ${workloadId}`;
  return lease.service === service ? null : `came by lease ${leaseId}, which is not for ${service}`;
}

function messageOf(session: AccessSession, facts: AccessFacts, now: Date): BelievedSession[] {
  const known = facts.sessions.get(session.sessionId);
  const run = facts.runs.get(session.runId);
  const environmentId = facts.leases.get(session.leaseId)?.environmentId;
  if (run === undefined || environmentId === undefined) return [];
  if (known !== undefined && known.endedBy !== null) {
    const isFinal = known.endedBy !== "unheard";
    // It goes on after all, or its host knows how it ended.
    if (isFinal || (session.ended === null && run.isOver)) return [];
  }
  const openedAt = known?.openedAt ?? possibleTime(session.openedAt, { from: run.orderedAt, to: now });
  const ended = session.ended && {
    ...session.ended,
    at: possibleTime(session.ended.at, { from: openedAt, to: now }),
  };
  const life = { from: openedAt, to: ended?.at ?? now };
  const believed: BelievedSession = {
    ...session,
    environmentId,
    isNew: known === undefined,
    openedAt,
    bytesIn: Math.max(known?.bytesIn ?? 0, possibleBytes(session.bytesIn, life)),
    bytesOut: Math.max(known?.bytesOut ?? 0, possibleBytes(session.bytesOut, life)),
    login:
      session.login === null || known?.hasLogin === true
        ? null
        : { ...session.login, at: possibleTime(session.login.at, life) },
    ended,
  };
  return known !== undefined && isAsKnown(believed, known) ? [] : [believed];
}

function isAsKnown(session: BelievedSession, known: KnownSession): boolean {
  return (
    session.login === null &&
    session.bytesIn === known.bytesIn &&
    session.bytesOut === known.bytesOut &&
    (session.ended?.by ?? null) === known.endedBy
  );
}

function believedAttempts(attempts: AccessAttempts, facts: AccessFacts, now: Date): BelievedAttempts[] {
  const lease = facts.leases.get(attempts.leaseId);
  if (lease === undefined) return [];
  const firstAt = possibleTime(attempts.firstAt, { from: lease.orderedAt, to: now });
  return [
    {
      ...attempts,
      environmentId: lease.environmentId,
      count: Math.min(attempts.count, MAX_COUNTED),
      firstAt,
      lastAt: possibleTime(attempts.lastAt, { from: firstAt, to: now }),
    },
  ];
}
