/**
 * A part of a file that is brought, written to its place as it comes. One that breaks off, or is not what its checksum
 * says, leaves a place whose checksum is another: whoever brings the file sees that, and brings the part again.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import type { IncomingMessage } from "node:http";
import { CHUNK_BYTES, CONTENT_DIGEST_HEADER, DRAFT_FOLDER, sha256Of } from "@remotegpu/shared/files";
import { folderAt, hasCode } from "../folder-way.ts";
import type { HeldEntry } from "../held-entry.ts";
import { FileRefusal } from "../refusal.ts";
import type { DraftWrites } from "./draft-writes.ts";
import { removeTree } from "../tree-removal.ts";

const FILE_MODE = 0o644;

export interface ChunkPlace {
  steps: readonly Uint8Array[];
  offset: number;
  /** Of the whole file. */
  size: number;
}

/** @throws FileRefusal, or the system's error */
export async function putChunk(
  version: HeldEntry,
  { steps, offset, size }: ChunkPlace,
  { request, writes }: { request: IncomingMessage; writes: DraftWrites },
): Promise<void> {
  const name = steps.at(-1);
  if (name === undefined) throw new FileRefusal("bad-path", "The path names no file.");
  const expected = sha256Of(String(request.headers[CONTENT_DIGEST_HEADER] ?? ""));
  if (expected === null) throw new FileRefusal("bad-request", "Content-Digest is no SHA-256.");
  const length = Number(request.headers["content-length"] ?? Number.NaN);
  if (!(length <= CHUNK_BYTES && offset + length <= size))
    throw new FileRefusal("bad-request", "It is longer than a part, or than the file.");
  await writes.during(version, request, async () => {
    using draft = draftOf(version);
    using folder = await folderAt(draft, steps.slice(0, -1), { replacesFiles: true });
    using file = await fileIn(folder, name);
    if ((await take(file, { offset, size }, request)) !== expected)
      throw new FileRefusal("wrong-bytes", "What came is not what its checksum says; bring that part again.");
  });
}

export function draftOf(version: HeldEntry): HeldEntry {
  try {
    return version.below(Buffer.from(DRAFT_FOLDER), { isFolder: true });
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    throw new FileRefusal("changed", "Nothing is being brought there now.", { cause });
  }
}

/** As it is there, or new; a folder of an earlier try gives way. */
async function fileIn(folder: HeldEntry, name: Uint8Array): Promise<HeldEntry> {
  for (;;) {
    try {
      return folder.newFile(name, FILE_MODE);
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const there = folder.below(name, { followsLinks: false });
    if (there.type === "file") return there;
    there.close();
    await removeTree(folder, name);
  }
}

/** @returns the SHA-256 of what came, in base64 */
async function take(
  held: HeldEntry,
  { offset, size }: { offset: number; size: number },
  request: IncomingMessage,
): Promise<string> {
  const hash = createHash("sha256");
  const file = await held.open(constants.O_RDWR);
  try {
    if ((await file.stat()).size > size) await file.truncate(size);
    let at = offset;
    for await (const bytes of request as AsyncIterable<Buffer>) {
      hash.update(bytes);
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
      at += bytes.length;
    }
    if (!request.complete) throw new FileRefusal("wrong-bytes", "It broke off.");
  } finally {
    await file.close();
  }
  return hash.digest("base64");
}
