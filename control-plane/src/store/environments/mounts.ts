/** Datasets and models that a workload mounts: where they lie, and whether who ordered may (still) read them. */
import { mayMountData, type SharedData, type Visibility } from "../../core/data-rights.ts";
import { isBelowPool, type ResolvedMount } from "../../core/desired-set.ts";
import type { Mount } from "../../core/order-check.ts";
import type { Connection } from "../database.ts";
import { workspaceIdsOf } from "../accounts/workspaces.ts";

export interface MountQuestion {
  /** Who ordered the workload: it mounts with their rights. */
  customerId: number;
  workspaceId: number | null;
  datasets: readonly Mount[];
  models: readonly Mount[];
}

export type ResolvedMounts =
  | { resolved: true; datasets: ResolvedMount[]; models: ResolvedMount[] }
  /** Missing and forbidden look alike. */
  | { resolved: false; kind: "dataset" | "model"; id: number; reason: "not-found" | "not-ready" };

export async function resolveMounts(sql: Connection, question: MountQuestion): Promise<ResolvedMounts> {
  const datasets = await resolveKind(sql, "dataset", question);
  if (!datasets.resolved) return datasets;
  const models = await resolveKind(sql, "model", question);
  if (!models.resolved) return models;
  return { resolved: true, datasets: datasets.mounts, models: models.mounts };
}

interface DataRow {
  id: number;
  customer_id: number;
  workspace_id: number | null;
  visibility: Visibility;
  status: string;
  storage_path: string;
}

/** Held until the order is written, so that what it mounts cannot be deleted in between. */
const READ = {
  dataset:
    "SELECT id, customer_id, workspace_id, coalesce(visibility, 'private') AS visibility, status, storage_path FROM datasets WHERE id = ANY($1) FOR KEY SHARE",
  model:
    "SELECT id, customer_id, workspace_id, coalesce(visibility, 'private') AS visibility, status, storage_path FROM models WHERE id = ANY($1) FOR KEY SHARE",
};

async function resolveKind(
  sql: Connection,
  kind: "dataset" | "model",
  question: MountQuestion,
): Promise<{ resolved: true; mounts: ResolvedMount[] } | Extract<ResolvedMounts, { resolved: false }>> {
  const wanted = kind === "dataset" ? question.datasets : question.models;
  if (wanted.length === 0) return { resolved: true, mounts: [] };
  const { rows } = await sql.query<DataRow>(READ[kind], [wanted.map(({ id }) => id)]);
  const reader = await readerOf(sql, question);
  const mounts: ResolvedMount[] = [];
  for (const { id, path } of wanted) {
    const data = rows.find((row) => row.id === id);
    if (data === undefined || !mayMountData(reader, sharedData(data)))
      return { resolved: false, kind, id, reason: "not-found" };
    if (data.status !== "ready" || !isBelowPool(data.storage_path))
      return { resolved: false, kind, id, reason: "not-ready" };
    mounts.push({ target: path, storagePath: data.storage_path });
  }
  return { resolved: true, mounts };
}

async function readerOf(sql: Connection, { customerId, workspaceId }: MountQuestion) {
  const { rows } = await sql.query<{ is_admin: boolean }>(
    "SELECT user_type = 'admin' AS is_admin FROM customers WHERE id = $1 AND deleted_at IS NULL",
    [customerId],
  );
  return {
    customerId,
    isAdmin: rows[0]?.is_admin ?? false,
    workspaceIds: await workspaceIdsOf(sql, customerId),
    workloadWorkspaceId: workspaceId,
  };
}

function sharedData(row: DataRow): SharedData {
  return { customerId: row.customer_id, workspaceId: row.workspace_id, visibility: row.visibility };
}
