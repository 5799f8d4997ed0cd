/** When a removal that was ordered is done: neither a record nor a container of the placement is left. */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { BareOrder } from "@remotegpu/shared/instance/instance";
import { isSamePlacement, type OwnedContainer } from "../container/container.ts";
import type { RunRecord } from "../runs/run-record.ts";

export function completedRemovals(
  orders: readonly BareOrder[],
  {
    runs,
    containers,
    starting,
  }: {
    runs: readonly RunRecord[];
    containers: readonly OwnedContainer[];
    /** Runs whose start is under way: it has no record yet, and may still make a container. */
    starting: ReadonlySet<RunId>;
  },
): BareOrder[] {
  const left = [...runs, ...containers.map(({ owner }) => owner)];
  return orders.filter(
    (order) =>
      order.want === "removed" &&
      !starting.has(order.runId) &&
      !left.some((run) => isSamePlacement(run, order)),
  );
}
