/**
 * Weighted fair share: whose turn it is. Among payers the one is next whose dominant share (share.ts), divided by the
 * weight that administrators gave, is the smallest; among the payer's workspaces the same by their weights; within a
 * workspace the orders are in line already. What is ahead in the line counts as had, so that a payer with many orders
 * takes turns with the others, and gains nothing by splitting one.
 *
 * A share alone would let whoever holds much wait for ever beside newcomers. So each minute that a turn has waited, since
 * its order came or since it got a place last, whichever is later, counts as a thousandth of the fleet less: whoever comes
 * more minutes later than a payer has thousandths comes behind it. With each place that is given it begins anew: a long line
 * of old orders is worth no more than one. But for the order that waits longest of all: what later ones get before it, since
 * they fit beside what is kept for others, takes nothing of its waiting. Else small starts, which any of its people can make
 * without end, would keep a payer's large one behind newcomers for ever.
 */
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { byId } from "../placement/fleet/fleet.ts";
import { type Amounts, dominantShare, NOTHING, plus, WHOLE_FLEET } from "./share.ts";

/** What each minute of waiting without a place is worth, in millionths of the fleet. */
const WORTH_OF_A_MINUTE = WHOLE_FLEET / 1000;
/** Minutes beyond it count no more: longer than any share can be, and exact when multiplied by weights. */
const MOST_MINUTES = 1_000_000;

/** Somebody who shares the fleet: a payer, or one of a payer's workspaces. */
export interface Sharer {
  /** Held now, and lately held on average, together. */
  had: Amounts;
  /** A whole number, 1 or more; twice the weight is worth twice the share. */
  weight: number;
  /** When it got a place last, in milliseconds since 1970; null where none is known. */
  lastStartMs: number | null;
  /** When one of its orders got one that had waited longest until then; absent: the same. */
  lastTurnMs?: number | null | undefined;
}

/** Ids of the orders that wait longest of their payer, and of their workspace; of those that may start and fit. */
export interface Oldest {
  ofPayers: ReadonlySet<string>;
  ofWorkspaces: ReadonlySet<string>;
  /** Ids of the orders that no host could ever take: they are passed over, as what may not start. */
  neverFit: ReadonlySet<string>;
}

const NONE: Oldest = { ofPayers: new Set(), ofWorkspaces: new Set(), neverFit: new Set() };

export interface Sharing {
  id: string;
  /** Who pays: orders with the same text here count together. */
  payer: string;
  /** Where they are ordered; one of the payer's. */
  workspace: string;
  orderedAtMs: number;
  /** Of all its instances together. */
  demand: Amounts;
  /** Why it may not start whatever is free: then it counts for nobody, whatever the reason is. */
  heldBack?: unknown;
}

export interface Sharers {
  /** By `payer` and by `workspace`; one that is not named had nothing, and has the weight 1. */
  payers: ReadonlyMap<string, Sharer>;
  workspaces: ReadonlyMap<string, Sharer>;
  /** What the hosts have that take orders. */
  capacity: Amounts;
  /** Milliseconds since 1970. */
  now: number;
}

/** The orders of one payer: of each workspace those that wait, in their own order. */
export type PayerLine<T> = readonly (readonly T[])[];

/** Its answer says whether the order that was told has a place, or has one kept: then it counts as had. */
export type Turns<T> = Generator<T, void, boolean | undefined>;

export class FairShare<T extends Sharing> {
  readonly #sharers: Sharers;
  readonly #oldest: Oldest;
  readonly #payers = new Map<string, State>();
  readonly #workspaces = new Map<string, State>();

  /** @param oldest of all that wait, those among them that are in no line */
  constructor(sharers: Sharers, oldest: Oldest = NONE) {
    this.#sharers = sharers;
    this.#oldest = oldest;
  }

  /** It counts as had by its payer and its workspace. */
  take({ payer, workspace, demand }: T): void {
    this.#payer(payer).take(demand, this.#sharers);
    this.#workspace(workspace).take(demand, this.#sharers);
  }

  /** Whether it only waits to be passed over: it stands in no way of what waits longest behind it. */
  isPassedOver({ id, heldBack }: Sharing): boolean {
    return (heldBack ?? null) !== null || this.#oldest.neverFit.has(id);
  }

