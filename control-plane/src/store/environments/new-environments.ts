/** An environment's first order: checked, bound to its spec, and written down as queued. */
import { waitsFor } from "../../core/environment-status.ts";
import type { Connection } from "../database.ts";
import { type CheckedOrder, checkEnvironment } from "./environment-checks.ts";
import type { Orderer, OrderOutcome } from "./environment-orders.ts";
import { insertEnvironment, type NewEnvironment } from "./environments.ts";
import { orderImpossibility } from "./order-impossibility.ts";
import type { EmptyFleet } from "../placement/empty-fleet.ts";
import { specByName } from "../billing/prices.ts";

/** A new order, checked and written down as queued. */
export async function orderEnvironment(
  sql: Connection,
  order: NewEnvironment,
  { payerId, orderer, fleet }: { payerId: number; orderer: Orderer; fleet: EmptyFleet },
): Promise<OrderOutcome> {
  const bound = await boundToSpec(sql, order);
  if (bound === null)
    return {
      done: false,
      refusal: "check",
      check: {
        passed: false,
        obstacle: "price",
        field: "gpu_model",
        detail: `the spec ${order.config.spec} is for another GPU model than ${order.config.gpu_model}`,
      },
    };
  const checked: CheckedOrder = {
    id: null,
    customer_id: order.customerId,
    workspace_id: order.workspaceId,
    payer_id: payerId,
    cpu: order.cpu,
    memory: order.memory,
    gpu: order.gpu,
    gpu_memory: order.gpuMemory,
    storage: order.storage,
    temp_storage: order.tempStorage,
    mounted_datasets: order.mountedDatasets,
    mounted_models: order.mountedModels,
    config: bound.config,
  };
  const shaped = { ...checked, id: order.id, image: order.image, storage_pool: null };
  const impossible = await orderImpossibility(sql, shaped, { fleet, now: orderer.now });
  if (impossible !== null) return { done: false, refusal: "impossible", impossibility: impossible };
  const check = await checkEnvironment(sql, checked, { card: null, now: orderer.now });
  if (!check.passed) return { done: false, refusal: "check", check };
  const reason = waitsFor("queued", null) ?? "";
  await insertEnvironment(sql, bound, { reason, now: orderer.now, actor: orderer.actor });
  return { done: true, hostIds: [] };
}

/** A spec whose shape names a GPU model is an order for that model; null where the order names another. */
async function boundToSpec(sql: Connection, order: NewEnvironment): Promise<NewEnvironment | null> {
  const { spec, gpu_model: named } = order.config;
  const model = spec === undefined ? null : ((await specByName(sql, spec))?.shape?.gpu_model ?? null);
  if (model === null || order.gpu === 0) return order;
  if (named !== undefined && named !== model) return null;
  return { ...order, config: { ...order.config, gpu_model: model } };
}
