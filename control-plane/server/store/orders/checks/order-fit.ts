/** Whether the fleet could hold an order that nobody has given yet: now, later, or never. */
import { placementRequest, type Resources } from "../../../core/orders/order.ts";
import { impossibility } from "../../../core/placement/impossibility.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { EmptyFleet } from "../../fleet/empty-fleet.ts";
import type { FleetNow } from "../../fleet/fleet-now.ts";

export type OrderFit =
  | { when: "now" | "later" }
  /** What is requested, and the most that there is. */
  | { when: "never"; reason: Reason };

/** Where no host has ever told its size nothing is impossible, as for orders. */
export function orderFit(
  order: Resources,
  { fleet, room, models }: { fleet: EmptyFleet; room: FleetNow; models: readonly string[] | null },
): OrderFit {
  const anywhere = { image: "", hostLabels: {}, storagePool: null, distinctHosts: false };
  // Models without a price are placed on by nobody; where none has one, the price's own check has said so.
  const pricedModels = models?.length === 0 ? null : models;
  const request = {
    ...placementRequest({ ...order, ...anywhere }, "estimate", {
      skips: [],
      apart: [],
      pricedModels,
      features: [],
    }),
    image: null,
  };
  const never = impossibility(fleet, request);
  if (never !== null) return { when: "never", reason: never.reason };
  return { when: room.placer.hasRoom(request) ? "now" : "later" };
}
