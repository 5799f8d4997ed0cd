/** A spec whose shape names a GPU model is an order for that model; refused where the order names another. */
import type { OrderConfig } from "../../../core/orders/order.ts";
import { specsByName, type SpecRow } from "../../billing/prices/prices.ts";
import type { Connection } from "../../database/database.ts";
import type { CheckOutcome } from "./order-checks.ts";

interface Ordered {
  gpu: number;
  config: OrderConfig;
}

interface OtherModel {
  done: false;
  refusal: "check";
  check: Extract<CheckOutcome, { passed: false }>;
}

export async function boundToSpecsOf<Order extends Ordered>(
  sql: Connection,
  orders: readonly Order[],
): Promise<(Order | OtherModel)[]> {
  const named = orders.flatMap(({ gpu, config }) => (gpu === 0 ? [] : (config.spec ?? [])));
  const specs = named.length === 0 ? new Map<string, SpecRow>() : await specsByName(sql, named);
  return orders.map((order) => {
    const { spec, gpu_model: wanted } = order.config;
    const model = (spec === undefined ? null : specs.get(spec)?.shape?.gpu_model) ?? null;
    if (model === null || order.gpu === 0) return order;
    if (wanted !== undefined && wanted !== model) return otherModel(spec, wanted);
    return { ...order, config: { ...order.config, gpu_model: model } };
  });
}

export async function boundToSpec<Order extends Ordered>(
  sql: Connection,
  order: Order,
): Promise<Order | OtherModel> {
  const [bound] = await boundToSpecsOf(sql, [order]);
  return bound ?? order;
}

function otherModel(spec: string | undefined, wanted: string): OtherModel {
  return {
    done: false,
    refusal: "check",
    check: {
      passed: false,
      obstacle: "price",
      field: "gpu_model",
      detail: { code: "spec-of-another-model", params: { spec: spec ?? "", gpu_model: wanted } },
    },
  };
}
