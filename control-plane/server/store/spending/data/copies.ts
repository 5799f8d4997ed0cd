/** Versions of datasets and models in storage pools, as their owners bring them. Which one is mounted, the entry says. */
import type { Copy } from "../../../core/data/upload-plan.ts";
import type { DataKind } from "../../accounts/catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { type StatusReasonRow, statusReasonColumns } from "../../database/values/reason-columns.ts";
import { SERVES_POOL } from "../../hosts/pools/pool-members.ts";

export interface CopyRow extends Copy, StatusReasonRow {
  totalSize: number;
  fileCount: number;
  epoch: number;
  begunAt: Date;
  readyAt: Date | null;
  /**
   * Hex: of the tree of the parts of its files, by which what is read is checked. Null where nothing is; before it is ready,
   * where whoever brings it gave none.
   */
  merkleRoot: string | null;
  /**
   * Whether whoever brought it gave that root. Else the sums of the parts of long files in it are the word of the host that
   * sealed them, and only whole files are their owner's.
   */
  isRootOfOwner: boolean;
}

export const OWNER = { dataset: "dataset_id", model: "model_id" } as const;
export const COPY_COLUMNS = `id, version, storage_pool AS "storagePool", folder, status, status_reason,
  ${statusReasonColumns("data_copies")},
  manifest_sha256 AS manifest, total_size AS "totalSize", file_count AS "fileCount", epoch, begun_at AS "begunAt",
  ready_at AS "readyAt", merkle_root AS "merkleRoot", root_is_owners AS "isRootOfOwner"`;

/** By their age. */
export async function copiesOf(sql: Connection, kind: DataKind, id: number): Promise<CopyRow[]> {
  const { rows } = await sql.query<CopyRow>(
    `SELECT ${COPY_COLUMNS} FROM data_copies WHERE ${OWNER[kind]} = $1 ORDER BY id`,
    [id],
  );
  return rows;
}

/** The same, a page of it. */
export async function pageOfCopies(
  sql: Connection,
  kind: DataKind,
  { id, page }: { id: number; page: { limit: number; after: number | null } },
): Promise<CopyRow[]> {
  const { rows } = await sql.query<CopyRow>(
    `SELECT ${COPY_COLUMNS} FROM data_copies WHERE ${OWNER[kind]} = $1 AND id > $2 ORDER BY id LIMIT $3`,
    [id, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

/**
 * What is being brought by this upload, or, where that is asked, was brought by it; null where that is over, or another one
 * has begun since.
 */
export async function openCopy(
  sql: Connection,
  kind: DataKind,
  { id, copyId, epoch, orReady }: { id: number; copyId: number; epoch: number; orReady: boolean },
): Promise<CopyRow | null> {
  const { rows } = await sql.query<CopyRow>(
    `SELECT ${COPY_COLUMNS} FROM data_copies
      WHERE ${OWNER[kind]} = $1 AND id = $2 AND epoch = $3 AND ($4 OR status <> 'ready')`,
    [id, copyId, epoch, orReady],
  );
  return rows[0] ?? null;
}

/** Pools with a trusted member that is heard. */
export async function poolsHeard(sql: Connection): Promise<string[]> {
  const { rows } = await sql.query<{ pool: string }>(
    `SELECT DISTINCT coalesce(storage_pool, id) AS pool FROM hosts
      WHERE connection IN ('connected', 'suspect') AND ${SERVES_POOL} AND deleted_at IS NULL AND revoked_at IS NULL ORDER BY pool`,
  );
  return rows.map(({ pool }) => pool);
}

/** Whether any host, heard or not, belongs to it, or is to by a join token that nobody has used yet. */
export async function isPool(sql: Connection, pool: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    `(SELECT FROM hosts WHERE coalesce(storage_pool, id) = $1 AND deleted_at IS NULL LIMIT 1)
     UNION ALL
     (SELECT FROM join_tokens WHERE storage_pool = $1 AND used_at IS NULL AND revoked_at IS NULL LIMIT 1)`,
    [pool],
  );
  return rowCount > 0;
}

const LAST_POOLS = 20;

/** Where this entry, and then anything of its workspace, or without one of its owner, went last; the latest first. */
export async function lastPools(
  sql: Connection,
  kind: DataKind,
  entry: { id: number; customerId: number; workspaceId: number | null },
): Promise<string[]> {
  const { rows } = await sql.query<{ pool: string }>(
    `SELECT pool FROM (
       SELECT storage_pool AS pool, begun_at AS at, true AS own FROM data_copies WHERE ${OWNER[kind]} = $1
       UNION ALL
       SELECT c.storage_pool, c.begun_at, false FROM data_copies c
         LEFT JOIN datasets d ON d.id = c.dataset_id LEFT JOIN models m ON m.id = c.model_id
        WHERE CASE WHEN $3::bigint IS NULL THEN coalesce(d.customer_id, m.customer_id) = $2
                   ELSE coalesce(d.workspace_id, m.workspace_id) = $3 END
       UNION ALL
       SELECT storage_pool, coalesce(started_at, created_at), false FROM environments
        WHERE storage_pool IS NOT NULL
          AND CASE WHEN $3::bigint IS NULL THEN customer_id = $2 ELSE workspace_id = $3 END) went
      ORDER BY own DESC, at DESC NULLS LAST LIMIT ${LAST_POOLS}`,
    [entry.id, entry.customerId, entry.workspaceId],
  );
  return rows.map(({ pool }) => pool);
}
