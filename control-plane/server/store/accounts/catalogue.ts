/**
 * Datasets and models: one mechanism, two tables. Rows describe folders of a storage pool; the files themselves
 * are nobody's business here. Who may read which is core/accounts/data-rights.ts; lists apply the same rule in SQL.
 */
import type { DataReader, DataStatus, Visibility } from "../../core/accounts/data-rights.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection, Transaction } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";

export type DataKind = "dataset" | "model";

const TABLE = { dataset: "datasets", model: "models" } as const;
const VERSIONS = { dataset: "dataset_versions", model: "model_versions" } as const;
const VERSION_OWNER = { dataset: "dataset_id", model: "model_id" } as const;
/** What only one of the two tables has; null in the other's answers. */
const OWN_COLUMNS = {
  dataset: "d.storage_type, d.file_count, NULL::text AS framework",
  model: "NULL::text AS storage_type, NULL::int AS file_count, d.framework",
} as const;

export interface DataRow {
  id: number;
  uuid: string;
  customer_id: number;
  workspace_id: number | null;
  name: string;
  description: string | null;
  storage_path: string;
  /** Where administrators said that its folder lies. */
  storage_pools: string[];
  storage_type: string | null;
  file_count: number | null;
  framework: string | null;
  total_size: number | null;
  status: string;
  visibility: Visibility;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
}

function columns(kind: DataKind): string {
  return `d.id, d.uuid, ${safeBigint("d.customer_id")} AS customer_id, ${safeBigint("d.workspace_id")} AS workspace_id,
    d.name, d.description, d.storage_path,
    ARRAY(SELECT a.storage_pool::text FROM data_pools a WHERE a.${VERSION_OWNER[kind]} = d.id ORDER BY a.storage_pool COLLATE "C") AS storage_pools,
    ${OWN_COLUMNS[kind]}, ${safeBigint("d.total_size")} AS total_size, d.status, coalesce(d.visibility, 'private') AS visibility, d.created_at, d.updated_at`;
}

export async function dataById(sql: Connection, kind: DataKind, id: number): Promise<DataRow | null> {
  const { rows } = await sql.query<DataRow>(`SELECT ${columns(kind)} FROM ${TABLE[kind]} d WHERE d.id = $1`, [
    id,
  ]);
  return rows[0] ?? null;
}

export async function listData(
  sql: Connection,
  kind: DataKind,
  {
    reader,
    ...filter
  }: {
    reader: DataReader;
    visibility: Visibility | null;
    workspaceId: number | null;
    name: string | null;
    page: { limit: number; after: number | null };
  },
): Promise<DataRow[]> {
  const { rows } = await sql.query<DataRow>(
    `SELECT ${columns(kind)} FROM ${TABLE[kind]} d
      WHERE ($1 OR d.customer_id = $2 OR d.visibility = 'public'
             OR d.visibility = 'workspace' AND d.workspace_id = ANY($3::bigint[]))
        AND ($4::text IS NULL OR d.visibility = $4) AND ($5::bigint IS NULL OR d.workspace_id = $5)
        AND ($6::text IS NULL OR d.name = $6) AND d.id > $7
      ORDER BY d.id LIMIT $8`,
    [
      reader.isAdmin,
      reader.customerId,
      reader.workspaceIds,
      filter.visibility,
      filter.workspaceId,
      filter.name,
      filter.page.after ?? 0,
      filter.page.limit + 1,
    ],
  );
  return rows;
}

export interface NewData {
  customerId: number;
  customerUuid: string;
  workspaceId: number | null;
  name: string;
  description: string | null;
  visibility: Visibility;
  /** Null: `<customer uuid>/datasets/<id>` or `…/models/<id>`; the two have ids of two sequences. */
  storagePath: string | null;
  /** That have the folder. */
  storagePools: readonly string[];
  framework: string | null;
}

