/**
 * The order in which waiting workloads are tried: what administrators called urgent, then whoever has a place kept, then
 * payers and their workspaces by their shares (fair-share.ts), and within a workspace the more urgent first and then the
 * one that waits longest. Waiting makes urgent, so nothing starves within a workspace: an order with n levels of priority
 * less stays behind only those that come within n + 1 steps of ageing after it. Who of the line starts is backfill's to
 * say.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { byId } from "../placement/fleet/fleet.ts";
import {
  FairShare,
  type Oldest,
  type PayerLine,
  type Sharers,
  type Sharing,
  type Turns,
} from "./fair-share.ts";
import { type NeverFits, oldestOf } from "./oldest.ts";

/** Waiting this long is worth one level of priority. */
export const AGEING_STEP_MS = 60 * MS_PER_MINUTE;
/** What rows beyond the API's bounds say above or below counts as that. */
export const MAX_PRIORITY = 10;

export interface Waiting extends Sharing {
  /** Larger is more urgent, 0 to MAX_PRIORITY; among the orders of one workspace. */
  priority: number;
  /** Milliseconds since 1970 at which this start was ordered. */
  orderedAtMs: number;
  /** An administrator put it before all others. */
  isUrgent?: boolean;
}

export interface QueueState extends Sharers {
  /** The id of the order that had a place kept for it; null where none had. */
  head: string | null;
}

/** Those that wait, sorted as far as no share matters: whoever goes along the line more than once makes it once. */
export interface PreparedQueue<T> {
  /** Before all others. */
  first: readonly T[];
  payers: readonly PayerLine<T>[];
  oldest: Oldest;
}

/** A sorted copy, which never depends on the order of the input. */
export function inQueueOrder<T extends Waiting>(
  waiting: readonly T[],
  state: QueueState & { neverFits?: NeverFits<T> },
): T[] {
  return [...queueOrder(prepareQueue(waiting, state), state)];
}

/** Each may be answered with whether the order counts as had; without an answer it does, unless it is passed over. */
export function* queueOrder<T extends Waiting>(
  { first, payers, oldest }: PreparedQueue<T>,
  sharers: Sharers,
): Turns<T> {
  const shares = new FairShare<T>(sharers, oldest);
  for (const one of first) if ((yield one) ?? !shares.isPassedOver(one)) shares.take(one);
  yield* shares.inTurns(payers);
}

export function prepareQueue<T extends Waiting>(
  waiting: readonly T[],
  { head, now, neverFits }: Pick<QueueState, "head" | "now"> & { neverFits?: NeverFits<T> },
): PreparedQueue<T> {
  const first = waiting.filter(({ id, isUrgent }) => isUrgent === true || id === head);
  const payers = new Map<string, Map<string, T[]>>();
  for (const one of waiting) {
    if (one.isUrgent === true || one.id === head) continue;
    let workspaces = payers.get(one.payer);
    if (workspaces === undefined) payers.set(one.payer, (workspaces = new Map<string, T[]>()));
    const orders = workspaces.get(one.workspace);
    if (orders === undefined) workspaces.set(one.workspace, [one]);
    else orders.push(one);
  }
  return {
    first: first.sort((a, b) => rankOf(a, head) - rankOf(b, head) || byAge(a, b)),
    payers: [...payers.values()].map((workspaces) =>
      [...workspaces.values()].map((orders) => byUrgency(orders, now)),
    ),
    oldest: oldestOf(waiting, neverFits),
  };
}

/** Whoever had a place kept keeps it, unless others alone are urgent. */
function rankOf({ id, isUrgent }: Waiting, head: string | null): number {
  if (isUrgent !== true) return 2;
  return id === head ? 0 : 1;
}

function byUrgency<T extends Waiting>(orders: T[], now: number): T[] {
  if (orders.length === 1) return orders;
  const levels = Map.groupBy(orders, (one) => urgencyOf(one, now));
  return [...levels].sort(([one], [other]) => other - one).flatMap(([, level]) => level.sort(byAge));
}

function byAge(a: Waiting, b: Waiting): number {
  return a.orderedAtMs - b.orderedAtMs || byId(a, b);
}

/** An order from the future, by somebody's clock, has not waited at all. */
function urgencyOf({ priority, orderedAtMs }: Waiting, now: number): number {
  const requested = Math.min(MAX_PRIORITY, Math.max(0, priority));
  return requested + Math.floor(Math.max(0, now - orderedAtMs) / AGEING_STEP_MS);
}
