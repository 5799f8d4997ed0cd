/** Who sees the files of a storage pool now. */
import type { Connection } from "../../database/database.ts";
import { hasOtherBytes } from "./other-bytes.ts";
import { SERVES_POOL } from "./pool-members.ts";

/** If none of these serves them, another one would hardly. */
const MAX_TRIED = 4;

export interface PoolHost {
  id: string;
  name: string;
}

/**
 * Trusted members of the pool that are heard: last those that had other bytes of the sealed copy that is asked for, the
 * preferred one first, then always in the same order.
 * @param asked.copyId of the sealed copy that is to be read; null where it is something else
 * @param asked.except members that are left out
 */
export async function hostsOfPool(
  sql: Connection,
  {
    pool,
    preferred = null,
    copyId = null,
    except = [],
  }: { pool: string; preferred?: string | null; copyId?: number | null; except?: readonly string[] },
): Promise<PoolHost[]> {
  const { rows } = await sql.query<PoolHost>(
    `SELECT id, name FROM hosts h
      WHERE coalesce(storage_pool, id) = $1 AND ${SERVES_POOL} AND connection IN ('connected', 'suspect')
        AND deleted_at IS NULL AND revoked_at IS NULL AND id <> ALL($5::text[])
      ORDER BY $4::bigint IS NOT NULL AND ${hasOtherBytes("h.id", "$4")},
               (id = $2) IS NOT TRUE, (connection = 'connected') DESC, id LIMIT $3`,
    [pool, preferred, MAX_TRIED, copyId, except],
  );
  return rows;
}
