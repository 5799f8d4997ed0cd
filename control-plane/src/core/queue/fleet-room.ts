/**
 * The fleet as the queue fills it (backfill.ts): what fits is placed, and while the head does not fit, its future place
 * is kept. That is where it fits first once what runs ends as promised; where nothing that promises an end makes room,
 * the hosts on which the least is missing. What outlasts the head's start may take of kept hosts only what the head
 * leaves there. Knows no money: what may not start for another reason says so itself.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { type Impossibility, impossibility } from "../placement/impossibility.ts";
import type { Fleet } from "../placement/fleet.ts";
import type { PlacementRequest } from "../placement/fits-on.ts";
import type { CardDemand, Demand, FleetState } from "../placement/fleet-state.ts";
import { type GpuGrant, type PlacedInstance, placedInstances } from "../placement/placement.ts";
import { type Place, Placer, type PlacementOptions } from "../placement/placer.ts";
import { keptPlaces } from "../placement/kept-places.ts";
import type { Room, Start } from "./backfill.ts";

export interface QueuedOrder {
  request: PlacementRequest;
  /** How long it may run; null where it may as long as it likes. */
  limitSeconds: number | null;
  /** A sentence: why it may not start whatever is free. Null where it may. */
  heldBack: string | null;
}

/** What holds a part of a host now. */
export interface RunningWork extends Demand {
  hostId: string;
  gpus: readonly GpuGrant[];
  /** By when it has promised to end; null where it has not. */
  endsAtMs: number | null;
}

interface Reservation {
  /** Milliseconds; null where nobody can say. */
  startsAtMs: number | null;
  /** The fleet when the head runs. */
  later: FleetState;
  hosts: ReadonlySet<number>;
  /** What may be taken by those who outlast the head's start. */
  beside: Placer;
}

export class FleetRoom implements Room<QueuedOrder> {
  readonly placed = new Map<string, PlacedInstance[]>();
  readonly impossible = new Map<string, Impossibility>();
  readonly #fleet: Fleet;
  readonly #options: PlacementOptions;
  readonly #placer: Placer;
  readonly #running: RunningWork[];
  #reservation: Reservation | null = null;

  /** @throws UnsoundFleetError when the snapshot contradicts itself */
  constructor(fleet: Fleet, running: readonly RunningWork[], options: PlacementOptions) {
    this.#fleet = fleet;
    this.#options = options;
    this.#placer = new Placer(fleet, options);
    this.#running = [...running];
  }

  /** What is free after all that was placed. */
  get state(): FleetState {
    return this.#placer.state;
  }

  /** Whether it would start were it offered now; nothing is taken. */
  wouldStart(order: QueuedOrder): boolean {
    return order.heldBack === null && this.#placerFor(order).hasRoom(order.request);
  }

