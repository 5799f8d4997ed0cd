/**
 * What the control plane says to the files process of a host and hears from it, over HTTP through the tunnel. The host
 * believes which folder of its pool is meant; that a path stays within that folder it sees to itself. Names and paths are
 * bytes, as Linux has them, and go as base64url.
 */
import { z } from "zod";
import { MIB } from "../values/units.ts";

/** Where gateways `CONNECT` to for it; no instance has that name. */
export const FILES_NAME = "files";
export const FILES_PORT = 1;

/** What is answered to a nonce that was written. */
export const PoolNonceWritten = z.object({
  /** The folder was not there before. */
  isFolderNew: z.boolean(),
});
export type PoolNonceWritten = z.infer<typeof PoolNonceWritten>;

const FILE_TYPES = ["file", "folder", "link", "other"] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** The files of one folder at once. */
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

/**
 * A folder with all that lies below it, as the API answers it as well: lines of JSON, a folder in front of what is in it.
 * Where a line tells a SHA-256, the bytes of that file follow it; the last line says that nothing is missing.
 */
export const TREE_TYPE = "application/vnd.remotegpu.tree";
export const TREE_FILE_TYPE = "tree";
/** Larger files come on their own. */
export const TREE_FILE_BYTES = MIB;

const TreeEntry = z.object({
  /** Below the folder that was asked for. */
  path_base64: z.string().regex(BYTES).min(1).max(5_500),
  type: z.enum(FILE_TYPES),
  /** The size of a file. */
  size: z.int().nonnegative().nullable(),
  modified_at: z.string(),
  sha256: z.base64().length(44).nullable(),
});
export type TreeEntry = z.infer<typeof TreeEntry>;
export const TreeLine = z.union([TreeEntry, z.object({ is_whole: z.literal(true) })]);
export type TreeLine = z.infer<typeof TreeLine>;

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

/** `sha-256=:…:`, as RFC 9530 writes it. */
export function digestText(sha256Base64: string): string {
  return `sha-256=:${sha256Base64}:`;
}

const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;

/** The SHA-256 in base64; null where it is another text. */
export function sha256Of(digest: string): string | null {
  return DIGEST.exec(digest)?.[1] ?? null;
}

/**
 * A tree that is brought in parts: below the folder of one version of a dataset or model lie `draft` while it is brought,
 * the list of what it is to hold, and `files` once all of it was checked. Parts go to where they belong at once; which of
 * them are there is told by their checksums alone, so that nothing has to be remembered of an upload.
 */
export const DRAFT_FOLDER = "draft";
export const MANIFEST_NAME = "manifest";
export const FILES_FOLDER = "files";

/** The size of a part, and of the pieces whose checksums are sent. */
export const CHUNK_BYTES = 8 * MIB;

/** The SHA-256 of exactly the part that comes (RFC 9530). */
export const CONTENT_DIGEST_HEADER = "content-digest";

/** A line of the list, in the order of a walk through the tree: names by their bytes, a folder where its name stands. */
export const ManifestLine = z.strictObject({
  /** base64url of its bytes. */
  path: z.string().regex(BYTES).min(1).max(5_500),
  bytes: z.int().nonnegative(),
  sha256: z.base64().length(44),
  isExecutable: z.boolean(),
});
export type ManifestLine = z.infer<typeof ManifestLine>;

/** What a draft has, and what the disk has left. */
export const DraftState = z.object({
  freeBytes: z.int().nonnegative(),
  hadBytes: z.int().nonnegative(),
  /** All of it was checked already: nothing more is taken. */
  isSealed: z.boolean(),
});
export type DraftState = z.infer<typeof DraftState>;

/** How far a tree is checked. */
export const SealState = z.object({
  isSealed: z.boolean(),
  checkedBytes: z.int().nonnegative(),
  files: z.int().nonnegative(),
  /** Base64: the root of the tree of its parts (sealed-chunks.ts). Agents of before make none. */
  merkleRoot: z.base64().length(44).optional(),
});
export type SealState = z.infer<typeof SealState>;
