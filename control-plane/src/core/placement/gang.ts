/**
 * Where the instances of a gang may go, so that all of them fit or none is placed: the tightest rack that takes them
 * all; where none does, as few racks as possible, the last of them as tight as can be. Hosts without the rack's label
 * count as one rack.
 */
import { RACK_LABEL } from "./fleet/fleet.ts";
import type { FleetState } from "./fleet/fleet-state.ts";
import { fittingInstances, type RequestShape } from "./fleet/request-shape.ts";

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
