/**
 * A folder with all that lies below it as one answer, so that thousands of small files are no thousands of requests: a line
 * of each entry, and behind it the bytes of a file that is small. Larger ones are fetched on their own, where a fetch that
 * breaks off goes on. No link is followed.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { opendir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import {
  FILE_TYPE_HEADER,
  MAX_PATH_BYTES,
  TREE_FILE_BYTES,
  TREE_FILE_TYPE,
  type TreeEntry,
  type TreeLine,
} from "@remotegpu/shared/messages/files";
import { KIB } from "@remotegpu/shared/values/units";
import { delivered } from "./delivery.ts";
import { hasCode } from "./entries/made-folders.ts";
import type { HeldEntry } from "./entries/held-entry.ts";

const NAMES_AT_ONCE = 512;
const SENT_BYTES = 256 * KIB;

export interface TreeRequest {
  /** Of files that were changed from then on; null: of none. */
  bytesFromMs: number | null;
}

export async function sendTree(
  folder: HeldEntry,
  request: TreeRequest,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { [FILE_TYPE_HEADER]: TREE_FILE_TYPE, "Content-Type": "application/octet-stream" });
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of piecesOf(folder, Buffer.alloc(0), request)) {
    if (response.destroyed) return;
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < SENT_BYTES) continue;
    await delivered(response, Buffer.concat(pieces));
    [pieces, bytes] = [[], 0];
  }
  response.end(Buffer.concat([...pieces, lineOf({ is_whole: true })]));
}

async function* piecesOf(folder: HeldEntry, above: Buffer, request: TreeRequest): AsyncGenerator<Uint8Array> {
  const directory = await opendir(folder.path, {
    // The types know no names that are bytes.
    encoding: "buffer" as BufferEncoding,
    bufferSize: NAMES_AT_ONCE,
  });
  for await (const { name } of directory as AsyncIterable<{ name: unknown }>) {
    if (!(name instanceof Uint8Array)) continue;
    const path = above.length === 0 ? Buffer.from(name) : Buffer.concat([above, Buffer.from("/"), name]);
    // Nobody could ask for it.
    if (path.length > MAX_PATH_BYTES) continue;
    using held = heldIn(folder, name);
    if (held === null) continue;
    const content = held.type === "file" && isWanted(held, request) ? await contentOf(held) : null;
    yield lineOf(entryOf(held, path, content));
    if (content !== null) yield content;
    if (held.type === "folder") yield* piecesOf(held, path, request);
  }
}

/** Null where it is gone by now. */
function heldIn(folder: HeldEntry, name: Uint8Array): HeldEntry | null {
  try {
    return folder.below(name, { followsLinks: false });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return null;
    throw error;
  }
}

function isWanted({ stats }: HeldEntry, { bytesFromMs }: TreeRequest): boolean {
  return bytesFromMs !== null && stats.size <= TREE_FILE_BYTES && Number(stats.mtimeMs) >= bytesFromMs;
}

/** Null where it has become larger. */
async function contentOf(held: HeldEntry): Promise<Buffer | null> {
  const file = await held.open(constants.O_RDONLY);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(TREE_FILE_BYTES, Number(held.stats.size)) + 1);
    for (let had = 0; had < buffer.length;) {
      const { bytesRead } = await file.read(buffer, had, buffer.length - had, had);
      if (bytesRead === 0) return buffer.subarray(0, had);
      had += bytesRead;
    }
    return null;
  } finally {
    await file.close();
  }
}

function entryOf({ type, stats }: HeldEntry, path: Buffer, content: Buffer | null): TreeEntry {
  return {
    path_base64: path.toString("base64url"),
    type,
    size: type === "file" ? (content?.length ?? Number(stats.size)) : null,
    modified_at: new Date(Number(stats.mtimeMs)).toISOString(),
    sha256: content === null ? null : createHash("sha256").update(content).digest("base64"),
  };
}

function lineOf(line: TreeLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}
