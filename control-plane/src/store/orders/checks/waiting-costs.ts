/** What payers have waiting for a place, as far as its price goes: what has a placement is counted by its run. */
import type { Points } from "@remotegpu/shared/money";
import type { EnvironmentConfig, EnvironmentResources } from "../../../core/orders/order.ts";
import { hourlyPrice } from "../../../core/orders/prices/price-lines.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint, waitsForPlace } from "../../database/old-values.ts";
import type { OrderPrices } from "./order-prices.ts";
import { type Askers, ownedWorkloads } from "./workloads-of-payers.ts";

/** Instances of one payer that are alike in all that makes their price. */
export interface WaitingShape extends EnvironmentResources {
  payerId: number;
  instances: number;
}

const PRICED = ["id", "status", "cpu", "memory", "gpu", "gpu_memory", "config"];
const SHAPES = `
  SELECT owner_id, cpu, ${safeBigint("memory")} AS memory, coalesce(gpu, 0) AS gpu,
         ${safeBigint("gpu_memory")} AS gpu_memory, ${safeBigint("temp_storage")} AS temp_storage,
         config->>'spec' AS spec, config->>'gpu_sharing' AS gpu_sharing, config->>'gpu_model' AS gpu_model,
         config->>'max_price_per_hour' AS max_price_per_hour, node_count, sum(node_count) AS instances
    FROM (
      SELECT owner_id, cpu, memory, gpu, gpu_memory, temp_storage, config, 1 AS node_count
        FROM (${ownedWorkloads("environments", [...PRICED, "temp_storage"])}) e
       WHERE status = 'queued' AND id <> ALL($3::text[])
      UNION ALL
      SELECT owner_id, coalesce(cpu, 1), coalesce(memory, 1), gpu, gpu_memory, NULL, config, coalesce(node_count, 1)
        FROM (${ownedWorkloads("training_jobs", [...PRICED, "node_count", "confirmed_at"])}) j
       WHERE ${waitsForPlace("training", "j")} AND id <> ALL($4::text[])
    ) waiting GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11`;

interface ShapeRow extends Omit<EnvironmentResources, "config" | "storage"> {
  owner_id: number;
  spec: string | null;
  gpu_sharing: EnvironmentConfig["gpu_sharing"] | null;
  gpu_model: string | null;
  max_price_per_hour: string | null;
  instances: number;
}

/** @param askers not counted as waiting */
export async function waitingShapes(
  sql: Connection,
  { payerIds, askers }: { payerIds: readonly number[]; askers: Askers },
): Promise<WaitingShape[]> {
  const { rows } = await sql.query<ShapeRow>(SHAPES, [payerIds, [], askers.environmentIds, askers.jobIds]);
  return rows.map(({ owner_id: payerId, spec, gpu_sharing, gpu_model, max_price_per_hour, ...row }) => ({
    ...row,
    payerId,
    storage: null,
    config: {
      spec: spec ?? undefined,
      gpu_sharing: gpu_sharing ?? undefined,
      gpu_model: gpu_model ?? undefined,
      max_price_per_hour: max_price_per_hour ?? undefined,
    },
  }));
}

/** What an hour of it may cost at most, by payer; what has no price does not start. */
export function waitingCosts(
  shapes: readonly WaitingShape[],
  prices: Pick<OrderPrices, "dearestOfWaiting">,
): Map<number, Points> {
  const sums = new Map<number, Points>();
  for (const shape of shapes) {
    const priced = prices.dearestOfWaiting(shape);
    if (!priced.priced) continue;
    const hourly = hourlyPrice(priced.lines) * BigInt(shape.instances);
    sums.set(shape.payerId, (sums.get(shape.payerId) ?? 0n) + hourly);
  }
  return sums;
}
