/** An order of an environment, with what a test asks of it. */
import { type Order, type OrderFields, resourcesOf } from "@remotegpu/control-plane/server/core/orders/order";
import { GIB } from "@remotegpu/shared/values/units";

export function anOrder(fields: Partial<OrderFields> = {}, change: Partial<Order> = {}): Order {
  return {
    ...resourcesOf({ cpu: 1, memory: GIB, gpu: 0, gpu_memory: null, config: null, ...fields }),
    kind: "environment",
    id: "env-1",
    image: "debian:13",
    customerId: 1,
    workspaceId: null,
    payerId: 1,
    hostLabels: {},
    storagePool: null,
    distinctHosts: false,
    datasets: [],
    models: [],
    ...change,
  };
}
