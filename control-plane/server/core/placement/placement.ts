/**
 * Which request goes to which host and GPUs. Pure and deterministic: integers only, requests in the order given,
 * hosts in the order of their ids, so the same input gives the same answer byte for byte. Each request sees what
 * the ones before it took. Whether it may be paid for and by whom is decided elsewhere.
 */
import { asSentence } from "@remotegpu/shared/sentence";
import type { Fleet } from "./fleet/fleet.ts";
import { describeObstacle, type Obstacle, obstaclesOn, type PlacementRequest } from "./fleet/fits-on.ts";
import type { FleetState } from "./fleet/fleet-state.ts";
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

type PlacementDecision =
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

/**
 * @throws UnsoundFleetError when the snapshot contradicts itself; nothing is placed then
 * @throws UnsoundRequestError when a request asks for what cannot be; nothing is placed then either
 */
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
      hosts: hostReasons(placer.state, request, { now: options.now }),
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

/** What is in the way of one instance, host by host, of the first hosts where something is. */
export function hostReasons(
  state: FleetState,
  request: PlacementRequest,
  { now, atMost = Infinity }: { now: number; atMost?: number },
): HostReason[] {
  const reasons: HostReason[] = [];
  for (let host = 0; host < state.hosts.length && reasons.length < atMost; host += 1) {
    const capacity = state.capacityOf(host);
    const obstacles = obstaclesOn(capacity, request, now);
    if (obstacles.length > 0) reasons.push({ hostId: capacity.id, hostName: capacity.name, obstacles });
  }
  return reasons;
}

/** Hosts named in one sentence; `why` lists them all. */
const HOSTS_IN_A_SENTENCE = 3;

/** One sentence for `status_reason`: why nothing took the request. */
export function waitingSentence(
  state: FleetState,
  request: PlacementRequest,
  { now, fitting }: { now: number; fitting: number },
): string {
  const hosts = state.hosts.length;
  if (hosts === 0) return "Waiting for a place: no host has joined yet.";
  const named = hostReasons(state, request, { now, atMost: HOSTS_IN_A_SENTENCE });
  const reasons = named.map((host) => `${host.hostName}: ${host.obstacles.map(describeObstacle).join(", ")}`);
  const more = hosts - named.length;
  const others = more > 0 ? `; and ${more} more hosts` : "";
  if (request.instances === 1) return asSentence(`Waiting for a place. ${reasons.join("; ")}${others}`);
  const free = fitting === 1 ? "1 is" : `${fitting} are`;
  const counted = `Waiting for ${request.instances} places at once, ${free} free now`;
  const why = reasons.length === 0 ? counted : `${counted}. ${reasons.join("; ")}${others}`;
  return [asSentence(why), ...apartSentence(request), ...aloneSentence(request)].join(" ");
}

function aloneSentence({ alone }: PlacementRequest): string[] {
  if (alone === undefined || alone.size === 0) return [];
  return [
    `Not tried among several hosts, since where they are reached is not confirmed: ${listed([...alone.values()])}.`,
  ];
}

function listed(names: readonly string[]): string {
  const more = names.length - HOSTS_IN_A_SENTENCE;
  return [...names.slice(0, HOSTS_IN_A_SENTENCE), ...(more > 0 ? [`and ${more} more`] : [])].join(", ");
}

/** Whatever is free on them, a gang has one of two or the other. */
function apartSentence({ apart }: PlacementRequest): string[] {
  if (apart.length === 0) return [];
  const all = listed(apart.map(({ names }) => names));
  return [`Not tried together for a while, since ranks there did not reach each other: ${all}.`];
}
