/** For which models many orders have a price, from a handful of reads: one for the fleet's models, two for each spec. */
import type { EnvironmentResources } from "../../core/environment-order.ts";
import type { SpecPrices } from "../../core/price-lines.ts";
import { type FleetModel, pricedModels } from "../../core/priced-models.ts";
import { specPrices } from "../billing/prices.ts";
import type { Connection } from "../database.ts";
import { specOf } from "../environments/environment-checks.ts";
import { safeBigint } from "../old-values.ts";

export interface PricedModels {
  fleet: readonly FleetModel[];
  /** As pricedModels of core says. Orders that ask the same are answered with the same list. */
  modelsOf(order: EnvironmentResources): string[] | null;
}

/** @param orders the only ones that may be asked about */
export async function pricedModelsOf(
  sql: Connection,
  orders: readonly EnvironmentResources[],
  now: Date,
): Promise<PricedModels> {
  const withGpu = orders.filter(({ gpu }) => gpu > 0);
  const prices = new Map<string, SpecPrices>();
  for (const spec of new Set(withGpu.map(specOf))) prices.set(spec, await specPrices(sql, { spec, at: now }));
  const fleet = withGpu.length === 0 ? [] : await fleetModels(sql);
  const known = new Map<string, string[] | null>();
  return {
    fleet,
    modelsOf(order) {
      const spec = prices.get(specOf(order));
      if (order.gpu === 0 || spec === undefined) return null;
      const key = keyOf(order);
      const models = known.get(key) ?? pricedModels(order, spec, fleet);
      known.set(key, models);
      return models;
    },
  };
}

/** By name, in which order sentences name them. */
async function fleetModels(sql: Connection): Promise<FleetModel[]> {
  const { rows } = await sql.query<{ name: string; bytes: number }>(
    `SELECT g.name, ${safeBigint("coalesce(max(g.memory_total), 0)")} AS bytes
       FROM gpus g JOIN hosts h ON h.id = g.host_id
      WHERE h.deleted_at IS NULL AND h.connection <> 'never' AND g.vanished_at IS NULL AND g.name IS NOT NULL
      GROUP BY g.name ORDER BY g.name`,
  );
  return rows.map(({ name, bytes }) => ({ model: name, memoryBytes: bytes }));
}

function keyOf({ cpu, memory, gpu, gpu_memory, temp_storage, config }: EnvironmentResources): string {
  return JSON.stringify([
    cpu,
    memory,
    gpu,
    gpu_memory,
    temp_storage,
    config?.spec,
    config?.gpu_sharing,
    config?.gpu_model,
  ]);
}
