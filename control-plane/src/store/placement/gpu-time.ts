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
       SELECT a.instance_id, a.epoch, coalesce(a.share_thousandths, 1000) AS share,
              extract(epoch FROM least(coalesce(a.released_at, $1), $1) - greatest(a.allocated_at, $2)) AS seconds
         FROM gpu_allocations a
        WHERE (a.released_at IS NULL OR a.released_at > $2) AND a.allocated_at < $1)
     SELECT r.workspace_id, CASE WHEN r.workspace_id IS NULL THEN r.customer_id END AS customer_id,
            floor(sum(held.share * held.seconds))::bigint AS used
       FROM held JOIN LATERAL (
              SELECT workspace_id, customer_id FROM runs
               WHERE instance_id = held.instance_id AND epoch = held.epoch ORDER BY ordered_at, id LIMIT 1) r ON true
      GROUP BY 1, 2`,
    [now, new Date(now.getTime() - windowSeconds * 1000)],
  );
  return new Map(rows.map(({ used, ...owner }) => [sharerOf(owner), used]));
}
