/**
 * What lies beside a sealed version so that any part of any of its files can be proved by the root of all: made while it is
 * checked, and put there before it is mounted. `sums` is of the contract (sealed-chunks.ts); the others are for agents
 * alone, the same on every host of a pool: `tree` has all levels of the tree one behind the other, the leaves first, 32 bytes
 * a node; `places` has 24 bytes for each file, where it begins in the list of files, among the leaves and among the sums,
 * and the same for what would follow the last one.
 */
import { createHash, randomBytes } from "node:crypto";
import { rename, unlink, type FileHandle } from "node:fs/promises";
import { constants } from "node:fs";
import type { ManifestLine } from "@remotegpu/shared/messages/files";
import { HASH_BYTES, type Hash, pairs } from "@remotegpu/shared/proof/merkle-tree";
import { chunkLeaf, chunksOf, SUMS_NAME } from "@remotegpu/shared/proof/sealed-chunks";
import { MIB } from "@remotegpu/shared/values/units";
import { hasCode } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";

export const TREE_NAME = "tree";
export const PLACES_NAME = "places";
export const PLACE_BYTES = 24;
const NAMES = [SUMS_NAME, TREE_NAME, PLACES_NAME] as const;
const FILE_MODE = 0o600;

const sha256: Hash = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Where a file begins in each of the lists. */
export interface FilePlace {
  /** Of its line, in bytes. */
  line: number;
  leaf: number;
  sum: number;
}

function placeBytes({ line, leaf, sum }: FilePlace): Buffer {
  const bytes = Buffer.alloc(PLACE_BYTES);
  for (const [at, number] of [line, leaf, sum].entries()) bytes.writeBigUInt64LE(BigInt(number), at * 8);
  return bytes;
}

export function placeIn(bytes: Buffer): FilePlace {
  const [line = 0, leaf = 0, sum = 0] = [0, 8, 16].map((at) => Number(bytes.readBigUInt64LE(at)));
  return { line, leaf, sum };
}

/** A file under a name of its own, until it takes its place. */
class ListFile {
  readonly #folder: HeldEntry;
  readonly #name: string;
  readonly #beside: Buffer;
  readonly #file: FileHandle;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  bytes = 0;

  private constructor(parts: { folder: HeldEntry; name: string; beside: Buffer; file: FileHandle }) {
    ({ folder: this.#folder, name: this.#name, beside: this.#beside, file: this.#file } = parts);
  }

  static async begin(folder: HeldEntry, name: string, beside: string): Promise<ListFile> {
    const bytes = Buffer.from(`${name}.${beside}`);
    using held = folder.newFile(bytes, FILE_MODE);
    return new ListFile({ folder, name, beside: bytes, file: await held.open(constants.O_RDWR) });
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.bytes += bytes.length;
  }

  get isFull(): boolean {
    return this.#waitingBytes >= MIB;
  }

  async write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    [this.#waiting, this.#waitingBytes] = [[], 0];
    await this.#file.appendFile(bytes);
  }

  /** @returns how many there were */
  async read(buffer: Buffer, at: number): Promise<number> {
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
    return bytesRead;
  }

  async takePlace(): Promise<void> {
    await this.write();
    await this.#file.datasync();
    await rename(this.#folder.pathOf(this.#beside), this.#folder.pathOf(Buffer.from(this.#name)));
  }

  /** Whatever has taken its place stays. */
  async close(): Promise<void> {
    await this.#file.close();
    await unlink(this.#folder.pathOf(this.#beside)).catch((error: unknown) => {
      if (!hasCode(error, "ENOENT")) throw error;
    });
  }
}

const NAME_BYTES = 9;

export class SealedLists implements AsyncDisposable {
  readonly #sums: ListFile;
  readonly #tree: ListFile;
  readonly #places: ListFile;
  #line = 0;
  #leaves = 0;
  /** Of the file whose parts come now. */
  #index = 0;

  private constructor([sums, tree, places]: [ListFile, ListFile, ListFile]) {
    [this.#sums, this.#tree, this.#places] = [sums, tree, places];
  }

  static async begin(version: HeldEntry): Promise<SealedLists> {
    const beside = randomBytes(NAME_BYTES).toString("base64url");
    const [sums, tree, places] = NAMES;
    return new SealedLists([
      await ListFile.begin(version, sums, beside),
      await ListFile.begin(version, tree, beside),
      await ListFile.begin(version, places, beside),
    ]);
  }

  /** @param lineBytes of its line in the list, with its end */
  beginFile(file: ManifestLine, lineBytes: number): void {
    this.#places.add(placeBytes(this.#here()));
    this.#line += lineBytes;
    this.#index = 0;
    if (chunksOf(file.bytes) === 1) this.#leaf(file, file.sha256);
  }

  /** Of a file that has several, each in its order. */
  async addChunk(file: ManifestLine, sum: Buffer): Promise<void> {
    this.#sums.add(sum);
    this.#leaf(file, sum.toString("base64"));
    await this.relieve();
  }

  /** What has gathered goes to the disk, where that is much. */
  async relieve(): Promise<void> {
    for (const list of [this.#sums, this.#tree, this.#places]) if (list.isFull) await list.write();
  }

  /** All of them take their place. @returns the root, in base64 */
  async finish(): Promise<string> {
    this.#places.add(placeBytes(this.#here()));
    const root = await this.#grow();
    for (const list of [this.#sums, this.#tree, this.#places]) await list.takePlace();
    return root;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const list of [this.#sums, this.#tree, this.#places]) await list.close();
  }

  #here(): FilePlace {
    return { line: this.#line, leaf: this.#leaves, sum: this.#sums.bytes / HASH_BYTES };
  }

  #leaf({ path, ...file }: ManifestLine, sum: string): void {
    const own = { ...file, path: Buffer.from(path, "base64url").toString("base64url") };
    this.#tree.add(chunkLeaf(sha256, own, { index: this.#index, sum }));
    this.#index += 1;
    this.#leaves += 1;
  }

  /** Level by level, of which a piece is held at once. */
  async #grow(): Promise<string> {
    const buffer = Buffer.allocUnsafe(MIB);
    await this.#tree.write();
    let [begin, end] = [0, this.#tree.bytes];
    if (end === 0) return Buffer.from(sha256()).toString("base64");
    while (end - begin > HASH_BYTES) {
      for (let at = begin; at < end;) {
        const bytes = await this.#tree.read(buffer.subarray(0, Math.min(MIB, end - at)), at);
        const nodes = nodesIn(buffer.subarray(0, bytes));
        for (const node of pairs(sha256, nodes)) this.#tree.add(Uint8Array.from(node));
        at += bytes;
        await this.#tree.write();
      }
      [begin, end] = [end, this.#tree.bytes];
    }
    await this.#tree.read(buffer.subarray(0, HASH_BYTES), begin);
    return buffer.subarray(0, HASH_BYTES).toString("base64");
  }
}

function nodesIn(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, at) =>
    bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
  );
}
