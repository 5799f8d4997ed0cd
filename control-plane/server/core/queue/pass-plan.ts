/**
 * One pass of the scheduler on paper: who of those that wait starts where, and what the others are told. Each shape is
 * explained once, however many orders have it.
 */
import type { Fleet } from "../placement/fleet/fleet.ts";
import type { Impossibility } from "../placement/impossibility.ts";
import { ImpossibleShapes } from "../placement/impossible-shapes.ts";
import { type PlacedInstance, waitingReason } from "../placement/placement.ts";
import type { PlacementOptions } from "../placement/placer.ts";
import type { Reason } from "../reasons/reason.ts";
import { shapeKey } from "../placement/fleet/request-shape.ts";
import { type Head, serve } from "./backfill.ts";
import { FleetRoom, type QueuedOrder } from "./fleet-room.ts";
import type { RunningWork } from "./reservation.ts";
import { prepareQueue, queueOrder, type QueueState, type Waiting } from "./queue.ts";
import { type NeverFits, type Turn, turnsOf } from "./oldest.ts";
import { capacityOf } from "./share.ts";

export interface PassInputs<Order extends Waiting & QueuedOrder> {
  fleet: Fleet;
  running: readonly RunningWork[];
  orders: readonly Order[];
  /** Whose turn it is; the time is the options', and what the fleet has follows from it. */
  sharers: Pick<QueueState, "payers" | "workspaces" | "head">;
  options: PlacementOptions;
}

export interface PassPlan<Order> {
  /** In the order in which they were placed. */
  placed: { order: Order; instances: PlacedInstance[]; turn: Turn }[];
  /** Whose place is kept; null where nobody's is. `startsAt` is when it starts as far as promised, in ms, or null. */
  head: Head<Order> | null;
  waiting: { order: Order; reason: Reason }[];
}

const BOTH: Turn = { isPayers: true, isWorkspaces: true };

/** @throws UnsoundFleetError when the snapshot contradicts itself; nothing is placed then */
export function planPass<Order extends Waiting & QueuedOrder>(scene: PassInputs<Order>): PassPlan<Order> {
  const { options } = scene;
  const room = new FleetRoom(scene.fleet, scene.running, options);
  const state = queueStateOf(scene);
  const served = serve<Order>({ head: null, behind: scene.orders }, room, {
    // Whoever had its place kept comes before all but the urgent, and has it kept anew where it still does not fit.
    inOrder: (orders) => queueOrder(prepareQueue(orders, state), state),
    inBackfillOrder: "in-line",
  });
  const explain = explainer(room, options.now);
  const { head, behind } = served.line;
  const turns = turnsOf(served.started, scene.orders, state.neverFits);
  return {
    placed: served.started.map((order, index) => ({
      order,
      instances: room.placed.get(order.request.id) ?? [],
      turn: turns[index] ?? BOTH,
    })),
    head,
    waiting: [
      ...served.heldBack.flatMap((order) =>
        order.heldBack === null ? [] : [{ order, reason: order.heldBack }],
      ),
      ...served.neverFits.map((order) => ({
        order,
        reason: neverReason(room.impossible.get(order.request.id)),
      })),
      ...(head === null ? [] : [{ order: head.job, reason: explain(head.job) }]),
      ...behind.map((order) => ({ order, reason: explain(order) })),
    ],
  };
}

function neverReason(impossible: Impossibility | undefined): Reason {
  const why: Reason = impossible?.reason ?? { code: "waiting-for-place", params: {} };
  return { code: "no-host-can-take-it", params: { why } };
}

/** How all stand to each other while the scene is as it is. */
export function queueStateOf<Order extends Waiting & QueuedOrder>({
  sharers,
  fleet,
  options,
}: Pick<PassInputs<Order>, "sharers" | "fleet" | "options">): QueueState & { neverFits: NeverFits<Order> } {
  const shapes = new ImpossibleShapes(fleet);
  const neverFits = ({ request }: Order) => shapes.of(request) !== null;
  return { ...sharers, capacity: capacityOf(fleet), now: options.now, neverFits };
}

/** What fits and was not placed waits for the head, whose place is kept. */
function explainer(room: FleetRoom, now: number): (order: QueuedOrder) => Reason {
  const reasons = new Map<string, Reason>();
  return ({ request }) => {
    const key = `${request.instances} ${request.distinctHosts} ${shapeKey(request, now)}`;
    const known = reasons.get(key);
    if (known !== undefined) return known;
    const fitting = room.fitting(request);
    const reason: Reason =
      fitting === request.instances
        ? { code: "waiting-behind-first", params: {} }
        : waitingReason(room.state, request, { now, fitting });
    reasons.set(key, reason);
    return reason;
  };
}
