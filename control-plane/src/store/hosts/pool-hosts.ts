/** Who sees the files of a storage pool now. */
import type { Connection } from "../database/database.ts";
import { SERVES_POOL } from "./pools/pool-members.ts";

/** If none of these serves them, another one would hardly. */
const MAX_TRIED = 4;

export interface PoolHost {
  id: string;
  name: string;
}

/** Trusted members of the pool that are heard, the preferred one first, then always in the same order. */
export async function hostsOfPool(
  sql: Connection,
  { pool, preferred = null }: { pool: string; preferred?: string | null },
): Promise<PoolHost[]> {
  const { rows } = await sql.query<PoolHost>(
    `SELECT id, name FROM hosts
      WHERE coalesce(storage_pool, id) = $1 AND ${SERVES_POOL} AND connection IN ('connected', 'suspect')
        AND deleted_at IS NULL AND revoked_at IS NULL
      ORDER BY (id = $2) IS NOT TRUE, (connection = 'connected') DESC, id LIMIT $3`,
    [pool, preferred, MAX_TRIED],
  );
  return rows;
}
