/**
 * Weighted fair share: whose turn it is among workspaces that wait with the same urgency. Each stands with the GPU time
 * that it had within the window, divided by its weight; the one that had least is next. What is ahead in the line counts
 * as had, so that a workspace with many orders takes turns with the others and does not go before them in one piece.
 */
import { byId } from "../placement/fleet/fleet.ts";

/** Use before this no longer counts. */
export const FAIR_SHARE_WINDOW_SECONDS = 7 * 86_400;
/** How long work without a time limit is taken to hold its GPUs. */
export const NOMINAL_SECONDS = 4 * 3_600;

/** What a workspace has had. */
export interface Share {
  /** GPU thousandths times the seconds for which they were held, within the window. */
  usedShareSeconds: number;
  /** A whole number, 1 or more; twice the weight is worth twice the GPU time. */
  weight: number;
}

export interface Sharing {
  id: string;
  /** Who shares: orders with the same text here count together. */
  workspace: string;
  orderedAtMs: number;
  /** Of all its instances together. */
  gpuShareThousandths: number;
  /** Null where it may run for as long as it likes. */
  limitSeconds: number | null;
}

/** One workspace's orders, the oldest first, and which of them is next. */
interface Turn<T> {
  share: Share;
  orders: T[];
  next: number;
  front: T;
}

/**
 * One line of all orders, one after the other. `oldestFirst` must be sorted by age and id. What the line takes is added to
 * `shares`, so that whatever is put behind it takes that into account.
 */
export function* inTurns<T extends Sharing>(
  oldestFirst: readonly T[],
  shares: Map<string, Share>,
): Generator<T, void> {
  const turns = turnsOf(oldestFirst, shares);
  for (let at = turns.length - 1; at >= 0; at -= 1) sink(turns, at);
  for (let turn = turns[0]; turn !== undefined; turn = turns[0]) {
    const next = turn.front;
    turn.share.usedShareSeconds += expectedUse(next);
    turn.next += 1;
    const front = turn.orders[turn.next];
    if (front !== undefined) turn.front = front;
    else replaceFirst(turns);
    sink(turns, 0);
    yield next;
  }
}

function turnsOf<T extends Sharing>(oldestFirst: readonly T[], shares: Map<string, Share>): Turn<T>[] {
  const turns = new Map<string, Turn<T>>();
  for (const order of oldestFirst) {
    const turn = turns.get(order.workspace);
    if (turn !== undefined) {
      turn.orders.push(order);
      continue;
    }
    const share = shares.get(order.workspace) ?? { usedShareSeconds: 0, weight: 1 };
    shares.set(order.workspace, share);
    turns.set(order.workspace, { share, orders: [order], next: 0, front: order });
  }
  return [...turns.values()];
}

/** Work without a GPU counts as the smallest share of one, so that it takes turns, too. */
function expectedUse({ gpuShareThousandths, limitSeconds }: Sharing): number {
  const seconds = Math.min(limitSeconds ?? NOMINAL_SECONDS, FAIR_SHARE_WINDOW_SECONDS);
  return Math.max(1, gpuShareThousandths) * seconds;
}

/** The turns are a binary heap, so that a line of n orders of w workspaces takes n log w steps. */
function sink<T extends Sharing>(turns: Turn<T>[], from: number): void {
  const sinking = turns[from];
  if (sinking === undefined) return;
  let at = from;
  for (;;) {
    const child = earlierChild(turns, at);
    const turn = turns[child];
    if (turn === undefined || inTurn(sinking, turn) <= 0) break;
    turns[at] = turn;
    at = child;
  }
  turns[at] = sinking;
}

function earlierChild<T extends Sharing>(turns: Turn<T>[], at: number): number {
  const left = turns[2 * at + 1];
  const right = turns[2 * at + 2];
  return left !== undefined && right !== undefined && inTurn(right, left) < 0 ? 2 * at + 2 : 2 * at + 1;
}

function replaceFirst<T>(turns: Turn<T>[]): void {
  const last = turns.pop();
  if (last !== undefined && turns.length > 0) turns[0] = last;
}

function inTurn<T extends Sharing>(a: Turn<T>, b: Turn<T>): number {
  return byShare(a.share, b.share) || a.front.orderedAtMs - b.front.orderedAtMs || byId(a.front, b.front);
}

/** Compares used ÷ weight exactly. A product of whole numbers that comes out below 2^53 was not rounded. */
export function byShare(a: Share, b: Share): number {
  const left = a.usedShareSeconds * b.weight;
  const right = b.usedShareSeconds * a.weight;
  if (left <= Number.MAX_SAFE_INTEGER && right <= Number.MAX_SAFE_INTEGER) return left - right;
  const difference =
    BigInt(a.usedShareSeconds) * BigInt(b.weight) - BigInt(b.usedShareSeconds) * BigInt(a.weight);
  return difference < 0n ? -1 : Number(difference > 0n);
}
