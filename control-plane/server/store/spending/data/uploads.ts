/**
 * The beginning and the end of an upload, each in one transaction: which version is brought into which pool, by whom the
 * quota pays for it, and what is mounted from then on. Bytes never come here.
 */
import { reasonColumns } from "../../database/values/reason-columns.ts";
import {
  type Copy,
  isMounted,
  mountedFolder,
  planUpload,
  type UploadPlan,
  type UploadRequest,
} from "../../../core/data/upload-plan.ts";
import { type DataKind, type DataRow, setDataPools } from "../../accounts/catalogue.ts";
import { setting } from "../../accounts/settings.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import { lockAccount } from "../../billing/ledger/ledger.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { quotaTally } from "../../orders/checks/quota-use.ts";
import { listForRemoval } from "./folders.ts";
import { copiesOf, COPY_COLUMNS, type CopyRow, OWNER } from "./copies.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

const TABLE = { dataset: "datasets", model: "models" } as const;
const VERSIONS = { dataset: "dataset_versions", model: "model_versions" } as const;

export interface Upload extends UploadRequest {
  entry: Pick<DataRow, "id" | "customer_id" | "workspace_id">;
  /** What was planned, and what its host was asked for. */
  plan: Exclude<UploadPlan, { kind: "there" }>;
  folder: string;
  totalSize: number;
  fileCount: number;
  /** Hex, as whoever brings it says; null where they do not. */
  merkleRoot: string | null;
  by: number;
  now: Date;
}

export type Begun =
  | { begun: true; copy: CopyRow; dropped: Copy | null }
  | { begun: false; reason: "quota" | "funds"; detail: Reason }
  /** Somebody else was faster. */
  | { begun: false; reason: "changed" };

export async function beginUpload(sql: Transaction, kind: DataKind, upload: Upload): Promise<Begun> {
  const payer = await payerOf(sql, upload.entry);
  // Accounts before entries: orders hold them so.
  const account = await lockAccount(sql, payer.payerId);
  if (account?.status === "suspended")
    return {
      begun: false,
      reason: "funds",
      detail: { code: "account-suspended-until-paid", params: {} },
    };
  const mounted = await lockEntry(sql, kind, upload.entry.id);
  const copies = await copiesOf(sql, kind, upload.entry.id);
  const { plan } = upload;
  if (mounted === null || !isSamePlan(planUpload({ copies, mounted }, upload), plan))
    return { begun: false, reason: "changed" };
  const dropped = plan.kind === "new" ? (copies.find(({ id }) => id === plan.droppedId) ?? null) : null;
  if (dropped !== null)
    await drop(sql, kind, { entry: upload.entry, copy: dropped, by: upload.by, at: upload.now });
  const copy = await write(sql, kind, upload);
  const share = { ...NOTHING, storage_quota: upload.totalSize };
  const defaultLevel = await setting(sql, "DEFAULT_QUOTA_LEVEL");
  const tally = await quotaTally(sql, [{ ...payer, share }], { clients: [], defaultLevel });
  // It is written already.
  tally.count({ ...payer, share }, -1);
  const detail = tally.obstacleTo({ ...payer, share });
  return detail === null ? { begun: true, copy, dropped } : { begun: false, reason: "quota", detail };
}

const NOTHING = {
  cpu_quota: 0,
  memory_quota: 0,
  gpu_quota: 0,
  storage_quota: 0,
  environment_quota: 0,
};

async function payerOf(
  sql: Connection,
  { customer_id: customerId, workspace_id: workspaceId }: Upload["entry"],
): Promise<{ payerId: number; workspaceId: number | null }> {
  const { rows } = await sql.query<{ owner_id: number }>(
    `SELECT owner_id FROM workspaces w WHERE id = $1 AND ${LIVE}`,
    [workspaceId],
  );
  return { payerId: rows[0]?.owner_id ?? customerId, workspaceId };
}

