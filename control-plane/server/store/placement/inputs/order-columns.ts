/**
 * SQL for what an order asks, alike for every kind of workload. Of its config only what placement and prices look at: a
 * command may be 64 KiB long, and 100,000 of them would be read with each pass.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { safeBigint } from "../../database/values/old-values.ts";
import { storeOf } from "../../workloads/kinds.ts";

/** OrderFields of the workload `alias`. Where the old system did not say a size, it is the least. */
export function resourceColumns(kind: WorkloadKind, alias: string, configKeys: readonly string[]): string {
  const { storage, tempStorage } = storeOf(kind).columns;
  const config = configKeys.map((key) => `'${key}', ${alias}.config -> '${key}'`).join(", ");
  return `greatest(coalesce(${alias}.cpu, 1), 1) AS cpu, ${safeBigint(`greatest(coalesce(${alias}.memory, 1), 1)`)} AS memory,
    greatest(coalesce(${alias}.gpu, 0), 0) AS gpu, ${safeBigint(`${alias}.gpu_memory`)} AS gpu_memory,
    ${safeBigint(storage)} AS storage, ${safeBigint(tempStorage)} AS temp_storage,
    jsonb_strip_nulls(jsonb_build_object(${config})) AS config`;
}
