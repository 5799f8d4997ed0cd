/**
 * Proves parts of a file of a sealed version: its place is found in the list of files by halving, since that is in the order
 * of a walk, and what leads from there to the root is read node by node.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { MANIFEST_NAME, ManifestLine } from "@remotegpu/shared/messages/files";
import { HASH_BYTES, levelsOf, type NodePlace, proofOf } from "@remotegpu/shared/proof/merkle-tree";
import {
  type ChunkProof,
  chunksOf,
  MAX_PROVED_CHUNKS,
  SUMS_NAME,
} from "@remotegpu/shared/proof/sealed-chunks";
import { stepsOf } from "../../core/files/relative-path.ts";
import { inTreeOrder } from "../../core/files/tree-order.ts";
import { hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { type FilePlace, PLACE_BYTES, placeIn, PLACES_NAME, TREE_NAME } from "./sealed-lists.ts";

const MAX_LINE = 16_384;

/** @throws FileRefusal where it has no such file or part, or no lists, as versions of before */
export async function proveChunks(
  version: HeldEntry,
  steps: readonly Uint8Array[],
  { from, count }: { from: number; count: number },
): Promise<ChunkProof> {
  await using lists = await Lists.open(version);
  const found = await lists.find(steps);
  if (found === null) throw new FileRefusal("not-found", "sealed-file-missing");
  const { file, place } = found;
  const end = Math.min(from + Math.min(count, MAX_PROVED_CHUNKS), chunksOf(file.bytes));
  if (from >= end) throw new FileRefusal("bad-request", "sealed-part-missing");
  const leaves = await lists.leaves();
  const first = place.leaf + from;
  return {
    bytes: file.bytes,
    sha256: file.sha256,
    isExecutable: file.isExecutable,
    leaves,
    first,
    sums: chunksOf(file.bytes) === 1 ? [file.sha256] : await lists.sums(place.sum + from, end - from),
    proof: await lists.nodes(proofOf({ first, end: place.leaf + end, leaves }), leaves),
  };
}

class Lists implements AsyncDisposable {
  readonly #manifest: FileHandle;
  readonly #places: FileHandle;
  readonly #sums: FileHandle;
  readonly #tree: FileHandle;

  private constructor([manifest, places, sums, tree]: readonly FileHandle[]) {
    if (manifest === undefined || places === undefined || sums === undefined || tree === undefined)
      throw new FileRefusal("not-found", "sealed-lists-missing");
    [this.#manifest, this.#places, this.#sums, this.#tree] = [manifest, places, sums, tree];
  }

  static async open(version: HeldEntry): Promise<Lists> {
    const opened: FileHandle[] = [];
    try {
      for (const name of [MANIFEST_NAME, PLACES_NAME, SUMS_NAME, TREE_NAME]) {
        using held = version.below(Buffer.from(name), { followsLinks: false });
        opened.push(await held.open(constants.O_RDONLY));
      }
      return new Lists(opened);
    } catch (cause) {
      for (const file of opened) await file.close();
      if (!hasCode(cause, "ENOENT")) throw cause;
      throw new FileRefusal("not-found", "sealed-lists-missing", { cause });
    }
  }

  async find(steps: readonly Uint8Array[]): Promise<{ file: ManifestLine; place: FilePlace } | null> {
    let [low, high] = [0, (await this.#count()) - 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const place = await this.#placeOf(middle);
      const file = await this.#lineAt(place.line);
      const order = inTreeOrder(steps, stepsOf(Buffer.from(file.path, "base64url")) ?? []);
      if (order === 0) return { file, place };
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return null;
  }

  async leaves(): Promise<number> {
    return (await this.#placeOf((await this.#count()) - 1)).leaf;
  }

  async sums(first: number, count: number): Promise<string[]> {
    const bytes = await bytesAt(this.#sums, first * HASH_BYTES, count * HASH_BYTES);
    return Array.from({ length: count }, (_, at) => sumIn(bytes, at));
  }

  async nodes(places: readonly NodePlace[], leaves: number): Promise<string[]> {
    const begins: number[] = [];
    levelsOf(leaves).reduce((begin, nodes) => {
      begins.push(begin);
      return begin + nodes;
    }, 0);
    const nodes: string[] = [];
    for (const { level, index } of places) {
      const at = (begins[level] ?? 0) + index;
      nodes.push(sumIn(await bytesAt(this.#tree, at * HASH_BYTES, HASH_BYTES), 0));
    }
    return nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of [this.#manifest, this.#places, this.#sums, this.#tree]) await file.close();
  }

  /** With what would follow the last one. */
  async #count(): Promise<number> {
    return (await this.#places.stat()).size / PLACE_BYTES;
  }

  async #placeOf(index: number): Promise<FilePlace> {
    return placeIn(await bytesAt(this.#places, index * PLACE_BYTES, PLACE_BYTES));
  }

  async #lineAt(at: number): Promise<ManifestLine> {
    const buffer = Buffer.alloc(MAX_LINE);
    const { bytesRead } = await this.#manifest.read(buffer, 0, MAX_LINE, at);
    const line = buffer
      .subarray(0, Math.max(0, buffer.subarray(0, bytesRead).indexOf("\n")))
      .toString("latin1");
    try {
      return ManifestLine.parse(JSON.parse(line));
    } catch (cause) {
      throw new FileRefusal("failed", "sealed-lists-differ", { cause });
    }
  }
}

/** @throws FileRefusal where there are fewer */
async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead < length) throw new FileRefusal("failed", "sealed-lists-differ");
  return buffer;
}

function sumIn(bytes: Buffer, index: number): string {
  return bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES).toString("base64");
}
