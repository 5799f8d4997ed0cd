/**
 * Which request goes to which host and GPUs. Pure and deterministic: integers only, requests in the order given,
 * hosts in the order of their ids, so the same input gives the same answer byte for byte. Each request sees what
 * the ones before it took. Whether it may be paid for and by whom is decided elsewhere.
 */
import type { FirstNames } from "@remotegpu/shared/reasons/parameters";
import type { Reason } from "../reasons/reason.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { obstaclesOn, type PlacementRequest } from "./fleet/fits-on.ts";
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
  obstacles: Reason[];
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

/** All that is in the way of one instance on a host. */
export function obstaclesReason(why: readonly Reason[]): Reason {
  const [only] = why;
  return only !== undefined && why.length === 1 ? only : { code: "obstacles", params: { why } };
}

/** Hosts named in one sentence; `why` lists them all. */
const HOSTS_IN_A_SENTENCE = 3;

/** Why nothing took the request. */
export function waitingReason(
  state: FleetState,
  request: PlacementRequest,
  { now, fitting }: { now: number; fitting: number },
): Reason {
  if (state.hosts.length === 0) return { code: "no-host-joined", params: {} };
  const first = hostReasons(state, request, { now, atMost: HOSTS_IN_A_SENTENCE });
  const hosts = {
    hosts: first.map(({ hostId, hostName, obstacles }) => ({
      host_id: hostId,
      host_name: hostName,
      reasons: obstacles,
    })),
    more: state.hosts.length - first.length,
  };
  if (request.instances === 1) return { code: "waiting-on-hosts", params: { hosts } };
  const counted = { requested: request.instances, free: fitting };
  const waiting: Reason =
    first.length === 0
      ? { code: "waiting-for-places", params: counted }
      : { code: "waiting-for-places-on-hosts", params: { ...counted, hosts } };
  const further = [...apartReasons(request), ...aloneReasons(request)];
  return further.length === 0 ? waiting : { code: "several", params: { reasons: [waiting, ...further] } };
}

function aloneReasons({ alone }: PlacementRequest): Reason[] {
  if (alone === undefined || alone.size === 0) return [];
  return [{ code: "hosts-without-confirmed-address", params: { hosts: firstOf([...alone.values()]) } }];
}

function firstOf(names: readonly string[]): FirstNames {
  return {
    names: names.slice(0, HOSTS_IN_A_SENTENCE),
    more: Math.max(0, names.length - HOSTS_IN_A_SENTENCE),
  };
}

/** Whatever is free on them, a gang has one of two or the other. */
function apartReasons({ apart }: PlacementRequest): Reason[] {
  if (apart.length === 0) return [];
  const pairs = firstOf(apart.map(({ names }) => names));
  return [{ code: "hosts-not-reaching-each-other", params: { hosts: pairs } }];
}
