/**
 * The GPU time that each workspace had lately, for its fair share: from the moment that a placement took its cards until
 * the host confirmed that they are free, whether or not it was charged.
 */
import { sharerOf } from "../../core/environment-order.ts";
import type { Connection } from "../database.ts";

/**
 * GPU thousandths times seconds within the window that ends now, by who shares; who had none is not in it. A run's
 * workspace and payer were frozen at its start, and without a workspace the payer is the customer.
 */
export async function recentGpuTime(
  sql: Connection,
  { now, windowSeconds }: { now: Date; windowSeconds: number },
): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ workspace_id: number | null; customer_id: number; used: number }>(
    `WITH held AS (
       SELECT DISTINCT ON (a.id) r.workspace_id, r.customer_id, coalesce(a.share_thousandths, 1000) AS share,
              extract(epoch FROM least(coalesce(a.released_at, $1), $1) - greatest(a.allocated_at, $2)) AS seconds
         FROM gpu_allocations a JOIN runs r ON r.instance_id = a.instance_id AND r.epoch = a.epoch
        WHERE (a.released_at IS NULL OR a.released_at > $2) AND a.allocated_at < $1
        ORDER BY a.id, r.ordered_at, r.id)
     SELECT workspace_id, CASE WHEN workspace_id IS NULL THEN customer_id END AS customer_id,
            floor(sum(share * seconds))::bigint AS used
       FROM held GROUP BY 1, 2`,
    [now, new Date(now.getTime() - windowSeconds * 1000)],
  );
  return new Map(rows.map(({ used, ...owner }) => [sharerOf(owner), used]));
}
