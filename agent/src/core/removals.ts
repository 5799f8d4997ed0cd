/** When a removal that was ordered is done: neither a record nor a container of the placement is left. */
import type { DesiredInstance } from "@remotegpu/shared/instance";
import { isSamePlacement, type OwnedContainer } from "./container.ts";
import type { RunRecord } from "./run-record.ts";

export function completedRemovals(
  orders: readonly DesiredInstance[],
  { runs, containers }: { runs: readonly RunRecord[]; containers: readonly OwnedContainer[] },
): DesiredInstance[] {
  const left = [...runs, ...containers.map(({ owner }) => owner)];
  return orders.filter(
    (order) => order.want === "removed" && !left.some((run) => isSamePlacement(run, order)),
  );
}
