/**
 * The fleet as the queue fills it (backfill.ts): what fits is placed, and while the head does not fit, its future place
 * is kept (reservation.ts). What outlasts the head's start may take of kept hosts only what the head leaves there. Knows no money: what may not start for another reason says so itself.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Impossibility } from "../placement/impossibility.ts";
import { ImpossibleShapes } from "../placement/impossible-shapes.ts";
import type { Fleet } from "../placement/fleet/fleet.ts";
import type { PlacementRequest } from "../placement/fleet/fits-on.ts";
import type { FleetState } from "../placement/fleet/fleet-state.ts";
import { type PlacedInstance, placedInstances } from "../placement/placement.ts";
import { type Place, Placer, type PlacementOptions } from "../placement/placer.ts";
import { shapeKey } from "../placement/fleet/request-shape.ts";
import type { Reason } from "../reasons/reason.ts";
import type { Room, Start } from "./backfill.ts";
import { cardDemands, type Reservation, reservationOf, type RunningWork } from "./reservation.ts";

export interface QueuedOrder {
  request: PlacementRequest;
  /** How long it may run; null where it may as long as it likes. */
  limitSeconds: number | null;
  /** Why it may not start whatever is free. Null where it may. */
  heldBack: Reason | null;
}

/** Orders of a pass for which another place of the head is looked for; each costs as much as the reservation itself. */
const MAX_MOVES = 32;

export class FleetRoom implements Room<QueuedOrder> {
  readonly placed = new Map<string, PlacedInstance[]>();
  readonly impossible = new Map<string, Impossibility>();
  readonly #impossibleShapes: ImpossibleShapes;
  readonly #options: PlacementOptions;
  readonly #placer: Placer;
  readonly #running: RunningWork[];
  #reservation: Reservation | null = null;
  #movesTried = 0;
  /** Shapes and limits that would take the head's place wherever that is; what is free only shrinks within a pass. */
  readonly #obstacles = new Set<string>();

  /** @throws UnsoundFleetError when the snapshot contradicts itself */
  constructor(fleet: Fleet, running: readonly RunningWork[], options: PlacementOptions) {
    this.#impossibleShapes = new ImpossibleShapes(fleet);
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
    this.#reservation = this.#reservationFor(request);
    return this.#reservation.startsAtMs;
  }

  startBeside(order: QueuedOrder): Start {
    const reservation = this.#reservation;
    if (order.heldBack !== null || reservation === null) return this.start(order);
    const placer = this.#placerFor(order);
    const isOverBefore = placer === this.#placer;
    const places = placer.place(order.request);
    if (places === null) return this.#startWithHeadElsewhere(order, reservation);
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

  /** The head's place may be another one that is free no later: then its old one stands in nobody's way. */
  #startWithHeadElsewhere(order: QueuedOrder, { head, startsAtMs }: Reservation): Start {
    const key = `${order.limitSeconds} ${this.#gangKey(order.request)}`;
    if (startsAtMs === null || this.#movesTried >= MAX_MOVES || this.#obstacles.has(key))
      return this.#noRoom(order);
    const places = this.#placer.place(order.request);
    if (places === null) return this.#noRoom(order);
    this.#movesTried += 1;
    const runningBefore = this.#running.length;
    const started = this.#started(order, places);
    const elsewhere = this.#reservationFor(head);
    if (elsewhere.startsAtMs !== null && elsewhere.startsAtMs <= startsAtMs) {
      this.#reservation = elsewhere;
      return started;
    }
    this.#placer.release(order.request, places);
    this.#running.length = runningBefore;
    this.placed.delete(order.request.id);
    this.#obstacles.add(key);
    return "no-room";
  }

  /** Requests with the same text are alike but for their names. */
  #gangKey(request: PlacementRequest): string {
    return `${request.instances} ${request.distinctHosts} ${shapeKey(request, this.#options.now)}`;
  }

  #reservationFor(head: PlacementRequest): Reservation {
    return reservationOf(head, { state: this.#placer.state, running: this.#running, options: this.#options });
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
    const { cpuMilli, memoryMib, tempStorageMib, payer } = request;
    const taken = { cpuMilli, memoryMib, tempStorageMib, ...(payer !== undefined && { payer }) };
    for (const { hostId, gpus } of instances) this.#running.push({ hostId, gpus, ...taken, endsAtMs });
    return "started";
  }

  #noRoom({ request }: QueuedOrder): Start {
    const never = this.#impossibleShapes.of(request);
    if (never === null) return "no-room";
    this.impossible.set(request.id, never);
    return "never-fits";
  }
}
