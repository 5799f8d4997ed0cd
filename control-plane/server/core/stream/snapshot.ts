/**
 * What a server saw of the database in one second, and what changed between two such looks. Of workloads and accounts a
 * look has those alone that were written in the last seconds, with a stamp that grows with each writing; of hosts and cards
 * all of them, where anybody wants to hear of them.
 */
import type { Owner } from "./topics.ts";

/** Numbers that only grow, of what is written down in two places; zero for what was not written there lately. */
export interface Stamp {
  noted: number;
  written: number;
}

export interface Mark extends Owner {
  stamp: Stamp;
}

export interface CardReading {
  uuid: string;
  hostId: string;
  utilizationPercent: number | null;
  memoryUsedMib: number | null;
  temperatureC: number | null;
  powerW: string | null;
  sampledMs: number | null;
  /** Health, cordon and whatever else makes the map look different. */
  state: string;
  /** The owners of workloads whose instances have it, by the topics of those. */
  holders: ReadonlyMap<string, Owner>;
}

export interface FleetSnapshot {
  /** What makes each host look different, by its id. */
  hosts: ReadonlyMap<string, string>;
  cards: ReadonlyMap<string, CardReading>;
}

export interface WorkloadCost extends Owner {
  id: string;
  /** Decimals; null where no price is known. */
  costSoFar: string | null;
  ratePerHour: string | null;
}

export interface Snapshot {
  /** More was written than is looked at: whoever listens asks for everything again. */
  isBeyondBounds: boolean;
  /** By their topics. */
  workloads: ReadonlyMap<string, Mark>;
  /** The last writing of each account's money, by customer. */
  accounts: ReadonlyMap<number, Stamp>;
  /** Hosts of which something was noted. */
  notedHosts: ReadonlyMap<string, Stamp>;
  /** The last moves into and out of the line. */
  queue: Stamp;
  alarmStamp: string;
  /** Null while nobody wants to hear of it. */
  fleet: FleetSnapshot | null;
  /** By the topics of workloads, likewise. */
  costs: ReadonlyMap<string, WorkloadCost> | null;
}

export interface Changes {
  everything: boolean;
  workloads: ReadonlyMap<string, Mark>;
  accounts: readonly number[];
  hosts: ReadonlySet<string>;
  queue: boolean;
  alarms: boolean;
  cards: readonly CardReading[];
  costs: readonly (readonly [string, WorkloadCost])[];
}

export function changesBetween(before: Snapshot, after: Snapshot): Changes {
  return {
    everything: after.isBeyondBounds,
    workloads: new Map(
      [...after.workloads].filter(([topic, { stamp }]) => isLater(stamp, before.workloads.get(topic)?.stamp)),
    ),
    accounts: written(before.accounts, after.accounts),
    hosts: new Set([
      ...written(before.notedHosts, after.notedHosts),
      ...(before.fleet === null || after.fleet === null ? [] : changedHosts(before.fleet, after.fleet)),
    ]),
    queue: isLater(after.queue, before.queue),
    alarms: before.alarmStamp !== after.alarmStamp,
    cards: [...(after.fleet?.cards.values() ?? [])].filter((card) => {
      const known = before.fleet?.cards.get(card.uuid);
      return known === undefined || !isSameReading(known, card) || !isHeldAlike(known, card);
    }),
    costs: [...(after.costs ?? [])].filter(([topic, cost]) => {
      const known = before.costs?.get(topic);
      return known?.costSoFar !== cost.costSoFar || known.ratePerHour !== cost.ratePerHour;
    }),
  };
}

/** What was written long ago leaves a look, which is no writing. */
function isLater(stamp: Stamp, before: Stamp | undefined): boolean {
  return stamp.noted > (before?.noted ?? 0) || stamp.written > (before?.written ?? 0);
}

function written<Key>(before: ReadonlyMap<Key, Stamp>, after: ReadonlyMap<Key, Stamp>): Key[] {
  return [...after].filter(([key, stamp]) => isLater(stamp, before.get(key))).map(([key]) => key);
}

/** Those that came, went or look different, and those with such a card. */
function changedHosts(before: FleetSnapshot, after: FleetSnapshot): Set<string> {
  const changed = new Set<string>();
  for (const [id, state] of after.hosts) if (before.hosts.get(id) !== state) changed.add(id);
  for (const id of before.hosts.keys()) if (!after.hosts.has(id)) changed.add(id);
  for (const card of after.cards.values()) {
    const known = before.cards.get(card.uuid);
    if (known?.state === card.state && known.hostId === card.hostId && isHeldAlike(known, card)) continue;
    changed.add(card.hostId);
    if (known !== undefined) changed.add(known.hostId);
  }
  for (const card of before.cards.values()) if (!after.cards.has(card.uuid)) changed.add(card.hostId);
  return changed;
}

function isSameReading(one: CardReading, other: CardReading): boolean {
  return (
    one.sampledMs === other.sampledMs &&
    one.utilizationPercent === other.utilizationPercent &&
    one.memoryUsedMib === other.memoryUsedMib &&
    one.temperatureC === other.temperatureC &&
    one.powerW === other.powerW
  );
}

function isHeldAlike(one: CardReading, other: CardReading): boolean {
  return (
    one.holders.size === other.holders.size &&
    [...one.holders.keys()].every((topic) => other.holders.has(topic))
  );
}
