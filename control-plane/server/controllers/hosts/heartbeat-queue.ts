/**
 * The desk of heartbeats: those that come together and change nothing are noted with one statement, those of plain changes
 * in one transaction, and each of the others is taken by itself.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Heartbeat } from "@remotegpu/shared/messages/protocol";
import type { Database } from "../../store/database/database.ts";
import { StoreError } from "../../store/database/store-error.ts";
import { BatchQueue } from "../../store/database/batch-queue.ts";
import { acceptHeartbeat, type HeartbeatOutcome } from "../../store/reports/heartbeats.ts";
import { noteFigures } from "../../store/workloads/instances/instance-figures.ts";
import { acceptPlainHeartbeats } from "../../store/reports/plain-heartbeats.ts";
import { noteQuietHeartbeats } from "../../store/reports/quiet-heartbeats.ts";

/** The heartbeats of one statement; how many may wait is bounded by the callers (link/hosts/host-requests.ts). */
const MAX_TOGETHER = 200;

export interface HeartbeatQueueParts {
  db: Database;
  now: () => Date;
  log: Log;
}

interface HostHeartbeat {
  readonly hostId: HostId;
  readonly heartbeat: Heartbeat;
}

export type HeartbeatQueue = BatchQueue<HostHeartbeat, HeartbeatOutcome>;

/** Rejects with StoreErrors. */
export function heartbeatQueue(parts: HeartbeatQueueParts): HeartbeatQueue {
  const changes = changesQueue(parts);
  return new BatchQueue<HostHeartbeat, HeartbeatOutcome>({
    atATime: 1,
    next: (waiting) => oneOfEachHost(waiting),
    answer: async (ones) => await answerTogether(parts, changes, ones),
    // What fails together is served apart below; anything else is our bug.
    isOneAtFault: () => false,
  });
}

/** Behind the first queue, so that nobody in whom nothing is new waits for it. */
function changesQueue(parts: HeartbeatQueueParts): HeartbeatQueue {
  return new BatchQueue<HostHeartbeat, HeartbeatOutcome>({
    atATime: 1,
    next: (waiting, pending) => oneOfEachHost(waiting, pending),
    answer: async (ones) => await acceptTogether(parts, ones),
    isOneAtFault: () => false,
  });
}

/** A host's second heartbeat waits for its first: a statement takes each host once. */
function oneOfEachHost(
  waiting: Iterable<HostHeartbeat>,
  pending: Iterable<HostHeartbeat> = [],
): HostHeartbeat[] {
  const busy = new Set([...pending].map(({ hostId }) => hostId));
  const chosen = new Map<HostId, HostHeartbeat>();
  for (const one of waiting) {
    if (chosen.size === MAX_TOGETHER) break;
    if (!chosen.has(one.hostId) && !busy.has(one.hostId)) chosen.set(one.hostId, one);
  }
  return [...chosen.values()];
}

async function answerTogether(
  parts: HeartbeatQueueParts,
  changes: HeartbeatQueue,
  ones: readonly HostHeartbeat[],
): Promise<(HeartbeatOutcome | Promise<HeartbeatOutcome>)[]> {
  const quiet = await noteQuiet(parts, ones);
  // Nobody waits for them.
  void noteFiguresOf(
    parts,
    ones.filter(({ hostId }) => quiet.has(hostId)),
  );
  return ones.map((one) => {
    const answer = quiet.get(one.hostId);
    return answer === undefined
      ? changes.take(one)
      : { accepted: true, answer: { ...answer, liftCordons: [] }, wasConnected: true, restored: false };
  });
}

async function acceptTogether(
  parts: HeartbeatQueueParts,
  ones: readonly HostHeartbeat[],
): Promise<(HeartbeatOutcome | Promise<HeartbeatOutcome>)[]> {
  const outcomes = ones.length > 1 ? await acceptPlain(parts, ones) : new Map<string, HeartbeatOutcome>();
  void noteFiguresOf(
    parts,
    ones.filter(({ hostId }) => outcomes.get(hostId)?.accepted === true),
  );
  return ones.map((one) => outcomes.get(one.hostId) ?? acceptAlone(parts, one));
}

/** Should the transaction fail, each is served by itself: what is wrong with one is no other one's matter. */
async function acceptPlain(
  { db, now, log }: HeartbeatQueueParts,
  ones: readonly HostHeartbeat[],
): ReturnType<typeof acceptPlainHeartbeats> {
  try {
    return await acceptPlainHeartbeats(db, ones, now());
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, heartbeats: ones.length }, "heartbeats with changes could not be taken together");
    return new Map();
  }
}

async function acceptAlone(parts: HeartbeatQueueParts, one: HostHeartbeat): Promise<HeartbeatOutcome> {
  const outcome = await acceptHeartbeat(parts.db, { ...one, now: parts.now() });
  if (outcome.accepted) void noteFiguresOf(parts, [one]);
  return outcome;
}

/** By one statement for all of them; what is lost comes again in a minute. */
async function noteFiguresOf(
  { db, now, log }: HeartbeatQueueParts,
  ones: readonly HostHeartbeat[],
): Promise<void> {
  const reported = ones.map(({ hostId, heartbeat: { figures = [] } }) => ({ hostId, figures }));
  try {
    await noteFigures(db, reported, now());
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error }, "figures of instances could not be noted");
  }
}

/** Should the statement fail, each is served by itself: what is wrong with one is no other one's matter. */
async function noteQuiet(
  { db, now, log }: HeartbeatQueueParts,
  ones: readonly HostHeartbeat[],
): ReturnType<typeof noteQuietHeartbeats> {
  try {
    return await noteQuietHeartbeats(db, ones, now());
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn({ error, heartbeats: ones.length }, "heartbeats could not be noted together");
    return new Map();
  }
}