/** A folder of ours is empty until somebody fills it; one that an administrator names is there and filled. */
export async function insertData(sql: Connection, kind: DataKind, data: NewData): Promise<DataRow> {
  const own = kind === "model" ? ", framework" : "";
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO ${TABLE[kind]} (id, customer_id, workspace_id, name, description, visibility, status, storage_path${own})
     SELECT new.id, $1, $2, $3, $4, $5, CASE WHEN $6::text IS NULL THEN 'uploading' ELSE 'ready' END, coalesce($6, $7 || '/${TABLE[kind]}/' || new.id)${kind === "model" ? ", $8" : ""}
       FROM (SELECT nextval(pg_get_serial_sequence('${TABLE[kind]}', 'id')) AS id) new RETURNING id`,
    [
      data.customerId,
      data.workspaceId,
      data.name,
      data.description,
      data.visibility,
      data.storagePath,
      data.customerUuid,
      ...(kind === "model" ? [data.framework] : []),
    ],
    { makes: kind },
  );
  const id = rows[0]?.id ?? 0;
  await setDataPools(sql, kind, { id, pools: data.storagePools });
  return (await dataById(sql, kind, id)) as DataRow;
}

/** In which storage pools its folder lies, and in no other. */
export async function setDataPools(
  sql: Connection,
  kind: DataKind,
  { id, pools }: { id: number; pools: readonly string[] },
): Promise<void> {
  const owner = VERSION_OWNER[kind];
  await sql.change(`DELETE FROM data_pools WHERE ${owner} = $1 AND storage_pool <> ALL($2::text[])`, [
    id,
    pools,
  ]);
  await sql.change(
    `INSERT INTO data_pools (${owner}, storage_pool) SELECT $1::bigint, unnest($2::text[])
     ON CONFLICT (${owner}, storage_pool) DO NOTHING`,
    [id, pools],
  );
}

export interface DataChange {
  name?: string | undefined;
  description?: string | null | undefined;
  visibility?: Visibility | undefined;
  workspace_id?: number | null | undefined;
  /** Another folder is one that is filled, unless the status says otherwise. */
  storage_path?: string | undefined;
  storage_pools?: readonly string[] | undefined;
  status?: DataStatus | undefined;
}

export async function updateData(
  sql: Transaction,
  kind: DataKind,
  { id, change }: { id: number; change: DataChange },
): Promise<void> {
  await sql.change(
    `UPDATE ${TABLE[kind]} SET name = coalesce($2, name),
            description = CASE WHEN $3 THEN $4 ELSE description END, visibility = coalesce($5, visibility),
            workspace_id = CASE WHEN $6 THEN $7 ELSE workspace_id END, storage_path = coalesce($8, storage_path),
            status = coalesce($9, CASE WHEN $8 <> storage_path THEN 'ready' ELSE status END)
      WHERE id = $1`,
    [
      id,
      change.name ?? null,
      change.description !== undefined,
      change.description ?? null,
      change.visibility ?? null,
      change.workspace_id !== undefined,
      change.workspace_id ?? null,
      change.storage_path ?? null,
      change.status ?? null,
    ],
  );
  if (change.storage_pools !== undefined) await setDataPools(sql, kind, { id, pools: change.storage_pools });
}

const MOUNTING: Readonly<Record<WorkloadKind, string>> = {
  environment: "environment",
  training: "training job",
  inference: "inference service",
};

/**
 * SQL of the workloads that mount an entry, which hold it: whatever is not deleted and may start, or go back to it.
 * @param id of the entry
 */
export function mountsOf(kind: DataKind, id: string): string {
  const mounts = `mounted_${TABLE[kind]}`;
  const visible = "id, name, customer_id, workspace_id";
  const ofServices = `UNION ALL
     SELECT 'inference', ${visible} FROM inference_services
      WHERE deleted_at IS NULL AND (model_id = ${id} OR EXISTS (
        SELECT FROM service_revisions v WHERE v.service_id = inference_services.id AND v.model_id = ${id}
          AND (v.number = previous_revision OR v.number IN (
            SELECT r.target FROM service_rollouts r WHERE r.service_id = v.service_id AND r.ended_at IS NULL))))`;
  return `SELECT 'environment' AS kind, ${visible} FROM environments
      WHERE deleted_at IS NULL AND ${mounts} @> jsonb_build_array(jsonb_build_object('id', ${id}))
     UNION ALL
     SELECT 'training', ${visible} FROM training_jobs
      WHERE deleted_at IS NULL AND status NOT IN ('completed', 'failed', 'cancelled')
        AND ${mounts} @> jsonb_build_array(${id})
     ${kind === "model" ? ofServices : ""}`;
}

/**
 * Deletes the entry unless a workload mounts it; then answers which. Waits for orders that are holding the row.
 */
export async function deleteData(
  sql: Transaction,
  kind: DataKind,
  id: number,
): Promise<{ deleted: true } | { deleted: false; mountedBy: string }> {
  await sql.query(`SELECT id FROM ${TABLE[kind]} WHERE id = $1 FOR UPDATE`, [id]);
  const { rows } = await sql.query<{ kind: WorkloadKind; id: string }>(
    `SELECT m.kind, m.id FROM (${mountsOf(kind, "$1::bigint")}) m LIMIT 1`,
    [id],
  );
  const [mounted] = rows;
  if (mounted !== undefined) return { deleted: false, mountedBy: `${MOUNTING[mounted.kind]} ${mounted.id}` };

  if (kind === "model")
    await sql.change("UPDATE inference_services SET model_id = NULL WHERE model_id = $1", [id]);
  await sql.change(`DELETE FROM ${VERSIONS[kind]} WHERE ${VERSION_OWNER[kind]} = $1`, [id]);
  await sql.change(`DELETE FROM ${TABLE[kind]} WHERE id = $1`, [id]);
  return { deleted: true };
}
