/**
 * Which request goes to which host and GPUs. Pure and deterministic: integers only, requests in the order given,
 * hosts in the order of their ids, so the same input gives the same answer byte for byte. Each request sees what
 * the ones before it took. Whether it may be paid for and by whom is decided elsewhere.
 */
import type { Fleet } from "./fleet.ts";
import { describeObstacle, type Obstacle, obstaclesOn, type PlacementRequest } from "./fits-on.ts";
import type { FleetState } from "./fleet-state.ts";
import { Placer, type Place, type PlacementOptions } from "./placer.ts";

export interface GpuGrant {
  uuid: string;
  /** Null for a whole card. */
  memoryMib: number | null;
  shareThousandths: number;
}

/** One container's place; in the order of the ranks. */
export interface PlacedInstance {
  hostId: string;
  gpus: GpuGrant[];
}

export interface HostReason {
  hostId: string;
  hostName: string;
  obstacles: Obstacle[];
}

export type PlacementDecision =
  | { placed: true; requestId: string; instances: PlacedInstance[] }
  | {
      placed: false;
      requestId: string;
      /** Instances that would have fitted; 0 unless it asks for several. */
      fitting: number;
      /** What is in the way of one instance on each host where something is. */
      hosts: HostReason[];
    };

export interface PlacementResult {
  decisions: PlacementDecision[];
  /** What is left after the decisions; the input is untouched. */
  fleet: Fleet;
}

/** @throws UnsoundFleetError when the snapshot contradicts itself; nothing is placed then */
export function place(
  fleet: Fleet,
  requests: PlacementRequest[],
  options: PlacementOptions,
): PlacementResult {
  const placer = new Placer(fleet, options);
  const decisions = requests.map((request): PlacementDecision => {
    const places = placer.place(request);
    if (places !== null)
      return { placed: true, requestId: request.id, instances: placedInstances(placer.state, places) };
    return {
      placed: false,
      requestId: request.id,
      fitting: placer.fitting(request),
      hosts: hostReasons(placer.state, request, options.now),
    };
  });
  return { decisions, fleet: placer.state.toFleet() };
}

export function placedInstances(state: FleetState, places: readonly Place[]): PlacedInstance[] {
  return places.map(({ host, cards }) => ({
    hostId: state.hosts[host]?.id ?? "",
    gpus: cards.map(({ card, memoryMib, shareThousandths }) => ({
      uuid: state.cards[card]?.uuid ?? "",
      memoryMib,
      shareThousandths,
    })),
  }));
}

/** What is in the way of one instance, host by host, of hosts where something is. */
export function hostReasons(state: FleetState, request: PlacementRequest, now: number): HostReason[] {
  const reasons: HostReason[] = [];
  for (let host = 0; host < state.hosts.length; host += 1) {
    const capacity = state.capacityOf(host);
    const obstacles = obstaclesOn(capacity, request, now);
    if (obstacles.length > 0) reasons.push({ hostId: capacity.id, hostName: capacity.name, obstacles });
  }
  return reasons;
}

/** Hosts named in one sentence; `why` lists them all. */
const HOSTS_IN_A_SENTENCE = 3;

/** One sentence for `status_reason`: why nothing took the request. */
export function waitingSentence(hosts: HostReason[]): string {
  if (hosts.length === 0) return "Waiting for a place: no host has joined yet.";
  const named = hosts
    .slice(0, HOSTS_IN_A_SENTENCE)
    .map((host) => `${host.hostName}: ${host.obstacles.map(describeObstacle).join(", ")}`);
  const more = hosts.length - named.length;
  return `Waiting for a place. ${named.join("; ")}${more > 0 ? `; and ${more} more hosts` : ""}.`;
}
