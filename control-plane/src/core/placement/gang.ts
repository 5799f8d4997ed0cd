/**
 * Where the instances of a gang may go, so that all of them fit or none is placed: the tightest rack that takes them
 * all; where none does, as few racks as possible. Hosts without the rack's label count as one rack.
 */
import { RACK_LABEL } from "./fleet.ts";
import type { FleetState } from "./fleet-state.ts";
import { fittingInstances, type RequestShape } from "./request-shape.ts";

export interface Gang {
  instances: number;
  distinctHosts: boolean;
}

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
  const racks = new Map<string, Rack>();
  for (let host = 0; host < state.hosts.length; host += 1) {
    const atMost = gang.distinctHosts ? 1 : gang.instances;
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

function fewestRacks(racks: Rack[], instances: number): Rack[] {
  const tightest = racks
    .filter(({ fitting }) => fitting >= instances)
    .sort((a, b) => a.fitting - b.fitting || byName(a, b))[0];
  if (tightest !== undefined) return [tightest];
  const chosen: Rack[] = [];
  let missing = instances;
  for (const rack of racks.toSorted((a, b) => b.fitting - a.fitting || byName(a, b))) {
    if (missing <= 0) break;
    chosen.push(rack);
    missing -= rack.fitting;
  }
  return chosen;
}

function byName(a: Rack, b: Rack): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}
