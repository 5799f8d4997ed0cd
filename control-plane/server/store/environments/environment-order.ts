/** An environment's row, read as the order that it is. */
import { type Order, resourcesOf } from "../../core/orders/order.ts";
import type { EnvironmentRow } from "./environments.ts";

export function orderOfEnvironment(row: EnvironmentRow): Order {
  return {
    ...resourcesOf(row),
    kind: "environment",
    id: row.id,
    image: row.image,
    customerId: row.customer_id,
    workspaceId: row.workspace_id,
    payerId: row.payer_id,
    hostLabels: row.config?.host_labels ?? {},
    storagePool: row.storage_pool,
    distinctHosts: false,
    datasets: row.mounted_datasets ?? [],
    models: row.mounted_models ?? [],
  };
}
