/**
 * Which shapes of orders there are and how often: what was placed lately and what waits now, counted by instances. What
 * a free card is worth depends on them; which of them are typical is core's to say.
 */
import { MIB, THOUSANDTHS } from "@remotegpu/shared/units";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { type EnvironmentResources, gpuWish, mibRoundedUp } from "../../../core/orders/order.ts";
import { gpuCount, type GpuWish, sliceShare } from "../../../core/placement/fleet/fits-on.ts";
import type { CountedShape } from "../../../core/placement/scoring/typical-shapes.ts";
import type { FleetModel } from "../../../core/orders/prices/priced-models.ts";
import type { Connection } from "../../database/database.ts";
import { waitsForPlace } from "../../database/old-values.ts";
import { resourceColumns } from "./order-columns.ts";
import { pricedModelsOf } from "../../orders/checks/priced-models.ts";

/** What was placed before this tells little of what comes. */
const WINDOW_MS = 7 * 86_400_000;
/** The latest of them; so many tell enough. */
const MAX_PLACEMENTS = 100_000;
/** Rarer ones are left out. */
const MAX_SHAPES = 1_000;

type CountedOrder = EnvironmentResources & { count: number };

const TABLES: Record<WorkloadKind, string> = {
  environment: "environments",
  training: "training_jobs",
  inference: "inference_services",
};
const COLUMNS = "cpu, memory, gpu, gpu_memory, storage, temp_storage, config";

/** The most frequent first. Shapes that differ in what nobody counts here, such as their memory, are not joined. */
export async function countedShapes(sql: Connection, { now }: { now: Date }): Promise<CountedShape[]> {
  const { rows } = await sql.query<CountedOrder>(
    `WITH placed AS (
       SELECT i.workload_kind, i.workload_id
         FROM (SELECT instance_id FROM placements WHERE created_at > $1 AND created_at <= $2
                ORDER BY created_at DESC LIMIT ${MAX_PLACEMENTS}) p JOIN instances i ON i.id = p.instance_id)
     SELECT ${COLUMNS}, sum(instances)::bigint AS count
       FROM (${placed("environment")} UNION ALL ${placed("training")} UNION ALL ${placed("inference")}
             UNION ALL ${queued("environment", "1")}
             UNION ALL ${queued("training", "greatest(coalesce(o.node_count, 1), 1)")}) orders
      GROUP BY ${COLUMNS} ORDER BY count DESC, ${COLUMNS} LIMIT ${MAX_SHAPES}`,
    [new Date(now.getTime() - WINDOW_MS), now],
  );
  const priced = await pricedModelsOf(sql, rows, now);
  return rows.flatMap((order) => shapesOf(order, { models: priced.modelsOf(order), fleet: priced.fleet }));
}

function placed(kind: WorkloadKind): string {
  return `SELECT ${columnsOf(kind)}, 1 AS instances FROM placed JOIN ${TABLES[kind]} o ON o.id = placed.workload_id
       WHERE placed.workload_kind = '${kind}'`;
}

function queued(kind: "environment" | "training", instances: string): string {
  return `SELECT ${columnsOf(kind)}, ${instances} AS instances FROM ${TABLES[kind]} o
       WHERE ${waitsForPlace(kind, "o")} AND o.deleted_at IS NULL`;
}

function columnsOf(kind: WorkloadKind): string {
  return resourceColumns(kind, "o", ["spec", "gpu_sharing", "gpu_model"]);
}

function shapesOf(
  order: CountedOrder,
  { models, fleet }: { models: string[] | null; fleet: readonly FleetModel[] },
): CountedShape[] {
  // Nothing of it can be placed, so no card is worth anything to it.
  if (models?.length === 0) return [];
  const wish = gpuWish(order, models);
  const shape = {
    cpuMilli: order.cpu * THOUSANDTHS,
    gpuCount: gpuCount(wish),
    count: order.count,
    totalMemoryMib: order.count * mibRoundedUp(order.memory),
  };
  switch (wish.kind) {
    case "none":
      return [{ ...shape, shareThousandths: 0, models: null, leastMemoryMib: 0 }];
    case "whole":
      return [
        {
          ...shape,
          shareThousandths: THOUSANDTHS,
          models: isEvery(wish.models, fleet) ? null : wish.models,
          leastMemoryMib: wish.leastMemoryMib,
        },
      ];
    case "slice":
      return slicesOf(wish, fleet).map((slice) => ({ ...shape, ...slice, leastMemoryMib: wish.memoryMib }));
  }
}

function isEvery(models: readonly string[] | null, fleet: readonly FleetModel[]): boolean {
  return models === null || fleet.every(({ model }) => models.includes(model));
}

/** The part of a card that a slice takes depends on the card: one shape for each size of it. */
function slicesOf(
  wish: Extract<GpuWish, { kind: "slice" }>,
  fleet: readonly FleetModel[],
): { shareThousandths: number; models: string[] }[] {
  const sharing = fleet
    .map(({ model, memoryBytes }) => ({ model, memoryMib: Math.floor(memoryBytes / MIB) }))
    .filter(({ model, memoryMib }) => memoryMib >= wish.memoryMib && (wish.models?.includes(model) ?? true));
  const byShare = Map.groupBy(sharing, ({ memoryMib }) => sliceShare(wish, memoryMib));
  return [...byShare].map(([shareThousandths, cards]) => ({
    shareThousandths,
    models: cards.map(({ model }) => model),
  }));
}
