/** What an upload of a dataset or model is asked with, and how it is answered. */
import { z } from "@hono/zod-openapi";
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import { text } from "@remotegpu/shared/values/text";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import { Int53 } from "../../request/input-fields.ts";

const MAX_FILES = 10_000_000;
const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex");

export const UploadId = z.string().regex(/^[1-9][0-9]{0,14}-[1-9][0-9]{0,8}$/, "is no upload");
export const UploadOrder = z
  .strictObject({
    manifest_sha256: Sha256Hex,
    total_size: Int53,
    file_count: z.int().min(0).max(MAX_FILES),
    storage_pool: text(64).min(1).optional(),
    /**
     * The root of the tree of the parts of its files; its host has to come to the same. Without it the server computes
     * it.
     */
    merkle_root: Sha256Hex.optional(),
  })
  .openapi("DataUploadOrder");

export const Upload = z
  .object({
    upload: z.string(),
    version: z.int(),
    storage_pool: z.string(),
    status: z.enum(["uploading", "checking", "ready"]),
    chunk_size: z.int(),
    had_size: z.int(),
    checked_size: z.int(),
  })
  .openapi("DataUpload");

export type UploadOrder = z.output<typeof UploadOrder>;

export function uploadAnswer(
  copy: CopyRow,
  {
    status,
    hadBytes = 0,
    checkedBytes = 0,
  }: { status: "uploading" | "checking" | "ready"; hadBytes?: number; checkedBytes?: number },
) {
  return {
    upload: `${copy.id}-${copy.epoch}`,
    version: copy.version,
    storage_pool: copy.storagePool,
    status,
    chunk_size: CHUNK_BYTES,
    had_size: hadBytes,
    checked_size: checkedBytes,
  };
}
