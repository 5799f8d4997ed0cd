/** The beginning of an upload: what it is, where it goes, and whether there is room and quota for all of it. */
import assert from "node:assert/strict";
import { wholeSize } from "@remotegpu/shared/size-text";
import { planUpload, poolByDefault, type UploadPlan, versionFolder } from "../../../core/data/upload-plan.ts";
import type { DataKind, DataRow } from "../../../store/accounts/catalogue.ts";
import { customerById } from "../../../store/accounts/customers.ts";
import {
  copiesOf,
  type CopyRow,
  isPool,
  lastPools,
  poolsHeard,
} from "../../../store/spending/data/copies.ts";
import { beginUpload } from "../../../store/spending/data/uploads.ts";
import type { ApiContext } from "../../deps.ts";
import { performOnPool } from "../../files/pool-files.ts";
import { once } from "../../request/idempotency.ts";
import { ApiRefusal, badField, conflict } from "../../request/refusal.ts";
import { DATA_NAMES } from "../data-access.ts";
import { removeFolders } from "../folder-removal.ts";
import { openDraft } from "./open-upload.ts";
import { uploadAnswer, type UploadOrder } from "./upload-shape.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

const UNIQUE_CHARACTERS = 8;

export async function begin(
  c: ApiContext,
  kind: DataKind,
  { entry, order }: { entry: DataRow; order: UploadOrder },
) {
  const { deps } = c.var;
  const pool = await poolFor(c, kind, { entry, named: order.storage_pool ?? null });
  const request = { manifest: order.manifest_sha256, pool };
  const copies = await copiesOf(deps.db, kind, entry.id);
  const plan = planUpload({ copies, mounted: entry.storage_path }, request);
  const planned = plan.kind === "new" ? null : copies.find(({ id }) => id === plan.copyId);
  if (plan.kind === "there")
    return await once(c, async () => c.json(uploadAnswer(planned as CopyRow, { status: "ready" }), 201));
  const folder = planned?.folder ?? (await folderFor(c, kind, { entry, plan }));
  const draft = await openDraft(c, { pool, folder, path: "" });
  const sent = draft.isSealed ? 0 : Math.max(0, order.total_size - draft.hadBytes);
  if (sent > draft.freeBytes)
    throw new ApiRefusal("no-room", {
      code: "upload-pool-full",
      params: { storage_pool: pool, free_size: wholeSize(draft.freeBytes), missing_size: wholeSize(sent) },
    });
  const isElse = draft.isSealed && planned?.manifest !== request.manifest;
  const status = draft.isSealed && !isElse ? ("checking" as const) : ("uploading" as const);
  const answer = await once(c, async (sql, afterwards) => {
    const begun = await beginUpload(sql, kind, {
      ...request,
      entry,
      plan,
      folder,
      totalSize: order.total_size,
      fileCount: order.file_count,
      merkleRoot: order.merkle_root ?? null,
      by: c.var.actor.customerId,
      now: deps.now(),
    });
    if (!begun.begun) throw refusalOf(begun);
    const { dropped, copy } = begun;
    if (dropped !== null)
      afterwards(() =>
        removeFolders(c, {
          customerId: entry.customer_id,
          folders: [
            {
              resource_type: kind,
              resource_id: String(entry.id),
              storage_pool: dropped.storagePool,
              folder: dropped.folder,
            },
          ],
        }),
      );
    return c.json(uploadAnswer(copy, { status, hadBytes: draft.hadBytes }), 201);
  });
  // Nobody can make it ready any more: what was checked of another list gives way.
  if (isElse) {
    await performOnPool(c, { pool, folder, path: "" }, { method: "DELETE", route: "/tree" });
    await openDraft(c, { pool, folder, path: "" });
  }
  return answer;
}

async function poolFor(
  c: ApiContext,
  kind: DataKind,
  { entry, named }: { entry: DataRow; named: string | null },
): Promise<string> {
  const { db } = c.var.deps;
  if (named !== null) {
    if (await isPool(db, named)) return named;
    throw badField("storage_pool", "pool-unknown");
  }
  const pools = await poolsHeard(db);
  if (pools.length === 0) throw new ApiRefusal("unavailable", "upload-without-host");
  const { id, customer_id: customerId, workspace_id: workspaceId } = entry;
  const last = await lastPools(db, kind, { id, customerId, workspaceId });
  const pool = poolByDefault(pools, last);
  if (pool === null)
    throw badField("storage_pool", {
      code: "pool-to-name",
      params: { storage_pools: { names: pools, more: 0 } },
    });
  return pool;
}

async function folderFor(
  c: ApiContext,
  kind: DataKind,
  { entry, plan }: { entry: DataRow; plan: UploadPlan },
): Promise<string> {
  assert(plan.kind === "new", "what is there has its folder");
  if (plan.folder !== null) return plan.folder;
  const { db, newId } = c.var.deps;
  const unique = newId("").replaceAll("-", "").slice(0, UNIQUE_CHARACTERS);
  const customerUuid = (await customerById(db, entry.customer_id))?.uuid ?? c.var.actor.customerUuid;
  const { plural } = DATA_NAMES[kind];
  return versionFolder({ customerUuid, plural, id: entry.id, version: plan.version, unique });
}

function refusalOf(begun: { reason: "quota" | "funds"; detail: Reason } | { reason: "changed" }): ApiRefusal {
  switch (begun.reason) {
    case "quota":
      return conflict({ code: "upload-beyond-quota", params: { why: begun.detail } });
    case "funds":
      return new ApiRefusal("no-funds", begun.detail);
    case "changed":
      return conflict("upload-superseded");
  }
}
