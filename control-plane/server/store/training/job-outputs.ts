/** Where the attempts of a job have written to: the folder of each, and the storage pool of the host that it ran on. */
import type { Connection } from "../database/database.ts";

export interface AttemptOutput {
  attempt: number;
  pool: string;
  hostId: string;
  /** Below the pool's root. */
  folder: string;
  /** Its host has, or may still make, a container that writes there. */
  isHeld: boolean;
}

/** In their order. Where one was placed again before it ran, its last place counts. */
export async function attemptOutputs(
  sql: Connection,
  { jobId, rank }: { jobId: string; rank: number },
): Promise<AttemptOutput[]> {
  const { rows } = await sql.query<AttemptOutput>(
    `SELECT DISTINCT ON (attempt) (p.spec -> 'env' ->> 'REMOTEGPU_ATTEMPT')::int AS attempt,
            coalesce(h.storage_pool, h.id) AS pool, h.id AS "hostId", p.spec #>> '{folders,0,source}' AS folder,
            p.resources_released_at IS NULL AS "isHeld"
       FROM instances i JOIN placements p ON p.instance_id = i.id JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = 'training' AND i.workload_id = $1 AND i.rank = $2
        AND p.spec -> 'env' ? 'REMOTEGPU_ATTEMPT' AND p.spec #>> '{folders,0,source}' IS NOT NULL
      ORDER BY attempt, p.epoch DESC`,
    [jobId, rank],
  );
  return rows;
}
