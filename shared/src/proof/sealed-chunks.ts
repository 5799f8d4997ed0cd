/**
 * What a sealed version of a dataset or model is by its root alone. Each part of CHUNK_BYTES of each file is a leaf of one
 * Merkle tree, in the order of the list of files: it says of which file of which length and checksum it is, which part of
 * it, and the checksum of that part. So whoever knows the root believes any host a file's length and checksum, and those of
 * a part, and nothing else. A file of one part has its own checksum for that part's, and is not in the list of sums.
 */
import { z } from "zod";
import { CHUNK_BYTES, type ManifestLine } from "../messages/files.ts";
import { type Hash, leafHash, rootOfRun } from "./merkle-tree.ts";

/** Beside the list of files: the SHA-256 of the parts of all files that have more than one, 32 bytes each. */
export const SUMS_NAME = "sums";

/** Proved at once. */
export const MAX_PROVED_CHUNKS = 256;
/** Two for each level of a tree of 2^53 leaves. */
const MAX_PROOF_NODES = 106;

const Sum = z.base64().length(44);

/** What the host says of parts of a file, with what proves it. */
export const ChunkProof = z.object({
  bytes: z.int().nonnegative(),
  sha256: Sum,
  isExecutable: z.boolean(),
  /** The leaves of the whole tree, and which of them is the first of these parts. */
  leaves: z.int().positive(),
  first: z.int().nonnegative(),
  sums: z.array(Sum).min(1).max(MAX_PROVED_CHUNKS),
  proof: z.array(Sum).max(MAX_PROOF_NODES),
});
export type ChunkProof = z.infer<typeof ChunkProof>;

/** An empty file is one part without a byte. */
export function chunksOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / CHUNK_BYTES));
}

const utf8 = new TextEncoder();

/**
 * The hash of a leaf. None of its lines can hold a line break, so that no two leaves have the same text.
 * @param file.path base64url of its bytes, as it is written without need of any choice
 * @param sum base64 SHA-256 of the part
 */
export function chunkLeaf(
  hash: Hash,
  { path, bytes, sha256, isExecutable }: ManifestLine,
  { index, sum }: { index: number; sum: string },
): Uint8Array {
  const lines = [path, bytes, sha256, isExecutable ? "x" : "-", index, sum];
  return leafHash(hash, utf8.encode(lines.join("\n")));
}

/** Parts of which file are meant. */
export interface ProvedParts {
  /** Base64url of its bytes. */
  path: string;
  from: number;
  /** As many as there are, and no more than that. */
  count: number;
}

/** Whether these parts of that file are what was sealed. @param root hex */
export function isProved(
  hash: Hash,
  root: string,
  { path, from, count }: ProvedParts,
  { first, leaves, sums, proof, ...file }: ChunkProof,
): boolean {
  if (sums.length !== Math.min(count, chunksOf(file.bytes) - from)) return false;
  const hashes = sums.map((sum, at) => chunkLeaf(hash, { ...file, path }, { index: from + at, sum }));
  const nodes = proof.map((node) => Buffer.from(node, "base64"));
  const found = rootOfRun(hash, hashes, { first, leaves, proof: nodes });
  return found !== null && Buffer.from(found).toString("hex") === root;
}
