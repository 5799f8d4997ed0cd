/**
 * What lies in a storage pool, and whose it is: code and output of environments, the output of training jobs, datasets
 * and models. A workload that was deleted stays in the list, since its folder may still lie there; a folder that is gone
 * measures nothing. What is in no workspace counts for its customer's personal one.
 */
import { MAX_PAGE_BYTES } from "@remotegpu/shared/protocol";
import { MAX_FOLDERS_PER_PAGE, type StorageFolder } from "@remotegpu/shared/storage-sampling";
import { encode } from "@remotegpu/shared/wire";
import {
  environmentFolders,
  isBelowPool,
  jobOutputFolder,
  poolPath,
} from "../../../core/instances/desired-set.ts";
import type { Connection } from "../../database/database.ts";
import { idOnHosts } from "../../database/values/id-on-hosts.ts";

/**
 * $1: the pool. A job has been in each pool in which it was placed. What is mounted of datasets and models may have been
 * put into any pool by an operator, so it is looked for in each; what their owners brought is known pool by pool, each
 * version of it and what is still being brought among that.
 */
const CONTENTS = `
  SELECT coalesce(w.id, own.id) AS workspace_id, c.kind || '/' || c.id AS key, c.kind, c.id, c.storage_path FROM (
    SELECT 'environment' AS kind, id::text, NULL AS storage_path, workspace_id, customer_id
      FROM environments WHERE storage_pool = $1::text
    UNION ALL
    SELECT 'training', j.id::text, NULL, j.workspace_id, j.customer_id FROM training_jobs j
     WHERE EXISTS (SELECT FROM instances i JOIN placements p ON p.instance_id = i.id JOIN hosts h ON h.id = p.host_id
                    WHERE i.workload_kind = 'training' AND i.workload_id = j.id
                      AND coalesce(h.storage_pool, h.id) = $1::text)
    UNION ALL
    SELECT 'dataset', id::text, storage_path, workspace_id, customer_id FROM datasets
    UNION ALL
    SELECT 'model', id::text, storage_path, workspace_id, customer_id FROM models
    UNION ALL
    SELECT 'data-copy', p.id::text, p.folder, coalesce(d.workspace_id, m.workspace_id), coalesce(d.customer_id, m.customer_id)
      FROM data_copies p LEFT JOIN datasets d ON d.id = p.dataset_id LEFT JOIN models m ON m.id = p.model_id
     WHERE p.storage_pool = $1::text) c
  LEFT JOIN workspaces w ON w.id = c.workspace_id
  LEFT JOIN LATERAL (SELECT id FROM workspaces p WHERE p.owner_id = c.customer_id AND p.type = 'personal'
                      ORDER BY id LIMIT 1) own ON w.id IS NULL
  WHERE coalesce(w.id, own.id) IS NOT NULL`;

/** Owners whose folders lie in the pool, as a query with the pool as $1. */
export const OWNERS_IN_POOL = `SELECT workspace_id FROM (${CONTENTS}) contents`;

interface ContentRow {
  workspace_id: number;
  key: string;
  kind: "environment" | "training" | "dataset" | "model" | "data-copy";
  id: string;
  storage_path: string | null;
}

/** An environment has two. */
const ROWS_PER_PAGE = MAX_FOLDERS_PER_PAGE / 2;
/** Kind, cursor and times around the list. */
const ENVELOPE_BYTES = 1_024;

/** Where in the list a page begins: after this. */
export interface FolderCursor {
  readonly workspaceId: number;
  readonly key: string;
}

/** One page that fits a message, by workspaces, so that all folders of one follow each other. */
export async function poolFolders(
  sql: Connection,
  { pool, after }: { pool: string; after: FolderCursor | null },
): Promise<{ folders: StorageFolder[]; next: FolderCursor | null }> {
  const { rows } = await sql.query<ContentRow>(
    `SELECT * FROM (${CONTENTS}) contents
      WHERE (workspace_id, key COLLATE "C") > ($2::bigint, $3::text COLLATE "C")
      ORDER BY workspace_id, key COLLATE "C" LIMIT $4`,
    [pool, after?.workspaceId ?? 0, after?.key ?? "", ROWS_PER_PAGE],
  );
  const folders: StorageFolder[] = [];
  let bytes = ENVELOPE_BYTES;
  for (const [index, row] of rows.entries()) {
    const found = foldersOf(row);
    bytes += found.reduce((sum, folder) => sum + encode(folder).byteLength + 1, 0);
    const before = rows[index - 1];
    if (bytes > MAX_PAGE_BYTES && before !== undefined) return { folders, next: cursorOf(before) };
    folders.push(...found);
  }
  const last = rows.at(-1);
  return { folders, next: last !== undefined && rows.length === ROWS_PER_PAGE ? cursorOf(last) : null };
}

function cursorOf({ workspace_id, key }: ContentRow): FolderCursor {
  return { workspaceId: workspace_id, key };
}

function foldersOf(row: ContentRow): StorageFolder[] {
  return pathsOf(row).map((path) => ({ owner: String(row.workspace_id), path }));
}

/** As hosts are told where to put or to find them. A path that no host would take is nowhere. */
function pathsOf({ kind, id, storage_path }: ContentRow): string[] {
  switch (kind) {
    case "environment":
      return Object.values(environmentFolders(idOnHosts(id)));
    case "training":
      return [jobOutputFolder(idOnHosts(id))];
    case "dataset":
    case "model":
    case "data-copy":
      return storage_path !== null && isBelowPool(storage_path) ? [poolPath(storage_path)] : [];
  }
}
