/**
 * The samples of workspaces within a day as the bill and its readers take them: pool by pool what hosts measured, and
 * beside it what the control plane counted of sealed copies in all pools together.
 */
import type { BillingDay } from "../../../core/billing/billing-calendar.ts";
import type { PoolSamples } from "../../../core/billing/storage-rating.ts";
import type { Connection } from "../../database/database.ts";

/**
 * Of each workspace that has anything to sample. Only hours that were sampled to their end count; in each of them a
 * workspace has a sample, of nothing where it has no row, unless it could not be measured. Sealed copies are counted with
 * each hour's tick, so that each tick of the day is a sample of them.
 */
export async function samplesOfDay(
  sql: Connection,
  { workspaceIds, day }: { workspaceIds: readonly number[]; day: Pick<BillingDay, "fromMs" | "toMs"> },
): Promise<Map<number, PoolSamples[]>> {
  const { rows } = await sql.query<{ workspace_id: number; bytes: string; samples: number }>(
    `WITH sampled AS (
       SELECT storage_pool, count(*) AS hours FROM storage_hours
        WHERE hour >= $2 AND hour < $3 AND finished_at IS NOT NULL
          AND storage_pool IN (SELECT storage_pool FROM storage_samples
                                WHERE workspace_id = ANY($1::bigint[]) AND hour >= $2 AND hour < $3)
        GROUP BY storage_pool)
     SELECT s.workspace_id, coalesce(sum(s.bytes), 0) AS bytes,
            pool.hours - count(*) FILTER (WHERE s.bytes IS NULL) AS samples
       FROM storage_samples s
       JOIN storage_hours h ON h.storage_pool = s.storage_pool AND h.hour = s.hour AND h.finished_at IS NOT NULL
       JOIN sampled pool ON pool.storage_pool = s.storage_pool
      WHERE s.workspace_id = ANY($1::bigint[]) AND s.hour >= $2 AND s.hour < $3
      GROUP BY s.workspace_id, s.storage_pool, pool.hours
     UNION ALL
     SELECT s.workspace_id, sum(s.bytes),
            greatest(count(*), (SELECT count(*) FROM hour_ticks
                                 WHERE hour >= $2 AND hour < $3 AND finished_at IS NOT NULL))
       FROM sealed_samples s
      WHERE s.workspace_id = ANY($1::bigint[]) AND s.hour >= $2 AND s.hour < $3
      GROUP BY s.workspace_id`,
    [workspaceIds, new Date(day.fromMs), new Date(day.toMs)],
  );
  const ofWorkspaces = Map.groupBy(rows, ({ workspace_id }) => workspace_id);
  return new Map(
    [...ofWorkspaces].map(([id, pools]) => [
      id,
      pools.map(({ bytes, samples }) => ({ bytes: BigInt(bytes), samples })),
    ]),
  );
}

/** Workspaces with samples of the day that were not charged for it, in the order of their ids. */
export async function workspacesToCharge(
  sql: Connection,
  { day, after, limit }: { day: BillingDay; after: number; limit: number },
): Promise<number[]> {
  const { rows } = await sql.query<{ workspace_id: number }>(
    `SELECT workspace_id FROM (
       SELECT workspace_id FROM storage_samples WHERE hour >= $1 AND hour < $2 AND workspace_id > $4
       UNION
       SELECT workspace_id FROM sealed_samples WHERE hour >= $1 AND hour < $2 AND workspace_id > $4) s
      WHERE NOT EXISTS (SELECT FROM storage_days d WHERE d.workspace_id = s.workspace_id AND d.day = $3)
      ORDER BY workspace_id LIMIT $5`,
    [new Date(day.fromMs), new Date(day.toMs), day.day, after, limit],
  );
  return rows.map(({ workspace_id }) => workspace_id);
}
