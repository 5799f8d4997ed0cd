/** What payers have waiting for a place, as far as its price goes: what has a placement is counted by its run. */
import type { Points } from "@remotegpu/shared/values/money";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import {
  type OrderConfig,
  type OrderFields,
  type Resources,
  resourcesOf,
} from "../../../core/orders/order.ts";
import { hourlyPrice } from "../../../core/orders/prices/price-lines.ts";
import type { WorkloadStatus } from "../../../core/workloads/kinds.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import type { KindStore } from "../../workloads/kind-store.ts";
import { ofAllKinds } from "../../workloads/kinds.ts";
import type { OrderPrices } from "./order-prices.ts";
import { ownedWorkloads } from "./workloads-of-payers.ts";

/** Instances of one payer that are alike in all that makes their price. */
export interface WaitingShape extends Resources {
  payerId: number;
  /** So many of them wait and will cost beside each other. */
  count: number;
  /** So many starts of them wait, those of arrays that come later included. */
  starts: number;
}

const PRICED = ["id", "status", "cpu", "memory", "gpu", "gpu_memory", "config"];
const SHAPES = `
  SELECT owner_id, cpu, ${safeBigint("memory")} AS memory, coalesce(gpu, 0) AS gpu,
         ${safeBigint("gpu_memory")} AS gpu_memory, ${safeBigint("temp_storage")} AS temp_storage,
         config->>'spec' AS spec, config->>'gpu_sharing' AS gpu_sharing, config->>'gpu_model' AS gpu_model,
         config->>'max_price_per_hour' AS max_price_per_hour, node_count, sum(waiting) AS count,
         sum(starts)::bigint AS starts
    FROM (${ofAllKinds(waitingOfKind)}) waiting WHERE waiting > 0 OR starts > 0 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11`;

function waitingOfKind(
  kind: WorkloadKind,
  { table, uses, columns, waitingInstances, waitingStartsOfRow }: KindStore<WorkloadStatus>,
): string {
  const wanted = [...new Set([...PRICED, ...uses.columns, ...columns.waiting])];
  return `SELECT owner_id, coalesce(cpu, 1) AS cpu, coalesce(memory, 1) AS memory, gpu, gpu_memory,
             ${columns.tempStorage} AS temp_storage, config, ${columns.startInstances} AS node_count,
             ${waitingInstances} AS waiting, ${waitingStartsOfRow} AS starts
        FROM (${ownedWorkloads(table, wanted)}) t
       WHERE ('${kind}', id::text) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))`;
}

interface ShapeRow extends Omit<OrderFields, "config" | "storage"> {
  owner_id: number;
  spec: string | null;
  gpu_sharing: OrderConfig["gpu_sharing"] | null;
  gpu_model: string | null;
  max_price_per_hour: string | null;
  count: number;
  starts: number;
}

/** @param askers not counted as waiting */
export async function waitingShapes(
  sql: Connection,
  { payerIds, clients }: { payerIds: readonly number[]; clients: readonly WorkloadName[] },
): Promise<WaitingShape[]> {
  const { rows } = await sql.query<ShapeRow>(SHAPES, [
    payerIds,
    [],
    clients.map(({ kind }) => kind),
    clients.map(({ id }) => id),
  ]);
  return rows.map(
    ({ owner_id, count, starts, spec, gpu_sharing, gpu_model, max_price_per_hour, ...fields }) => ({
      ...resourcesOf({
        ...fields,
        config: {
          spec: spec ?? undefined,
          gpu_sharing: gpu_sharing ?? undefined,
          gpu_model: gpu_model ?? undefined,
          max_price_per_hour: max_price_per_hour ?? undefined,
        },
      }),
      payerId: owner_id,
      count,
      starts,
    }),
  );
}

/** What an hour of it may cost at most, by payer; what has no price does not start. */
export function waitingCosts(
  shapes: readonly Omit<WaitingShape, "starts">[],
  prices: Pick<OrderPrices, "dearestOfWaiting">,
): Map<number, Points> {
  const sums = new Map<number, Points>();
  for (const shape of shapes) {
    if (shape.count === 0) continue;
    const priced = prices.dearestOfWaiting(shape);
    if (!priced.priced) continue;
    const hourly = hourlyPrice(priced.lines) * BigInt(shape.count);
    sums.set(shape.payerId, (sums.get(shape.payerId) ?? 0n) + hourly);
  }
  return sums;
}

/** How many starts wait, by payer. */
export function waitingStartsOf(
  shapes: readonly Pick<WaitingShape, "payerId" | "starts">[],
): Map<number, number> {
  const sums = new Map<number, number>();
  for (const { payerId, starts } of shapes) sums.set(payerId, (sums.get(payerId) ?? 0) + starts);
  return sums;
}
