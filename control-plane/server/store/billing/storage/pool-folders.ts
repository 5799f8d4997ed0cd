/**
 * What a host of a storage pool is asked to measure, and what can lie there of each owner: code and output of
 * environments, the output of training jobs, the folders that administrators named in that pool, and what is still being
 * brought into it. A workload that was deleted stays in the list, since its folder may still lie there; a folder that is
 * gone measures nothing. What is in no workspace counts for its customer's personal one. Sealed copies are not asked
 * for: their sizes are known (sealed-samples.ts).
 */
import { MAX_PAGE_BYTES } from "@remotegpu/shared/messages/protocol";
import { MAX_FOLDERS_PER_PAGE, type StorageFolder } from "@remotegpu/shared/messages/storage-sampling";
import { encode } from "@remotegpu/shared/messages/wire";
import type { OwnerContents } from "../../../core/billing/storage-bounds.ts";
import {
  environmentFolders,
  isBelowPool,
  jobOutputFolder,
  poolPath,
} from "../../../core/instances/desired-set.ts";
import type { DataKind } from "../../accounts/catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { idOnHosts } from "../../database/values/id-on-hosts.ts";

/**
 * SQL of what is in the pool $1: nothing is looked for in a pool into which it was not put. A job has been in each in
 * which a run of it was proved: where it never ran it has left nothing, and its bound is nobody's to use.
 * @param copies condition of the copies that are not sealed
 */
function contents(copies: string): string {
  return `
  SELECT coalesce(w.id, own.id) AS workspace_id, c.kind || '/' || c.id AS key, c.kind, c.id, c.storage_path, c.bytes,
         c.file_count FROM (
    SELECT 'environment' AS kind, id::text, NULL AS storage_path, workspace_id, customer_id, storage AS bytes,
           NULL::int AS file_count
      FROM environments WHERE storage_pool = $1::text
    UNION ALL
    SELECT 'training', j.id::text, NULL, j.workspace_id, j.customer_id, NULL, NULL FROM training_jobs j
     WHERE EXISTS (SELECT FROM instances i JOIN runs r ON r.instance_id = i.id JOIN hosts h ON h.id = r.host_id
                    WHERE i.workload_kind = 'training' AND i.workload_id = j.id AND r.first_proven_at IS NOT NULL
                      AND coalesce(h.storage_pool, h.id) = $1::text)
    UNION ALL ${administered("dataset")} UNION ALL ${administered("model")}
    UNION ALL
    SELECT 'data-copy', p.id::text, p.folder, coalesce(d.workspace_id, m.workspace_id),
           coalesce(d.customer_id, m.customer_id), greatest(p.announced_size, p.total_size), p.file_count
      FROM data_copies p LEFT JOIN datasets d ON d.id = p.dataset_id LEFT JOIN models m ON m.id = p.model_id
     WHERE p.storage_pool = $1::text AND (${copies})) c
  LEFT JOIN workspaces w ON w.id = c.workspace_id
  LEFT JOIN LATERAL (SELECT id FROM workspaces p WHERE p.owner_id = c.customer_id AND p.type = 'personal'
                      ORDER BY id LIMIT 1) own ON w.id IS NULL
  WHERE coalesce(w.id, own.id) IS NOT NULL`;
}

/** What is mounted of an entry that its owner brought is a copy, whatever administrators named before. */
function administered(kind: DataKind): string {
  return `
    SELECT '${kind}', d.id::text, d.storage_path, d.workspace_id, d.customer_id, NULL, NULL
      FROM data_pools a JOIN ${kind}s d ON d.id = a.${kind}_id
     WHERE a.storage_pool = $1::text
       AND NOT EXISTS (SELECT FROM data_copies c WHERE c.${kind}_id = d.id AND c.status = 'ready'
                          AND c.folder || '/files' = d.storage_path)`;
}

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

const FOLDERS = `SELECT workspace_id, key, kind, id, storage_path FROM (${contents("p.status <> 'ready'")}) contents
  WHERE (workspace_id, key COLLATE "C") > ($2::bigint, $3::text COLLATE "C")
  ORDER BY workspace_id, key COLLATE "C" LIMIT $4`;

/** One page that fits a message, by workspaces, so that all folders of one follow each other. */
export async function poolFolders(
  sql: Connection,
  { pool, after }: { pool: string; after: FolderCursor | null },
): Promise<{ folders: StorageFolder[]; next: FolderCursor | null }> {
  const { rows } = await sql.query<ContentRow>(FOLDERS, [
    pool,
    after?.workspaceId ?? 0,
    after?.key ?? "",
    ROWS_PER_PAGE,
  ]);
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

// A copy that was sealed since the hour began was still being brought when it began, and is in no sealed sample of it.
const OWNERS = `SELECT workspace_id,
       coalesce(sum(bytes) FILTER (WHERE kind = 'environment'), 0)::text AS ordered,
       count(*) FILTER (WHERE kind = 'environment' AND bytes IS NULL) AS environments,
       count(*) FILTER (WHERE kind = 'training') AS jobs,
       coalesce(bool_or(kind IN ('dataset', 'model')), false) AS administered,
       coalesce(sum(bytes) FILTER (WHERE kind = 'data-copy'), 0)::text AS announced,
       count(*) FILTER (WHERE kind = 'data-copy') AS copies,
       coalesce(sum(file_count), 0) AS files
  FROM (${contents("p.status <> 'ready' OR p.ready_at > $2::timestamptz")}) contents
 WHERE workspace_id = ANY($3::bigint[]) GROUP BY workspace_id`;

/** The contents of these workspaces in the pool in this hour; those that have nothing there are missing. */
export async function ownerContents(
  sql: Connection,
  { pool, hour, workspaceIds }: { pool: string; hour: Date; workspaceIds: readonly number[] },
): Promise<Map<number, OwnerContents>> {
  const { rows } = await sql.query<{
    workspace_id: number;
    ordered: string;
    environments: number;
    jobs: number;
    administered: boolean;
    announced: string;
    copies: number;
    files: number;
  }>(OWNERS, [pool, hour, workspaceIds]);
  return new Map(
    rows.map((row) => [
      row.workspace_id,
      {
        orderedBytes: BigInt(row.ordered),
        environmentsWithoutOrder: row.environments,
        jobs: row.jobs,
        hasAdministeredFolder: row.administered,
        announcedBytes: BigInt(row.announced),
        openCopies: row.copies,
        announcedFiles: row.files,
      },
    ]),
  );
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
