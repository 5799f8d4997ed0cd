/**
 * Which shapes of orders there are and how often: what was placed lately and what waits now, counted by instances. What
 * a free card is worth depends on them; which of them are typical is core's to say.
 */
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import {
  gpuRequest,
  mibRoundedUp,
  type OrderFields,
  type Resources,
  resourcesOf,
} from "../../../core/orders/order.ts";
import { gpuCount, type GpuRequest, sliceShare } from "../../../core/placement/fleet/fits-on.ts";
import type { CountedShape } from "../../../core/placement/scoring/typical-shapes.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import type { Connection } from "../../database/database.ts";
import { ofAllKinds, storeOf } from "../../workloads/kinds.ts";
import { resourceColumns } from "./order-columns.ts";
import { pricedModelsOf } from "../../orders/checks/priced-models.ts";

/** What was placed before this tells little of what comes. */
const WINDOW_MS = 7 * 86_400_000;
/** The latest of them; so many tell enough. */
const MAX_PLACEMENTS = 100_000;
/** Rarer ones are left out. */
const MAX_SHAPES = 1_000;

const COLUMNS = "cpu, memory, gpu, gpu_memory, storage, temp_storage, config";

/** The most frequent first. Shapes that differ in what nobody counts here, such as their memory, are not joined. */
export async function countedShapes(sql: Connection, { now }: { now: Date }): Promise<CountedShape[]> {
  const { rows } = await sql.query<OrderFields & { count: number }>(
    `WITH placed AS (
       SELECT i.workload_kind, i.workload_id
         FROM (SELECT instance_id FROM placements WHERE created_at > $1 AND created_at <= $2
                ORDER BY created_at DESC LIMIT ${MAX_PLACEMENTS}) p JOIN instances i ON i.id = p.instance_id)
     SELECT ${COLUMNS}, sum(instances)::bigint AS count
       FROM (${ofAllKinds(placed)} UNION ALL ${ofAllKinds(queued)}) orders
      GROUP BY ${COLUMNS} ORDER BY count DESC, ${COLUMNS} LIMIT ${MAX_SHAPES}`,
    [new Date(now.getTime() - WINDOW_MS), now],
  );
  const orders = rows.map((row) => ({ ...resourcesOf(row), count: row.count }));
  const priced = await pricedModelsOf(sql, orders, now);
  return orders.flatMap((order) => shapesOf(order, { models: priced.modelsOf(order), fleet: priced.fleet }));
}

function placed(kind: WorkloadKind): string {
  return `SELECT ${columnsOf(kind)}, 1 AS instances FROM placed JOIN ${storeOf(kind).table} o ON o.id = placed.workload_id
       WHERE placed.workload_kind = '${kind}'`;
}

function queued(kind: WorkloadKind): string {
  const { waitingStarts, orderOfStart } = storeOf(kind);
  return `SELECT ${columnsOf(kind)}, s.instances FROM (${waitingStarts}) s JOIN ${orderOfStart}`;
}

function columnsOf(kind: WorkloadKind): string {
  return resourceColumns(kind, "o", ["spec", "gpu_sharing", "gpu_model"]);
}

function shapesOf(
  order: Resources & { count: number },
  { models, fleet }: { models: string[] | null; fleet: readonly FleetModel[] },
): CountedShape[] {
  // Nothing of it can be placed, so no card is worth anything to it.
  if (models?.length === 0) return [];
  const request = gpuRequest(order, models);
  const shape = {
    cpuMilli: order.cpuMilli,
    gpuCount: gpuCount(request),
    count: order.count,
    totalMemoryMib: order.count * mibRoundedUp(order.memoryBytes),
  };
  switch (request.kind) {
    case "none":
      return [{ ...shape, shareThousandths: 0, models: null, leastMemoryMib: 0 }];
    case "whole":
      return [
        {
          ...shape,
          shareThousandths: THOUSANDTHS,
          models: isEvery(request.models, fleet) ? null : request.models,
          leastMemoryMib: request.leastMemoryMib,
        },
      ];
    case "slice":
      return slicesOf(request, fleet).map((slice) => ({
        ...shape,
        ...slice,
        leastMemoryMib: request.memoryMib,
      }));
  }
}

function isEvery(models: readonly string[] | null, fleet: readonly FleetModel[]): boolean {
  return models === null || fleet.every(({ model }) => models.includes(model));
}

/** The part of a card that a slice takes depends on the card: one shape for each size of it. */
function slicesOf(
  request: Extract<GpuRequest, { kind: "slice" }>,
  fleet: readonly FleetModel[],
): { shareThousandths: number; models: string[] }[] {
  const sharing = fleet
    .map(({ model, memoryBytes }) => ({ model, memoryMib: Math.floor(memoryBytes / MIB) }))
    .filter(
      ({ model, memoryMib }) => memoryMib >= request.memoryMib && (request.models?.includes(model) ?? true),
    );
  const byShare = Map.groupBy(sharing, ({ memoryMib }) => sliceShare(request, memoryMib));
  return [...byShare].map(([shareThousandths, cards]) => ({
    shareThousandths,
    models: cards.map(({ model }) => model),
  }));
}
