/** The room as it is when a waiting order's turn comes. */
import { serve } from "./backfill.ts";
import { FleetRoom, type QueuedOrder } from "./fleet-room.ts";
import type { RunningWork } from "./reservation.ts";
import type { PassScene } from "./pass-plan.ts";
import { inQueueOrder, type Waiting } from "./queue.ts";

export interface NamedWork extends RunningWork {
  /** What has the same text here ends together. */
  workload: string;
}

interface LinedScene<Order extends Waiting & QueuedOrder> extends PassScene<Order> {
  /** The orders as they are tried, where somebody has them so: to sort a long line takes longer than all else. */
  line?: readonly Order[];
}

export interface WaitingScene<Order extends Waiting & QueuedOrder> extends LinedScene<Order> {
  running: readonly NamedWork[];
}

/** The room after all that stand before the order have been served. */
export function roomAtTurn<Order extends Waiting & QueuedOrder>(
  { fleet, running, orders, shares, options, line }: LinedScene<Order>,
  asking: Order,
): FleetRoom {
  const room = new FleetRoom(fleet, running, options);
  const inOrder = line ?? inQueueOrder(orders, { shares, now: options.now });
  const position = inOrder.findIndex(({ id }) => id === asking.id);
  const ahead = position === -1 ? inOrder : inOrder.slice(0, position);
  serve<Order>({ head: null, behind: ahead }, room, {
    inOrder: () => ahead,
    inBackfillOrder: (behind) => behind,
  });
  return room;
}
