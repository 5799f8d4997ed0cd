/**
 * What one reader is told of what changed: invalidations of what they listen to and may see, and the values of cards and
 * of costs. Many changes of one topic are one word, since whoever hears it asks again anyway.
 */
import type { CardReading, Changes, WorkloadCost } from "./snapshot.ts";
import { seesWorkload, type Sight } from "./topics.ts";

/** So many of one topic are named in one second, by their ids; more are sent together. */
export const MAX_NAMED = 50;

export interface Listener {
  topics: ReadonlySet<string>;
  sight: Sight;
}

export interface StreamUpdate {
  /** Everything is to be asked for again. */
  resync: boolean;
  /** Topics with the ids that changed; null where it is the whole topic. */
  changes: ReadonlyMap<string, ReadonlySet<string> | null>;
  cards: readonly CardReading[];
  costs: readonly WorkloadCost[];
}

export const NOTHING: StreamUpdate = { resync: false, changes: new Map(), cards: [], costs: [] };

export function updateFor({ topics, sight }: Listener, changes: Changes): StreamUpdate {
  if (changes.everything) return { ...NOTHING, resync: true };
  const update = new Map<string, ReadonlySet<string> | null>();
  const seen = [...changes.workloads]
    .filter(([, owner]) => seesWorkload(sight, owner))
    .map(([topic]) => topic);
  if (topics.has("workloads") && seen.length > 0) update.set("workloads", named(seen.map(idOf)));
  for (const topic of seen) if (topics.has(topic)) update.set(topic, null);
  if (changes.hosts.size > 0) {
    if (topics.has("fleet")) update.set("fleet", named([...changes.hosts]));
    for (const id of changes.hosts) if (topics.has(`host:${id}`)) update.set(`host:${id}`, null);
  }
  if (changes.queue && topics.has("queue")) update.set("queue", null);
  if (changes.alarms && topics.has("alarms")) update.set("alarms", null);
  if (topics.has("billing") && changes.accounts.some((id) => sight.isAdmin || sight.payerIds.has(id)))
    update.set("billing", null);
  return {
    resync: false,
    changes: update,
    cards: topics.has("gpu") ? cardsSeen(sight, changes.cards) : [],
    costs: topics.has("cost") ? costsSeen(sight, changes.costs) : [],
  };
}

export function cardsSeen(sight: Sight, cards: Iterable<CardReading>): CardReading[] {
  return [...cards].filter(
    ({ holders }) => sight.isAdmin || [...holders.values()].some((owner) => seesWorkload(sight, owner)),
  );
}

export function costsSeen(sight: Sight, costs: Iterable<readonly [string, WorkloadCost]>): WorkloadCost[] {
  return [...costs].map(([, cost]) => cost).filter((cost) => seesWorkload(sight, cost));
}

function named(ids: readonly string[]): ReadonlySet<string> | null {
  return ids.length > MAX_NAMED ? null : new Set(ids);
}

function idOf(topic: string): string {
  return topic.slice(topic.indexOf(":") + 1);
}
