/**
 * What remains to be done on a host that was taken out of the fleet: nothing of what it runs is anybody's any more.
 * Its orders, those included that no set names any more, become removals. Files of the pool stay.
 */
import type { BareOrder } from "@remotegpu/shared/instance/instance";

/** An administrator did it, and every stop carries who ordered it. */
export function ordersOfRemovedHost<T extends BareOrder>(known: readonly T[]): T[] {
  return known.map((instance) => ({ ...instance, want: "removed", orderedBy: "admin" }));
}
