/**
 * SQL for what an order asks, alike for every kind of workload. Of its config only what placement and prices look at: a
 * command may be 64 KiB long, and 100,000 of them would be read with each pass.
 */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import { safeBigint } from "../../database/old-values.ts";

type ConfigKey =
  | "spec"
  | "gpu_sharing"
  | "gpu_model"
  | "max_price_per_hour"
  | "host_labels"
  | "distinct_hosts";

/** Longer than anything runs; a limit beyond it is one that nobody wants. */
const MAX_LIMIT_SECONDS = 10 * 365 * 86_400;

/** Columns of EnvironmentResources for the workload `alias`. Where the old system did not say a size, it is the least. */
export function resourceColumns(kind: WorkloadKind, alias: string, configKeys: readonly ConfigKey[]): string {
  const ofEnvironments = (column: string) =>
    kind === "environment" ? safeBigint(`${alias}.${column}`) : "NULL::bigint";
  const config = configKeys.map((key) => `'${key}', ${alias}.config -> '${key}'`).join(", ");
  return `greatest(coalesce(${alias}.cpu, 1), 1) AS cpu, ${safeBigint(`greatest(coalesce(${alias}.memory, 1), 1)`)} AS memory,
    greatest(coalesce(${alias}.gpu, 0), 0) AS gpu, ${safeBigint(`${alias}.gpu_memory`)} AS gpu_memory,
    ${ofEnvironments("storage")} AS storage, ${ofEnvironments("temp_storage")} AS temp_storage,
    jsonb_strip_nulls(jsonb_build_object(${config})) AS config`;
}

/** How long a run of the job `alias` may take, by `config.max_minutes`; null where it may take as long as it likes. */
export function limitSeconds(alias: string): string {
  const minutes = `${alias}.config -> 'max_minutes'`;
  return `CASE WHEN jsonb_typeof(${minutes}) = 'number'
    THEN nullif(least(greatest(ceil((${minutes})::numeric * 60), 0), ${MAX_LIMIT_SECONDS}), 0)::bigint END`;
}
