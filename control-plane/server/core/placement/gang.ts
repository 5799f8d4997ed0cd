/**
 * Where the instances of a gang may go, so that all of them fit or none is placed: the tightest rack that takes them
 * all; where none does, as few racks as possible, the last of them as tight as can be. Hosts without the rack's label
 * count as one rack. Of two hosts that did not reach each other lately it has one at most; one that others do not find
 * it has alone, where it finds room nowhere else.
 */
import type { PlacementRequest } from "./fleet/fits-on.ts";
import { RACK_LABEL } from "./fleet/fleet.ts";
import type { FleetState } from "./fleet/fleet-state.ts";
import { fittingInstances, type RequestShape } from "./fleet/request-shape.ts";

export interface Gang {
  instances: number;
  distinctHosts: boolean;
  /** Hosts of which it may have one or the other. */
  apart: PlacementRequest["apart"];
  alone?: PlacementRequest["alone"];
}

/** Ways of leaving hosts out that are looked at, where some may not be had together. */
const MAX_CHOICES = 32;

interface Rack {
  name: string;
  hosts: number[];
  fitting: number;
}

export interface GangRoom {
  /** How many of its instances fit now, at most as many as it has. */
  fitting: number;
  /** The hosts to choose from, in the order of the racks to fill; null where not all fit. */
  racks: number[][] | null;
}

export function gangRoom(state: FleetState, shape: RequestShape, gang: Gang): GangRoom {
  let most: GangRoom = { fitting: 0, racks: null };
  const alone = aloneOf(state, gang);
  for (const without of choices(pairsOf(state, gang))) {
    const room = roomWithout(state, shape, { ...gang, without: new Set([...without, ...alone]) });
    if (room.racks !== null) return room;
    if (room.fitting > most.fitting) most = room;
  }
  const atMost = gang.distinctHosts ? 1 : gang.instances;
  for (const host of alone) {
    const fitting = fittingInstances(state, shape, { host, atMost });
    if (fitting === gang.instances) return { fitting, racks: [[host]] };
    if (fitting > most.fitting) most = { fitting, racks: null };
  }
  return most;
}

function aloneOf(state: FleetState, { alone }: Gang): Set<number> {
  if (alone === undefined) return new Set();
  return new Set(state.hosts.flatMap(({ id }, host) => (alone.has(id) ? [host] : [])));
}

/** Hosts by their numbers in the fleet. */
type Pair = readonly [number, number];

function pairsOf(state: FleetState, { apart }: Gang): Pair[] {
  if (apart.length === 0) return [];
  const numbers = new Map(state.hosts.map(({ id }, host) => [id, host]));
  return apart.flatMap(({ hosts: [one, other] }) => {
    const [first, second] = [numbers.get(one), numbers.get(other)];
    return first === undefined || second === undefined ? [] : [[first, second] as const];
  });
}

/** Whichever hosts are left when of each pair one is left out; the first choices of many. */
function choices(pairs: readonly Pair[]): ReadonlySet<number>[] {
  let found: ReadonlySet<number>[] = [new Set()];
  for (const [one, other] of pairs)
    found = found
      .flatMap((without) =>
        without.has(one) || without.has(other)
          ? [without]
          : [new Set([...without, other]), new Set([...without, one])],
      )
      .slice(0, MAX_CHOICES);
  return found;
}

function roomWithout(
  state: FleetState,
  shape: RequestShape,
  gang: Gang & { without: ReadonlySet<number> },
): GangRoom {
  const racks = new Map<string, Rack>();
  for (let host = 0; host < state.hosts.length; host += 1) {
    if (gang.without.has(host)) continue;
    // Not at most as many as the gang has, or a roomy rack would look as tight as one that it fills.
    const atMost = gang.distinctHosts ? 1 : Number.MAX_SAFE_INTEGER;
    const fitting = fittingInstances(state, shape, { host, atMost });
    if (fitting === 0) continue;
    const name = state.hosts[host]?.labels[RACK_LABEL] ?? "";
    const rack = racks.get(name) ?? { name, hosts: [], fitting: 0 };
    rack.hosts.push(host);
    rack.fitting += fitting;
    racks.set(name, rack);
  }
  const all = [...racks.values()];
  const fitting = Math.min(
    gang.instances,
    all.reduce((sum, rack) => sum + rack.fitting, 0),
  );
  if (fitting < gang.instances) return { fitting, racks: null };
  return { fitting, racks: fewestRacks(all, gang.instances).map(({ hosts }) => hosts) };
}

/** The roomiest racks, but for the last the tightest that takes what is still missing. */
function fewestRacks(racks: Rack[], instances: number): Rack[] {
  const chosen: Rack[] = [];
  let missing = instances;
  const roomiestFirst = racks.toSorted((a, b) => b.fitting - a.fitting || byName(a, b));
  for (const [position, rack] of roomiestFirst.entries()) {
    if (rack.fitting >= missing) {
      const others = roomiestFirst.slice(position + 1).filter(({ fitting }) => fitting >= missing);
      chosen.push(others.reduce((least, other) => (other.fitting < least.fitting ? other : least), rack));
      break;
    }
    chosen.push(rack);
    missing -= rack.fitting;
  }
  return chosen;
}

function byName(a: Rack, b: Rack): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
