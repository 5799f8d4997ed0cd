/** What an upload of a dataset or model is asked with, and how it is answered. */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "../../request/input-failure.ts";
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import { text } from "@remotegpu/shared/values/text";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import { Int53 } from "../../request/input-fields.ts";

const MAX_FILES = 10_000_000;
const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, inputFailure("sha256-malformed"));

export const UploadId = z
  .string()
  .regex(/^[1-9][0-9]{0,14}-[1-9][0-9]{0,8}$/, inputFailure("upload-id-malformed"));
export const UploadOrder = z
  .strictObject({
    manifest_sha256: Sha256Hex,
    total_size: Int53.openapi({ description: "Bytes of all its files", example: 5 * GIB }),
    file_count: z.int().min(0).max(MAX_FILES).openapi({
      description: "How many files it has",
      example: 12_000,
    }),
    storage_pool: text(64).min(1).optional().openapi({
      description:
        "Where it goes; needed where there are several pools and nothing of its workspace is in any",
      example: "pool-a",
    }),
    /**
     * The root of the tree of the parts of its files; its host has to come to the same. Without it the server computes
     * it.
     */
    merkle_root: Sha256Hex.optional().openapi({
      description:
        "SHA-256, in hex, that is the root of the tree of the parts of its files (RFC 6962, section 2.1), by which what is read is checked; without it the server computes it of the list, and reads of a part of a file of more than 8 MiB are marked unchecked",
      example: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }),
  })
  .openapi("DataUploadOrder");

export const Upload = z
  .object({
    upload: z.string(),
    version: z.int().openapi({ description: "What it becomes", example: 2 }),
    storage_pool: z.string().openapi({ description: "Where it goes", example: "pool-a" }),
    status: z.enum(["uploading", "checking", "ready"]).openapi({
      description: "uploading; checking: all of it is there, complete it; ready: it is what is mounted",
      example: "uploading",
    }),
    chunk_size: z.int().openapi({
      description: "Bytes of a part: of a file each but the last has so many",
      example: 8 * MIB,
    }),
    had_size: z.int().openapi({
      description:
        "Bytes that are there of an upload that broke off, so that it is worth requesting upload-chunks",
      example: 0,
    }),
    checked_size: z.int().openapi({ description: "Bytes that its host has checked so far", example: 0 }),
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
