/**
 * What sealed copies of datasets and models hold, hour by hour. The control plane counts them itself, by the sizes that
 * were sealed: no host is asked, and none can make them larger, or smaller by its absence. A copy that is still being
 * brought is measured by a host of its pool instead (pool-folders.ts). What lay in a pool whose last host was removed or revoked
 * is out of reach for good, and counts no more; hosts that are only not heard still have it.
 */
import type { Transaction } from "../../database/database.ts";

/** Beyond this a sum is no size of anything; it keeps the column's bounds. */
const MOST_BYTES = 2n ** 60n;

/**
 * Counts every workspace's copies at a full hour, those in no workspace for their customer's personal one. Missed hours
 * can be counted later: what was sealed by then and is still there was there. Doing it again changes nothing.
 */
export async function countSealedCopies(sql: Transaction, hour: Date): Promise<void> {
  await sql.change(
    `INSERT INTO sealed_samples (workspace_id, hour, bytes)
     SELECT coalesce(w.id, own.id), $1::timestamptz, least(sum(c.bytes), ${MOST_BYTES})::bigint
       FROM (SELECT coalesce(d.workspace_id, m.workspace_id) AS workspace_id,
                    coalesce(d.customer_id, m.customer_id) AS customer_id, sum(p.total_size) AS bytes
               FROM data_copies p LEFT JOIN datasets d ON d.id = p.dataset_id LEFT JOIN models m ON m.id = p.model_id
              WHERE p.status = 'ready' AND p.ready_at <= $1::timestamptz
                AND EXISTS (SELECT FROM hosts h WHERE coalesce(h.storage_pool, h.id) = p.storage_pool
                               AND h.deleted_at IS NULL AND h.revoked_at IS NULL) GROUP BY 1, 2) c
       LEFT JOIN workspaces w ON w.id = c.workspace_id
       LEFT JOIN LATERAL (SELECT id FROM workspaces p WHERE p.owner_id = c.customer_id AND p.type = 'personal'
                           ORDER BY id LIMIT 1) own ON w.id IS NULL
      WHERE coalesce(w.id, own.id) IS NOT NULL
      GROUP BY 1 HAVING sum(c.bytes) > 0
     ON CONFLICT (workspace_id, hour) DO NOTHING`,
    [hour],
  );
}
