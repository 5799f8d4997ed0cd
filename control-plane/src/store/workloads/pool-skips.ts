/** Storage pools in which an order found a mount missing: they are not tried again for a while. */
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import type { PoolSkip } from "../../core/placement/fleet/fits-on.ts";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { Connection } from "../database/database.ts";
import { nameKey } from "../../core/workloads/workload-name.ts";

const POOL_SKIP_MS = 10 * MS_PER_MINUTE;

export async function poolSkips(sql: Connection, environmentId: string): Promise<PoolSkip[]> {
  const { rows } = await sql.query<{ storage_pool: string; reason: string; until: Date }>(
    `SELECT storage_pool, reason, until FROM placement_skips
      WHERE workload_kind = 'environment' AND workload_id = $1 ORDER BY storage_pool`,
    [environmentId],
  );
  return rows.map((row) => ({
    storagePool: row.storage_pool,
    reason: row.reason,
    untilMs: row.until.getTime(),
  }));
}

/** Of all workloads, by the key of their names: those that have not passed. */
export async function poolSkipsInForce(sql: Connection, now: Date): Promise<Map<string, PoolSkip[]>> {
  const { rows } = await sql.query<{
    workload_kind: WorkloadKind;
    workload_id: string;
    storage_pool: string;
    reason: string;
    until: Date;
  }>(
    `SELECT workload_kind, workload_id, storage_pool, reason, until FROM placement_skips
      WHERE until > $1 ORDER BY storage_pool`,
    [now],
  );
  const skips = new Map<string, PoolSkip[]>();
  for (const row of rows) {
    const skip = { storagePool: row.storage_pool, reason: row.reason, untilMs: row.until.getTime() };
    const key = nameKey({ kind: row.workload_kind, id: row.workload_id });
    skips.set(key, [...(skips.get(key) ?? []), skip]);
  }
  return skips;
}

/** A mount was missing there: the pool is not tried again for this order until then. */
export async function skipPool(
  sql: Connection,
  skip: { environmentId: string; storagePool: string; reason: string; now: Date },
): Promise<void> {
  await sql.query(
    `INSERT INTO placement_skips (workload_kind, workload_id, storage_pool, reason, until)
     VALUES ('environment', $1, $2, $3, $4)
     ON CONFLICT (workload_kind, workload_id, storage_pool)
       DO UPDATE SET reason = EXCLUDED.reason, until = EXCLUDED.until`,
    [skip.environmentId, skip.storagePool, skip.reason, new Date(skip.now.getTime() + POOL_SKIP_MS)],
  );
}