/** What is mounted of it now. */
async function lockEntry(sql: Transaction, kind: DataKind, id: number): Promise<string | null> {
  const { rows } = await sql.query<{ storage_path: string }>(
    `SELECT storage_path FROM ${TABLE[kind]} WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return rows[0]?.storage_path ?? null;
}

function isSamePlan(one: UploadPlan, other: UploadPlan): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function write(sql: Transaction, kind: DataKind, upload: Upload): Promise<CopyRow> {
  const { plan, entry } = upload;
  const { manifest, totalSize, fileCount, by, now, merkleRoot } = upload;
  const text = [manifest, totalSize, fileCount, by, now, merkleRoot];
  const { rows } =
    plan.kind === "go-on"
      ? await sql.change<CopyRow>(
          `UPDATE data_copies SET status = 'uploading', status_reason = NULL, epoch = epoch + 1, manifest_sha256 = $1,
             total_size = $2, announced_size = greatest(announced_size, total_size, $2), file_count = $3, begun_by = $4,
             begun_at = $5, merkle_root = $6 WHERE id = $7 RETURNING ${COPY_COLUMNS}`,
          [...text, plan.copyId],
        )
      : await sql.change<CopyRow>(
          `INSERT INTO data_copies (manifest_sha256, total_size, announced_size, file_count, begun_by, begun_at, merkle_root,
             ${OWNER[kind]}, version, storage_pool, folder, status)
           VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'uploading')
           RETURNING ${COPY_COLUMNS}`,
          [...text, entry.id, plan.version, upload.pool, upload.folder],
        );
  await sql.change(`UPDATE ${TABLE[kind]} SET status = 'uploading' WHERE id = $1 AND status = 'error'`, [
    entry.id,
  ]);
  return rows[0] as CopyRow;
}

/** Its folder is listed until it is removed. */
async function drop(
  sql: Transaction,
  kind: DataKind,
  { entry, copy, by, at }: { entry: Upload["entry"]; copy: Copy; by: number; at: Date },
): Promise<void> {
  await sql.change("DELETE FROM data_copies WHERE id = $1", [copy.id]);
  await listForRemoval(sql, {
    customerId: entry.customer_id,
    folders: [
      {
        resource_type: kind,
        resource_id: String(entry.id),
        storage_pool: copy.storagePool,
        folder: copy.folder,
      },
    ],
    by: `customer ${by}`,
    at,
  });
}

/**
 * All of it was checked: it is what is mounted from now on, by whatever starts from now on. Null where another upload has
 * begun meanwhile.
 * @param name.merkleRoot by which what is read of it is checked; null where nothing is
 */
export async function finishUpload(
  sql: Transaction,
  kind: DataKind,
  {
    id,
    copyId,
    epoch,
    merkleRoot,
    now,
  }: { id: number; copyId: number; epoch: number; merkleRoot: string | null; now: Date },
): Promise<CopyRow | null> {
  const mounted = await lockEntry(sql, kind, id);
  const { rows } = await sql.change<CopyRow>(
    `UPDATE data_copies SET status = 'ready', status_reason = NULL, ready_at = $4, merkle_root = $5::text,
            root_is_owners = $5::text IS NOT NULL AND merkle_root IS NOT NULL
      WHERE id = $2 AND ${OWNER[kind]} = $1 AND epoch = $3 AND status <> 'ready' RETURNING ${COPY_COLUMNS}`,
    [id, copyId, epoch, now, merkleRoot],
  );
  const [copy] = rows;
  if (copy === undefined || mounted === null) return null;
  if (!isMounted(copy, mounted))
    await sql.change(
      `INSERT INTO ${VERSIONS[kind]} (${OWNER[kind]}, version, storage_path, created_at) VALUES ($1, $2, $3, $4)`,
      [id, String(copy.version), mountedFolder(copy.folder), now],
    );
  // What is mounted from now on is known by its copies.
  if (!isMounted(copy, mounted)) await setDataPools(sql, kind, { id, pools: [] });
  const count = kind === "dataset" ? ", file_count = $4" : "";
  await sql.change(
    `UPDATE ${TABLE[kind]} SET status = 'ready', storage_path = $2, total_size = $3${count} WHERE id = $1`,
    [id, mountedFolder(copy.folder), copy.totalSize, ...(kind === "dataset" ? [copy.fileCount] : [])],
  );
  return copy;
}

/** What was brought is not what was said; what is mounted of it stays, and is ready where it was. */
export async function failUpload(
  sql: Transaction,
  kind: DataKind,
  { id, copyId, epoch, reason }: { id: number; copyId: number; epoch: number; reason: Reason },
): Promise<void> {
  await lockEntry(sql, kind, id);
  const { text, code, params } = reasonColumns(reason);
  const { rowCount } = await sql.change(
    `UPDATE data_copies SET status = 'error', status_reason = $4, status_reason_code = $5, status_reason_params = $6
      WHERE id = $2 AND ${OWNER[kind]} = $1 AND epoch = $3 AND status <> 'ready'`,
    [id, copyId, epoch, text, code, params],
  );
  if (rowCount > 0)
    await sql.change(`UPDATE ${TABLE[kind]} SET status = 'error' WHERE id = $1 AND status = 'uploading'`, [
      id,
    ]);
}
