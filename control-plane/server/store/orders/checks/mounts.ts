/** Datasets and models that workloads mount: where they lie, and whether who ordered may (still) read them. */
import {
  type DataReader,
  mayMountData,
  type SharedData,
  type Visibility,
} from "../../../core/accounts/data-rights.ts";
import { isBelowPool, type ResolvedMount } from "../../../core/instances/desired-set.ts";
import type { Mount } from "../../../core/orders/order-check.ts";
import { membershipsAmong } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";

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
  | { resolved: false; kind: "dataset" | "model"; id: number; reason: "not-found" | Unready };

/** Why what may be mounted cannot be: nobody filled it, something went wrong with it, or it lies outside the pools. */
export type Unready = "uploading" | "error" | "outside-pool";

type Reader = DataReader & { workloadWorkspaceId: number | null };

/** The mounts of many workloads at once, in their order. */
export async function resolveMounts(
  sql: Connection,
  questions: readonly MountQuestion[],
): Promise<ResolvedMounts[]> {
  const mounting = questions.filter(({ datasets, models }) => datasets.length + models.length > 0);
  if (mounting.length === 0) return questions.map(() => ({ resolved: true, datasets: [], models: [] }));
  const known = {
    dataset: await dataRows(
      sql,
      "dataset",
      mounting.flatMap(({ datasets }) => datasets),
    ),
    model: await dataRows(
      sql,
      "model",
      mounting.flatMap(({ models }) => models),
    ),
  };
  const readerOf = await readers(sql, mounting);
  return questions.map((question) => {
    const reader = readerOf(question);
    const datasets = resolveKind("dataset", question.datasets, { known: known.dataset, reader });
    if (!datasets.resolved) return datasets;
    const models = resolveKind("model", question.models, { known: known.model, reader });
    return models.resolved ? { resolved: true, datasets: datasets.mounts, models: models.mounts } : models;
  });
}

interface DataRow {
  id: number;
  customer_id: number;
  workspace_id: number | null;
  visibility: Visibility;
  status: string | null;
  storage_path: string;
}

/** Held until the order is written, so that what it mounts cannot be deleted in between. */
const read = (table: "datasets" | "models") =>
  `SELECT id, ${safeBigint("customer_id")} AS customer_id, ${safeBigint("workspace_id")} AS workspace_id,
          coalesce(visibility, 'private') AS visibility, status, storage_path
     FROM ${table} WHERE id = ANY($1) ORDER BY id FOR KEY SHARE`;
const READ = { dataset: read("datasets"), model: read("models") };

async function dataRows(
  sql: Connection,
  kind: "dataset" | "model",
  mounts: readonly Mount[],
): Promise<Map<number, DataRow>> {
  // Rows of the old system may name any number of 64 bits: one that JavaScript cannot hold is no dataset's here.
  const ids = [...new Set(mounts.map(({ id }) => id))].filter(Number.isSafeInteger);
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<DataRow>(READ[kind], [ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

function resolveKind(
  kind: "dataset" | "model",
  wanted: readonly Mount[],
  { known, reader }: { known: ReadonlyMap<number, DataRow>; reader: Reader },
): { resolved: true; mounts: ResolvedMount[] } | Extract<ResolvedMounts, { resolved: false }> {
  const mounts: ResolvedMount[] = [];
  for (const { id, path } of wanted) {
    const data = known.get(id);
    if (data === undefined || !mayMountData(reader, sharedData(data)))
      return { resolved: false, kind, id, reason: "not-found" };
    const unready = whyUnready(data);
    if (unready !== null) return { resolved: false, kind, id, reason: unready };
    mounts.push({ target: path, storagePath: data.storage_path });
  }
  return { resolved: true, mounts };
}

function whyUnready({ status, storage_path }: DataRow): Unready | null {
  if (status === "error") return "error";
  // A row of the old system that says nothing was never said to be filled.
  if (status !== "ready") return "uploading";
  return isBelowPool(storage_path) ? null : "outside-pool";
}

/** The readers' workspaces: only the workload's own matters, since nothing else is mounted from one. */
async function readers(
  sql: Connection,
  questions: readonly MountQuestion[],
): Promise<(question: MountQuestion) => Reader> {
  const { rows } = await sql.query<{ id: number }>(
    "SELECT id FROM customers WHERE id = ANY($1::bigint[]) AND user_type = 'admin' AND deleted_at IS NULL",
    [questions.map(({ customerId }) => customerId)],
  );
  const admins = new Set(rows.map(({ id }) => id));
  const members = await membershipsAmong(
    sql,
    questions.flatMap(({ customerId, workspaceId }) =>
      workspaceId === null ? [] : [{ customerId, workspaceId }],
    ),
  );
  return ({ customerId, workspaceId }) => ({
    customerId,
    isAdmin: admins.has(customerId),
    workspaceIds: members
      .filter((one) => one.customerId === customerId && one.workspaceId === workspaceId)
      .map((one) => one.workspaceId),
    workloadWorkspaceId: workspaceId,
  });
}

function sharedData(row: DataRow): SharedData {
  return { customerId: row.customer_id, workspaceId: row.workspace_id, visibility: row.visibility };
}
