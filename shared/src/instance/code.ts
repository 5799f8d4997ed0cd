/**
 * The code of a job: one gzipped tar, known by its SHA-256, that goes up in parts, is looked at and kept by the control
 * plane, and is fetched part by part by each host on which a job with it is placed.
 */
import { z } from "zod";
import { valueFailure } from "../values/value-failure.ts";
import { text } from "../values/text.ts";
import { KIB } from "../values/units.ts";

/** Where a job finds it, as its working directory. */
export const CODE_TARGET = "/gemini/code";

/** Both on the way up and on the way to hosts; in base64 it fits a message. */
export const CODE_PART_BYTES = 512 * KIB;
export const MAX_CODE_BYTES = 100_000_000;

export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, valueFailure("sha256-malformed", {}));

export const PackedCode = z.object({ sha256: Sha256, bytes: z.int().positive().max(MAX_CODE_BYTES) });
export type PackedCode = z.infer<typeof PackedCode>;

/** From a host, of a job that is placed there. */
export const CodeQuestion = z.object({
  kind: z.literal("code-question"),
  sha256: Sha256,
  /** From 0. */
  part: z.int().nonnegative().max(codeParts(MAX_CODE_BYTES)),
});
export type CodeQuestion = z.infer<typeof CodeQuestion>;

export const CodeReply = z.object({
  kind: z.literal("code-part"),
  base64: text(Math.ceil(CODE_PART_BYTES / 3) * 4),
});
export type CodeReply = z.infer<typeof CodeReply>;

export function codeParts(bytes: number): number {
  return Math.ceil(bytes / CODE_PART_BYTES);
}

/** The bytes of the part of that number. */
export function codePartBytes(bytes: number, part: number): number {
  return Math.max(0, Math.min(CODE_PART_BYTES, bytes - part * CODE_PART_BYTES));
}
