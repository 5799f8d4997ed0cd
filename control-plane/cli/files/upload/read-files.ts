/**
 * The checksums of files here: of each whole, which the list of an upload names, and of its parts, which go over one by one.
 * The list itself is known by its own checksum.
 */
import { createHash } from "node:crypto";
import { open, type FileHandle } from "node:fs/promises";
import type { ManifestLine } from "@remotegpu/shared/messages/files";
import { GrowingTree, type Hash } from "@remotegpu/shared/proof/merkle-tree";
import { chunkLeaf } from "@remotegpu/shared/proof/sealed-chunks";
import { CliError } from "../../framework/cli-error.ts";
import { safeText } from "../../terminal/safe-text.ts";
import type { Progress } from "../transfer/progress.ts";
import { nameOf } from "../transfer/environment-path.ts";
import type { LocalFile } from "./local-tree.ts";

/** As the server says, too; what it says otherwise is refused before anything is sent. */
export const CHUNK_BYTES = 8 * 1_048_576;
const READ_BYTES = 1_048_576;

export interface ReadFile extends LocalFile {
  /** Base64. */
  sha256: string;
  /** The checksums of its parts. */
  chunks: readonly string[];
}

export interface Listed {
  files: readonly ReadFile[];
  totalSize: number;
  /** The length of the list of its files. */
  manifestBytes: number;
  /** Hex. */
  manifestSha256: string;
  /** Hex, of the tree of their parts: by it whatever is read of them later is checked. */
  merkleRoot: string;
}

export async function readAll(
  files: readonly LocalFile[],
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<Listed> {
  const totalSize = files.reduce((sum, { size }) => sum + size, 0);
  const manifest = createHash("sha256");
  const tree = new GrowingTree(sha256);
  const read: ReadFile[] = [];
  let [rest, manifestBytes] = [totalSize, 0];
  for (const file of files) {
    const reported = await readOne(file, signal, (bytes) => {
      rest -= bytes;
      progress.moved(bytes, { name: nameOf(file.path).toString(), rest });
    });
    const line = lineOf(reported);
    manifest.update(line);
    manifestBytes += line.length;
    for (const [index, sum] of reported.chunks.entries())
      tree.add(chunkLeaf(sha256, manifestLine(reported), { index, sum }));
    read.push(reported);
  }
  const merkleRoot = Buffer.from(tree.root()).toString("hex");
  return { files: read, totalSize, manifestBytes, manifestSha256: manifest.digest("hex"), merkleRoot };
}

const sha256: Hash = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** ASCII, so its length is that of its bytes. */
export function lineOf(file: ReadFile): string {
  return `${JSON.stringify(manifestLine(file))}\n`;
}

function manifestLine({ path, size, sha256: sum, isExecutable }: ReadFile): ManifestLine {
  return { path: path.toString("base64url"), bytes: size, sha256: sum, isExecutable };
}

/** @param moved is told of each piece that was read. @throws CliError where it changes meanwhile */
export async function readOne(
  file: LocalFile,
  signal: AbortSignal,
  moved: (bytes: number) => void,
): Promise<ReadFile> {
  const handle = await open(file.from, "r");
  try {
    const whole = createHash("sha256");
    const chunks: string[] = [];
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, file.size + 1));
    let at = 0;
    for (let isOver = false; !isOver;) {
      const chunk = createHash("sha256");
      const begin = at;
      while (at < begin + CHUNK_BYTES) {
        if (signal.aborted) throw new CliError("refused", "It was ended.");
        const wanted = Math.min(buffer.length, begin + CHUNK_BYTES - at);
        const { bytesRead } = await handle.read(buffer, 0, wanted, at);
        isOver = bytesRead === 0;
        if (isOver) break;
        const bytes = buffer.subarray(0, bytesRead);
        whole.update(bytes);
        chunk.update(bytes);
        at += bytesRead;
        moved(bytesRead);
      }
      // An empty file is one part without a byte.
      if (at > begin || chunks.length === 0) chunks.push(chunk.digest("base64"));
    }
    if (at !== file.size) throw changed(file);
    return { ...file, sha256: whole.digest("base64"), chunks };
  } finally {
    await handle.close();
  }
}

/** One part, as it is by now. @throws CliError where there is less of it */
export async function chunkOf(file: ReadFile, index: number): Promise<Buffer> {
  const handle = await open(file.from, "r");
  try {
    const begin = index * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, file.size - begin);
    const bytes = await readWhole(handle, begin, length);
    if (bytes.length < length) throw changed(file);
    return bytes;
  } finally {
    await handle.close();
  }
}

async function readWhole(handle: FileHandle, begin: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let had = 0; had < length;) {
    const { bytesRead } = await handle.read(buffer, had, length - had, begin + had);
    if (bytesRead === 0) return buffer.subarray(0, had);
    had += bytesRead;
  }
  return buffer;
}

export function changed({ from }: LocalFile): CliError {
  return new CliError("refused", `${safeText(from.toString())} changed while it was read; put it again.`);
}
