/**
 * The line of all that waits, in the order in which it is tried: made when somebody asks and kept for a while, since
 * many look at it and nothing is decided by it. A long one is made in slices, between which others are answered.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { queueStateOf } from "../../core/queue/pass-plan.ts";
import { prepareQueue, queueOrder } from "../../core/queue/queue.ts";
import { type ShareBesideOthers, sharesOfWaiting } from "../../core/queue/shares-of-waiting.ts";
import { firstSuggestion, type Suggestion } from "../../core/queue/suggestions.ts";
import type { WaitingInputs } from "../../core/queue/turn.ts";
import type { VisibleTo } from "../accounts/visibility.ts";
import type { Database } from "../database/database.ts";
import { inSlices } from "../database/in-slices.ts";
import { type PassCache, passInputs, type ScheduledOrder } from "../placement/inputs/pass-inputs.ts";

/** It is made anew at most this often. */
const RETENTION_MS = MS_PER_SECOND;
/** A long one is kept for longer, by the order, so that a server spends a small part of its time on making it. */
const CACHED_MS_PER_ORDER = 0.3;
/** One that is no longer is waited for; else the one before is shown while the next is made. */
const MADE_SOON = 5_000;
/** What is older is not shown. */
const LISTED_MS = 90 * MS_PER_SECOND;

/** So many at the front of the line have their start foreseen. */
const FORESEEN = 100;
/** Each takes a look at the whole fleet, for which whoever asks waits; what was found is kept for a while. */
const FORESEEN_AT_ONCE = 4;
const FORESIGHT_CACHED_MS = 10 * MS_PER_SECOND;

export interface InLine {
  /** From 1. */
  position: number;
  order: ScheduledOrder;
}

export interface OrderLine {
  at: Date;
  inOrder: readonly ScheduledOrder[];
  /** By the start's key, from 0. */
  places: ReadonlyMap<string, number>;
  /** The share of each payer that waits, beside the others. */
  shares: ReadonlyMap<string, ShareBesideOthers>;
  scene: WaitingInputs<ScheduledOrder>;
}

interface Foreseeable extends InLine {
  /** Whether a limit of time may bring it a place sooner. */
  mayLimit: boolean;
}

interface Foresight {
  found: Suggestion | null;
  at: Date;
}

export class CachedLine {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #stored: PassCache;
  #line: OrderLine | null = null;
  #making: Promise<OrderLine> | null = null;
  #foreseen = new Map<string, Foresight>();

  constructor({ db, now }: { db: Database; now: () => Date }, cache: PassCache) {
    this.#db = db;
    this.#now = now;
    this.#stored = cache;
  }

  async recent(): Promise<OrderLine> {
    const line = this.#line;
    if (line === null) return await this.#next();
    const ageMs = this.#now().getTime() - line.at.getTime();
    const { length } = line.inOrder;
    if (ageMs >= 0 && ageMs < Math.max(RETENTION_MS, CACHED_MS_PER_ORDER * length)) return line;
    const next = this.#next();
    if (length <= MADE_SOON || ageMs < 0 || ageMs > LISTED_MS) return await next;
    // Whoever finds the line too old asks again, and is told what was wrong.
    next.catch(() => undefined);
    return line;
  }

  /**
   * What would start each of these now, by their ids; missing where nobody has looked: far behind, or where others come
   * first. Few are looked at each time, those before all others that were never looked at, or least lately.
   */
  foresee({ scene, at }: OrderLine, visible: readonly Foreseeable[]): ReadonlyMap<string, Suggestion | null> {
    const near = visible.filter(({ position }) => position <= FORESEEN);
    const checkedAtMs = ({ order }: Foreseeable) => this.#foreseen.get(order.id)?.at.getTime() ?? 0;
    const due = near
      .filter((one) => at.getTime() - checkedAtMs(one) >= FORESIGHT_CACHED_MS)
      .toSorted((one, other) => checkedAtMs(one) - checkedAtMs(other))
      .slice(0, FORESEEN_AT_ONCE);
    for (const { order, mayLimit } of due) {
      const found = firstSuggestion(scene, order, { otherModels: order.otherModels, mayLimit });
      this.#foreseen.set(order.id, { found, at });
    }
    return new Map(
      near.flatMap(({ order: { id } }) => {
        const known = this.#foreseen.get(id);
        return known === undefined ? [] : [[id, known.found]];
      }),
    );
  }

  async #next(): Promise<OrderLine> {
    this.#making ??= this.#make().finally(() => {
      this.#making = null;
    });
    return await this.#making;
  }

  async #make(): Promise<OrderLine> {
    const at = this.#now();
    const scene = await passInputs(this.#db, { now: at, seed: 0, cache: this.#stored, work: "all" });
    const places = new Map<string, number>();
    const state = queueStateOf(scene);
    const prepared = prepareQueue(scene.orders, state);
    const inOrder = await inSlices(queueOrder(prepared, state), (order, index) => {
      places.set(order.id, index);
      return order;
    });
    const shares = sharesOfWaiting(scene.orders, state);
    const line = { at, inOrder, places, shares, scene: { ...scene, prepared } };
    this.#foreseen = new Map([...this.#foreseen].filter(([id]) => (places.get(id) ?? FORESEEN) < FORESEEN));
    this.#line = line;
    return line;
  }
}

/** Those behind that place which are shown, one more than the limit. */
export function stretchOf(
  { inOrder }: OrderLine,
  { visibleTo, from, limit }: { visibleTo: VisibleTo | null; from: number; limit: number },
): InLine[] {
  const found: InLine[] = [];
  const workspaces = new Set(visibleTo?.workspaceIds);
  for (let at = from; at < inOrder.length && found.length <= limit; at += 1) {
    const order = inOrder[at];
    if (order === undefined) break;
    const { workspaceId, requested } = order;
    const isVisible =
      visibleTo === null ||
      (workspaceId === null ? requested.customerId === visibleTo.customerId : workspaces.has(workspaceId));
    if (isVisible) found.push({ position: at + 1, order });
  }
  return found;
}