  /** One after the other. Without an answer an order counts unless it is passed over. */
  *inTurns(lines: readonly PayerLine<T>[]): Turns<T> {
    const payers = new Heap(lines.flatMap((line) => this.#turnOf(line)));
    for (let payer = payers.first; payer !== undefined; payer = payers.first) {
      const workspace = payer.workspaces.first;
      if (workspace === undefined) {
        payers.replaceFirst(null);
        continue;
      }
      const next = workspace.front;
      if ((yield next) ?? !this.isPassedOver(next)) this.take(next);
      workspace.next += 1;
      const front = workspace.orders[workspace.next];
      if (front !== undefined) workspace.front = front;
      payer.workspaces.replaceFirst(front === undefined ? null : workspace);
      const first = payer.workspaces.first;
      if (first !== undefined) payer.front = first.front;
      payers.replaceFirst(first === undefined ? null : payer);
    }
  }

  #turnOf(line: PayerLine<T>): PayerTurn<T>[] {
    const workspaces = new Heap(
      line.flatMap((orders): WorkspaceTurn<T>[] => {
        const [front] = orders;
        if (front === undefined) return [];
        const { ofWorkspaces: oldest, neverFit } = this.#oldest;
        const state = this.#workspace(front.workspace);
        return [{ orders, next: 0, front, state, oldest, neverFit, sharers: this.#sharers }];
      }),
    );
    const first = workspaces.first;
    if (first === undefined) return [];
    const { front } = first;
    const { ofPayers: oldest, neverFit } = this.#oldest;
    const state = this.#payer(front.payer);
    return [{ workspaces, front, state, oldest, neverFit, sharers: this.#sharers }];
  }

  #payer(payer: string): State {
    return roleIn(this.#payers, payer, { of: this.#sharers.payers, sharers: this.#sharers });
  }

  #workspace(workspace: string): State {
    return roleIn(this.#workspaces, workspace, { of: this.#sharers.workspaces, sharers: this.#sharers });
  }
}

function roleIn(
  known: Map<string, State>,
  name: string,
  { of, sharers }: { of: ReadonlyMap<string, Sharer>; sharers: Sharers },
): State {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = new State(of.get(name) ?? { had: NOTHING, weight: 1, lastStartMs: null }, sharers);
  known.set(name, made);
  return made;
}

/** How somebody stands while the line is made. */
class State {
  readonly weight: number;
  #had: Amounts;
  #share: number;
  #lastStartMs: number | null;
  readonly #lastTurnMs: number | null;

  constructor({ had, weight, lastStartMs, lastTurnMs = lastStartMs }: Sharer, { capacity }: Sharers) {
    this.weight = weight;
    this.#had = had;
    this.#share = dominantShare(had, capacity);
    this.#lastStartMs = lastStartMs;
    this.#lastTurnMs = lastTurnMs;
  }

  take(demand: Amounts, { capacity, now }: Sharers): void {
    this.#had = plus(this.#had, demand);
    this.#share = dominantShare(this.#had, capacity);
    this.#lastStartMs = now;
  }

  /** Its share, less what its waiting is worth, times its weight: divided by that, the smallest is next. */
  points(front: Sharing, { now, isOldest }: { now: number; isOldest: boolean }): number {
    const startMs = isOldest ? this.#lastTurnMs : this.#lastStartMs;
    const sinceMs = Math.max(front.orderedAtMs, startMs ?? front.orderedAtMs);
    const minutes = Math.min(MOST_MINUTES, Math.floor(Math.max(0, now - sinceMs) / MS_PER_MINUTE));
    return this.#share - minutes * WORTH_OF_A_MINUTE * this.weight;
  }
}

interface Turn<T> {
  front: T;
  state: State;
  /** Ids of orders. */
  oldest: ReadonlySet<string>;
  neverFit: ReadonlySet<string>;
  sharers: Sharers;
}

interface WorkspaceTurn<T> extends Turn<T> {
  orders: readonly T[];
  next: number;
}

interface PayerTurn<T> extends Turn<T> {
  workspaces: Heap<T & Sharing, WorkspaceTurn<T & Sharing>>;
}

/** A binary heap, so that a line of n orders of p payers takes n log p steps. */
class Heap<T extends Sharing, Each extends Turn<T>> {
  readonly #turns: { turn: Each; points: number }[];

  constructor(turns: readonly Each[]) {
    this.#turns = turns.map((turn) => ({ turn, points: pointsOf(turn) }));
    for (let at = this.#turns.length - 1; at >= 0; at -= 1) this.#sink(at);
  }

  get first(): Each | undefined {
    return this.#turns[0]?.turn;
  }

  /** The first stands elsewhere by now, or, with null, is over. */
  replaceFirst(turn: Each | null): void {
    if (turn === null) {
      const last = this.#turns.pop();
      if (last !== undefined && this.#turns.length > 0) this.#turns[0] = last;
    } else this.#turns[0] = { turn, points: pointsOf(turn) };
    this.#sink(0);
  }

  #sink(from: number): void {
    const turns = this.#turns;
    const sinking = turns[from];
    if (sinking === undefined) return;
    let at = from;
    for (;;) {
      const left = turns[2 * at + 1];
      const right = turns[2 * at + 2];
      const isRight = left !== undefined && right !== undefined && inTurn(right, left) < 0;
      const child = isRight ? right : left;
      if (child === undefined || inTurn(sinking, child) <= 0) break;
      turns[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    turns[at] = sinking;
  }
}

function pointsOf({ front, state, oldest, neverFit, sharers }: Turn<Sharing>): number {
  // What does not start is only passed over: it is in no way of what waits longest behind it.
  const isPassedOver = (front.heldBack ?? null) !== null || neverFit.has(front.id);
  return state.points(front, { now: sharers.now, isOldest: oldest.has(front.id) || isPassedOver });
}

interface Placed {
  turn: Turn<Sharing>;
  points: number;
}

/** Shares, minutes and weights are bounded so that both products are exact. */
function inTurn(a: Placed, b: Placed): number {
  return (
    a.points * b.turn.state.weight - b.points * a.turn.state.weight ||
    a.turn.front.orderedAtMs - b.turn.front.orderedAtMs ||
    byId(a.turn.front, b.turn.front)
  );
}
