/**
 * The root of a version whose owner named none: computed here of their own list of files, which its checksum in Postgres
 * proves, and of the checksums of the parts of long files, which its host has found. What one host says of a file's length,
 * checksum or path counts for nothing.
 * To compute one takes a hash for each part that the list names, so that no list may name more than was announced, and few are
 * computed at once.
 */
import { GrowingTree, HASH_BYTES } from "@remotegpu/shared/proof/merkle-tree";
import { chunkLeaf, chunksOf, SUMS_NAME } from "@remotegpu/shared/proof/sealed-chunks";
import type { CopyRow } from "../../../store/spending/data/copies.ts";
import type { ApiContext } from "../../deps.ts";
import { senseless } from "../../files/pool-files.ts";
import { ApiRefusal } from "../../request/refusal.ts";
import { besideFiles, manifestLines } from "./manifest-lines.ts";
import { sha256 } from "./sha256.ts";

const MAX_AT_ONCE = 4;
const BUSY_RETRY_SECONDS = 5;

let computed = 0;

/** @returns it in hex. @throws ApiRefusal where its host's lists are not those of that version, or others are computed now */
export async function rootOfLists(c: ApiContext, copy: CopyRow): Promise<string> {
  if (computed >= MAX_AT_ONCE)
    throw new ApiRefusal("too-many-requests", "completions-too-many", {
      retryAfterSeconds: BUSY_RETRY_SECONDS,
    });
  computed += 1;
  try {
    return await computedRoot(c, copy);
  } finally {
    computed -= 1;
  }
}

async function computedRoot(c: ApiContext, copy: CopyRow): Promise<string> {
  const tree = new GrowingTree(sha256);
  let left = copy.totalSize;
  const sums = sumsIn(besideFiles(c, copy, { name: SUMS_NAME }));
  try {
    for await (const line of manifestLines(c, copy)) {
      left -= line.bytes;
      if (left < 0) throw senseless();
      const parts = chunksOf(line.bytes);
      const file = { ...line, path: Buffer.from(line.path, "base64url").toString("base64url") };
      for (let index = 0; index < parts; index += 1) {
        const sum = parts === 1 ? line.sha256 : await nextOf(sums);
        tree.add(chunkLeaf(sha256, file, { index, sum }));
      }
    }
    if ((await sums.next()).done !== true) throw senseless();
    return Buffer.from(tree.root()).toString("hex");
  } finally {
    await sums.return(undefined);
  }
}

async function nextOf(sums: AsyncGenerator<string>): Promise<string> {
  const next = await sums.next();
  if (next.done === true) throw senseless();
  return next.value;
}

async function* sumsIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const bytes of body) {
    rest = Buffer.concat([rest, bytes]);
    let at = 0;
    for (; at + HASH_BYTES <= rest.length; at += HASH_BYTES)
      yield rest.subarray(at, at + HASH_BYTES).toString("base64");
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw senseless();
}
