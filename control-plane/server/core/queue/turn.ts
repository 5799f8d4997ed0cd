/** The room as it is when a waiting order's turn comes. */
import { type InOrder, serve } from "./backfill.ts";
import { FleetRoom, type QueuedOrder } from "./fleet-room.ts";
import type { RunningWork } from "./reservation.ts";
import { type PassInputs, queueStateOf } from "./pass-plan.ts";
import { type PreparedQueue, prepareQueue, queueOrder, type Waiting } from "./queue.ts";

export interface NamedWork extends RunningWork {
  /** What has the same text here ends together. */
  workload: string;
}

interface LinedInputs<Order extends Waiting & QueuedOrder> extends PassInputs<Order> {
  /** The orders as they wait, where somebody has sorted them: with a long line that takes longer than all else. */
  prepared?: PreparedQueue<Order>;
}

export interface WaitingInputs<Order extends Waiting & QueuedOrder> extends LinedInputs<Order> {
  running: readonly NamedWork[];
}

/** The room after all that stand before the order have been served. */
export function roomAtTurn<Order extends Waiting & QueuedOrder>(
  scene: LinedInputs<Order>,
  requesting: Order,
): FleetRoom {
  const { fleet, running, orders, options } = scene;
  const room = new FleetRoom(fleet, running, options);
  const state = queueStateOf(scene);
  const prepared = scene.prepared ?? prepareQueue(orders, state);
  serve<Order>({ head: null, behind: orders }, room, {
    inOrder: () => untilTurnOf(requesting, queueOrder(prepared, state)),
    inBackfillOrder: "in-line",
  });
  return room;
}

/** The same line, which ends before the order. */
function untilTurnOf<Order extends Waiting>({ id }: Order, line: InOrder<Order>): InOrder<Order> {
  return {
    next(answer) {
      const next = line.next(answer);
      return next.done !== true && next.value.id === id ? { done: true, value: undefined } : next;
    },
  };
}