  /** Whether it would fit had that work ended; who is ahead of it might take the room. */
  wouldStartAfter({ request }: QueuedOrder, ended: readonly RunningWork[]): boolean {
    const { state } = this.#placer;
    const held = ended.flatMap((work) => {
      const host = state.ordinalOf(work.hostId);
      return host === null ? [] : [{ host, work, before: state.rowOf(host) }];
    });
    for (const { host, work } of held) state.give(host, work, cardDemands(state, work.gpus));
    const fits =
      request.instances === 1
        ? held.some(({ host }) => this.#placer.fitsOn(request, host))
        : this.#placer.hasRoom(request);
    // Backwards, since two parts may be on one host.
    for (const { host, before } of held.toReversed()) state.setRow(host, before);
    return fits;
  }

  /** The longest limit, in seconds of whole minutes, with which it would start beside the reservation; or null. */
  longestBeside(order: QueuedOrder): number | null {
    const startsAtMs = this.#reservation?.startsAtMs ?? null;
    if (startsAtMs === null) return null;
    // Strictly before: to end with the head's start is too late.
    const minutes = Math.ceil((startsAtMs - this.#options.now) / MS_PER_MINUTE) - 1;
    const seconds = (minutes * MS_PER_MINUTE) / MS_PER_SECOND;
    return seconds > 0 && this.wouldStart({ ...order, limitSeconds: seconds }) ? seconds : null;
  }

  /** How many of its instances would fit in what is free. */
  fitting(request: PlacementRequest): number {
    return this.#placer.fitting(request);
  }

  start(order: QueuedOrder): Start {
    if (order.heldBack !== null) return "held-back";
    const places = this.#placer.place(order.request);
    if (places === null) return this.#noRoom(order);
    return this.#started(order, places);
  }

  reserve({ request }: QueuedOrder): number | null {
    const later = new Placer(this.#placer.state.toFleet(), this.#options);
    const end = this.#firstEndWithRoom(later, request);
    const places = end === null ? this.#nearestPlaces(later, request) : (later.place(request) ?? []);
    const beside = new Placer(this.#placer.state.toFleet(), this.#options);
    const hosts = new Set(places.map(({ host }) => host));
    for (const host of hosts) beside.state.meet(host, this.#placer.state, later.state);
    this.#reservation = { startsAtMs: end, later: later.state, hosts, beside };
    return end;
  }

  startBeside(order: QueuedOrder): Start {
    const reservation = this.#reservation;
    if (order.heldBack !== null || reservation === null) return this.start(order);
    const placer = this.#placerFor(order);
    const isOverBefore = placer === this.#placer;
    const places = placer.place(order.request);
    if (places === null) return this.#noRoom(order);
    for (const { host, cards } of places) {
      if (!isOverBefore) {
        this.#placer.state.take(host, order.request, cards);
        if (reservation.hosts.has(host)) reservation.later.take(host, order.request, cards);
      } else if (reservation.hosts.has(host))
        reservation.beside.state.meet(host, this.#placer.state, reservation.later);
      else reservation.beside.state.take(host, order.request, cards);
    }
    return this.#started(order, places);
  }

  /** Where it may be placed: all that is free, or what the head leaves to those who outlast its start. */
  #placerFor({ limitSeconds }: QueuedOrder): Placer {
    if (this.#reservation === null) return this.#placer;
    const { startsAtMs, beside } = this.#reservation;
    const isOverBefore =
      startsAtMs !== null &&
      limitSeconds !== null &&
      this.#options.now + limitSeconds * MS_PER_SECOND < startsAtMs;
    return isOverBefore ? this.#placer : beside;
  }

  #started({ request, limitSeconds }: QueuedOrder, places: readonly Place[]): Start {
    const instances = placedInstances(this.#placer.state, places);
    this.placed.set(request.id, instances);
    const endsAtMs = limitSeconds === null ? null : this.#options.now + limitSeconds * MS_PER_SECOND;
    const { cpuMilli, memoryMib, tempStorageMib } = request;
    for (const { hostId, gpus } of instances)
      this.#running.push({ hostId, gpus, cpuMilli, memoryMib, tempStorageMib, endsAtMs });
    return "started";
  }

  #noRoom({ request }: QueuedOrder): Start {
    const never = impossibility(this.#fleet, request);
    if (never === null) return "no-room";
    this.impossible.set(request.id, never);
    return "never-fits";
  }

  /** Lets what has promised an end go, the earliest first, until the request fits. Null where it never does. */
  #firstEndWithRoom(later: Placer, request: PlacementRequest): number | null {
    const { now } = this.#options;
    const ending = this.#running
      .flatMap((work) =>
        work.endsAtMs === null ? [] : [{ ...work, endsAtMs: Math.max(now, work.endsAtMs) }],
      )
      .sort((a, b) => a.endsAtMs - b.endsAtMs);
    for (const [index, work] of ending.entries()) {
      const host = later.state.ordinalOf(work.hostId);
      if (host === null) continue;
      later.state.give(host, work, cardDemands(later.state, work.gpus));
      if (ending[index + 1]?.endsAtMs === work.endsAtMs) continue;
      if (later.fitting(request) === request.instances) return work.endsAtMs;
    }
    return null;
  }

  /** Keeps them in what will be free once all that has promised an end has ended. */
  #nearestPlaces(later: Placer, request: PlacementRequest): { host: number }[] {
    const places = keptPlaces(later.state, later.shapeOf(request), request);
    for (const { host, taken, cards } of places) later.state.take(host, taken, cards);
    return places;
  }
}

export function cardDemands(state: FleetState, gpus: readonly GpuGrant[]): CardDemand[] {
  return gpus.flatMap(({ uuid, memoryMib, shareThousandths }) => {
    const card = state.cardOf(uuid);
    return card === null ? [] : [{ card, memoryMib, shareThousandths }];
  });
}
