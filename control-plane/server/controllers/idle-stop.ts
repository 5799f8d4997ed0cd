/**
 * One pass over environments that stop for idleness: each is looked at, warned of ten minutes before, at its terminals
 * and by an event, and stopped as if its owner had said so. Sessions are looked at once more with the environment held,
 * so that nobody who has just come in is stopped.
 */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import {
  afterSample,
  idleFigures,
  idleStopAt,
  idleVerdict,
  type IdleWatch,
} from "../core/environments/idle-stop.ts";
import { TERMINAL_WORDS_SECONDS, terminalWords } from "../core/environments/terminal-words.ts";
import type { Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { assertTerm } from "../store/database/leader.ts";
import { lockEnvironment } from "../store/environments/environments.ts";
import {
  keepWatches,
  type WatchedEnvironment,
  watchedEnvironments,
} from "../store/environments/idle-watches.ts";
import { appendEvents } from "../store/events/events.ts";
import { stopEnvironment } from "../store/orders/environment-orders.ts";
import type { Reason } from "../core/reasons/reason.ts";

/** The environments of one pass; the others are checked in the next one. */
const MAX_CHECKS = 1_000;

export interface IdleStopDeps {
  db: Database;
  nudge: (host: HostId) => void;
  /** Null where the host does not answer. */
  exec: (host: HostId, request: ExecRequest, signal: AbortSignal) => Promise<ExecReply | null>;
  log: Log;
}

interface Pass {
  term: number;
  now: Date;
}

type Judged = WatchedEnvironment & { next: IdleWatch };

export async function idleStopPass(deps: IdleStopDeps, pass: Pass): Promise<void> {
  const { now, term } = pass;
  const watched = await watchedEnvironments(deps.db, { ids: null, now, limit: MAX_CHECKS });
  if (watched.length === 0) return;
  const judged = watched.map((one) => ({ ...one, next: afterSample(one.watch, one.sample) }));
  const warned = judged.filter(({ next, minutes }) => idleVerdict(next, minutes) === "warn");
  await transaction(deps.db, async (sql) => {
    await assertTerm(sql, term);
    await keepWatches(
      sql,
      judged.map((one) => ({
        environmentId: one.id,
        watch: warned.includes(one) ? { ...one.next, warnedAt: now } : one.next,
      })),
    );
    await appendEvents(
      sql,
      warned.map((one) => warning(one, now)),
    );
  });
  for (const one of warned) void reportInside(deps, one);
  for (const one of judged) if (idleVerdict(one.next, one.minutes) === "stop") await stop(deps, one.id, pass);
}

function warning({ id, customerId, hostId, next, minutes, sample }: Judged, now: Date) {
  const at = idleStopAt(next, minutes).toISOString();
  return {
    at: now,
    kind: "idle-stop-due",
    workloadKind: "environment",
    workloadId: id,
    customerId,
    hostId,
    actor: "control-plane",
    new: at,
    reason: { code: "idle-stop-due", params: { at, figures: idleFigures(next, sample.cardCount) } },
  } as const;
}

async function stop(deps: IdleStopDeps, id: string, { term, now }: Pass): Promise<void> {
  const hostIds = await transaction(deps.db, async (sql) => {
    await assertTerm(sql, term);
    const environment = await lockEnvironment(sql, id);
    const [seen] = await watchedEnvironments(sql, { ids: [id], now, limit: 1 });
    if (environment === null || seen === undefined) return [];
    const watch = afterSample(seen.watch, seen.sample);
    if (idleVerdict(watch, seen.minutes) !== "stop") return [];
    const figures = idleFigures(watch, seen.sample.cardCount);
    const reason: Reason = { code: "stopped-unused", params: { minutes: seen.minutes, figures } };
    const order = { by: "limit", actor: "control-plane", now, reason } as const;
    const outcome = await stopEnvironment(sql, environment, order);
    return outcome.done ? outcome.hostIds : [];
  });
  for (const hostId of hostIds) deps.nudge(hostId as HostId);
}

/** Whoever looks at a terminal there reads it. What fails is written down alone: the event tells it, too. */
async function reportInside({ exec, log }: IdleStopDeps, one: Judged): Promise<void> {
  const { id, hostId, instanceId, next, minutes } = one;
  const line = `[remotegpu] Nobody uses this environment: it is stopped at ${idleStopAt(next, minutes).toISOString()}. Work in it, and it goes on.`;
  try {
    const request = {
      kind: "exec",
      instanceId: instanceId as InstanceId,
      argv: terminalWords(line),
      stdin: null,
      timeoutSeconds: TERMINAL_WORDS_SECONDS,
    } as const;
    const signal = AbortSignal.timeout(2 * TERMINAL_WORDS_SECONDS * 1_000);
    const reply = await exec(hostId as HostId, { ...request, argv: [...request.argv] }, signal);
    if (reply?.kind === "exec-reply" && reply.exitCode === 0) return;
    log.warn(
      { environmentId: id, reply: reply?.kind ?? null },
      "the terminals of an idle environment were not notified",
    );
  } catch (error) {
    log.warn({ environmentId: id, error }, "the terminals of an idle environment were not notified");
  }
}
