/**
 * What a reader has not taken yet. It does not grow with the time that they do not read: a later word of the same topic
 * takes the place of the one before, and of each card and workload the last value is kept.
 */
import type { CardReading, WorkloadCost } from "./snapshot.ts";
import { MAX_NAMED, NOTHING, type StreamUpdate } from "./updates.ts";

export class Backlog {
  #resync = false;
  #changes = new Map<string, ReadonlySet<string> | null>();
  #cards = new Map<string, CardReading>();
  #costs = new Map<string, WorkloadCost>();

  add(update: StreamUpdate): void {
    if (update.resync) {
      this.take();
      this.#resync = true;
    }
    for (const [topic, ids] of update.changes)
      this.#changes.set(topic, this.#changes.has(topic) ? together(this.#changes.get(topic), ids) : ids);
    for (const card of update.cards) this.#cards.set(card.uuid, card);
    for (const cost of update.costs) this.#costs.set(cost.id, cost);
  }

  get isEmpty(): boolean {
    return !this.#resync && this.#changes.size + this.#cards.size + this.#costs.size === 0;
  }

  take(): StreamUpdate {
    if (this.isEmpty) return NOTHING;
    const update = {
      resync: this.#resync,
      changes: this.#changes,
      cards: [...this.#cards.values()],
      costs: [...this.#costs.values()],
    };
    this.#resync = false;
    this.#changes = new Map();
    this.#cards = new Map();
    this.#costs = new Map();
    return update;
  }
}

function together(
  one: ReadonlySet<string> | null | undefined,
  other: ReadonlySet<string> | null,
): ReadonlySet<string> | null {
  if (one === null || one === undefined || other === null) return null;
  const both = new Set([...one, ...other]);
  return both.size > MAX_NAMED ? null : both;
}
