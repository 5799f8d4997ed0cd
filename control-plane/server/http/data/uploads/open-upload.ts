/** An upload that goes on, and where what is sent for it lies. */
import { DraftState } from "@remotegpu/shared/messages/files";
import type { DataKind, DataRow } from "../../../store/accounts/catalogue.ts";
import { type CopyRow, openCopy } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { requestPool, jsonOf, type PoolFile } from "../../files/pool-files.ts";
import { conflict } from "../../request/refusal.ts";
import { requireOwn } from "../data-access.ts";

export const ANOTHER = "upload-over";

/**
 * @param wish.orReady one that is complete is meant, too
 * @throws ApiRefusal where it is over, or another one has begun since
 */
export async function openUpload(
  c: ApiContext,
  kind: DataKind,
  { id, upload, orReady = false }: { id: number; upload: string; orReady?: boolean },
): Promise<{ entry: DataRow; copy: CopyRow; place: PoolFile }> {
  const entry = await requireOwn(c, kind, id);
  const [copyId = 0, epoch = 0] = upload.split("-").map(Number);
  const copy = await openCopy(c.var.deps.db, kind, { id: entry.id, copyId, epoch, orReady });
  if (copy === null) throw conflict(ANOTHER);
  return { entry, copy, place: { pool: copy.storagePool, folder: copy.folder, path: "" } };
}

export async function openDraft(c: ApiContext, place: PoolFile): Promise<DraftState> {
  return await jsonOf(await requestPool(c, place, { method: "POST", route: "/draft" }), DraftState);
}

/** The digest of its list, in base64. */
export function base64Of({ manifest }: { manifest: string }): string {
  return Buffer.from(manifest, "hex").toString("base64");
}
