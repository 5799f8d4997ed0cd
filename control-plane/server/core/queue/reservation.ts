/**
 * The future place of the head: where it fits first once what runs ends as promised, and where nothing that promises an
 * end makes room, what is free on the hosts on which the least is missing. What others may take beside it is what is
 * free both now and when the head runs.
 */
import type { PlacementRequest } from "../placement/fleet/fits-on.ts";
import type { CardDemand, Demand, FleetState } from "../placement/fleet/fleet-state.ts";
import { reservedPlaces } from "../placement/fleet/reserved-places.ts";
import type { GpuGrant } from "../placement/placement.ts";
import { Placer, type PlacementOptions } from "../placement/placer.ts";

/** What holds a part of a host now. */
export interface RunningWork extends Demand {
  hostId: string;
  gpus: readonly GpuGrant[];
  /** By when it has promised to end; null where it has not. */
  endsAtMs: number | null;
}

export interface Reservation {
  head: PlacementRequest;
  /** Milliseconds; null where nobody can say. */
  startsAtMs: number | null;
  /** The fleet when the head runs. */
  later: FleetState;
  hosts: ReadonlySet<number>;
  /** What may be taken by those who outlast the head's start. */
  beside: Placer;
}

/** @param scene what is free, and what holds the rest */
export function reservationOf(
  head: PlacementRequest,
  scene: { state: FleetState; running: readonly RunningWork[]; options: PlacementOptions },
): Reservation {
  const fleet = scene.state.toFleet();
  const later = new Placer(fleet, scene.options);
  const startsAtMs = firstEndWithRoom(later, head, scene);
  const places = startsAtMs === null ? keepNearest(later, head) : (later.place(head) ?? []);
  const beside = new Placer(fleet, scene.options);
  const hosts = new Set(places.map(({ host }) => host));
  for (const host of hosts) beside.state.meet(host, scene.state, later.state);
  return { head, startsAtMs, later: later.state, hosts, beside };
}

/** Lets what has promised an end go, the earliest first, until the request fits. Null where it never does. */
function firstEndWithRoom(
  later: Placer,
  request: PlacementRequest,
  { running, options: { now } }: { running: readonly RunningWork[]; options: PlacementOptions },
): number | null {
  const ending = running
    .flatMap((work) => (work.endsAtMs === null ? [] : [{ ...work, endsAtMs: Math.max(now, work.endsAtMs) }]))
    .sort((a, b) => a.endsAtMs - b.endsAtMs);
  for (const [index, work] of ending.entries()) {
    const host = later.state.ordinalOf(work.hostId);
    if (host !== null) later.state.give(host, work, cardDemands(later.state, work.gpus));
    if (ending[index + 1]?.endsAtMs === work.endsAtMs) continue;
    if (later.fitting(request) === request.instances) return work.endsAtMs;
  }
  return null;
}

/** Of what will be free once all that has promised an end has ended. */
function keepNearest(later: Placer, request: PlacementRequest): { host: number }[] {
  const places = reservedPlaces(later.state, later.shapeOf(request), request);
  for (const { host, taken, cards } of places) later.state.take(host, taken, cards);
  return places;
}

export function cardDemands(state: FleetState, gpus: readonly GpuGrant[]): CardDemand[] {
  return gpus.flatMap(({ uuid, memoryMib, shareThousandths }) => {
    const card = state.cardOf(uuid);
    return card === null ? [] : [{ card, memoryMib, shareThousandths }];
  });
}
