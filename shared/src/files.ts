/**
 * What the control plane says to the files process of a host and hears from it, over HTTP through the tunnel. The host
 * believes which folder of its pool is meant; that a path stays within that folder it sees to itself. Names and paths are
 * bytes, as Linux has them, and go as base64url.
 */
import { z } from "zod";
import { text } from "./text.ts";

/** Where gateways `CONNECT` to for it; no instance has that name. */
export const FILES_NAME = "files";
export const FILES_PORT = 1;

const FILE_TYPES = ["file", "folder", "link", "other"] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** Of one folder at once. */
export const MAX_FILES_PER_PAGE = 1_000;

/** Longer ones the kernel does not take. */
export const MAX_PATH_BYTES = 4_095;
export const MAX_NAME_BYTES = 255;

const BYTES = /^[A-Za-z0-9_-]*$/;

export const HostFile = z.object({
  /** base64url of its bytes, whatever they are. */
  name: z.string().regex(BYTES).max(400),
  type: z.enum(FILE_TYPES),
  bytes: z.int().nonnegative(),
  modifiedMs: z.int(),
});
export type HostFile = z.infer<typeof HostFile>;

export const HostListing = z.object({
  files: z.array(HostFile).max(MAX_FILES_PER_PAGE),
  /** There are more behind the last one. */
  isMore: z.boolean(),
});
export type HostListing = z.infer<typeof HostListing>;

/** Said with every answer that is a file or a folder. */
export const FILE_TYPE_HEADER = "remotegpu-file-type";
/** On a request: SHA-256 of the whole file is wanted, and on its answer it stands in `Repr-Digest` (RFC 9530). */
export const WANT_DIGEST_HEADER = "want-repr-digest";
export const DIGEST_HEADER = "repr-digest";

export const FILE_REFUSALS = {
  "bad-path": 400,
  "not-found": 404,
  "leaves-folder": 403,
  "not-a-file": 409,
  "not-a-folder": 409,
  changed: 409,
  "wrong-bytes": 422,
  "bad-request": 400,
  "no-room": 507,
  busy: 503,
  failed: 500,
} as const;
export type FileRefusalReason = keyof typeof FILE_REFUSALS;

/** The body of an answer that refuses. */
export const HostRefusal = z.object({
  reason: z.enum(Object.keys(FILE_REFUSALS) as [FileRefusalReason, ...FileRefusalReason[]]),
  /** A sentence for people, without paths of the host. */
  detail: text(1_000),
});
export type HostRefusal = z.infer<typeof HostRefusal>;

/** `sha-256=:…:`, as RFC 9530 writes it. */
export function digestText(sha256Base64: string): string {
  return `sha-256=:${sha256Base64}:`;
}

const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;

/** The SHA-256 in base64; null where it is another text. */
export function sha256Of(digest: string): string | null {
  return DIGEST.exec(digest)?.[1] ?? null;
}
