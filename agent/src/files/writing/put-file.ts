/**
 * A file that comes with a request. It is written under a name of its own and takes its place in one step once all of it
 * is there and is what it was said to be; until then, and if it breaks off, what was there stays.
 */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { unlink } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { DIGEST_HEADER, sha256Of } from "@remotegpu/shared/messages/files";
import { malformed } from "../entries/file-request.ts";
import { folderAt, pathOf } from "../entries/made-folders.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";
import { FILE_MODE, refuseBeyondRoom, refuseInPlaceOfFolder, takePlace } from "./takes-place.ts";
import { besideName, NAME_BYTES, type WrittenBeside } from "./written-beside.ts";

/** @throws FileRefusal, or the system's error */
export async function putFile(
  root: HeldEntry,
  {
    steps,
    isExecutable,
    beside,
  }: {
    steps: readonly Uint8Array[];
    isExecutable: boolean;
    /** Notes what is written, and the root's own path. */
    beside: { notes: WrittenBeside; folder: Uint8Array };
  },
  request: IncomingMessage,
): Promise<void> {
  const name = steps.at(-1);
  if (name === undefined) throw new FileRefusal("bad-path", "file-path-without-name");
  const expected = expectedDigest(request);
  using folder = await folderAt(root, steps.slice(0, -1));
  await refuseInPlaceOfFolder(folder, name);
  await refuseBeyondRoom(folder, Number(request.headers["content-length"] ?? 0));
  const draft = besideName(randomBytes(NAME_BYTES));
  beside.notes.begin(draft, { folder: beside.folder, path: pathOf(steps.slice(0, -1)) });
  try {
    using file = folder.newFile(draft, FILE_MODE);
    const sha256 = await take(file, request);
    if (expected !== null && sha256 !== expected)
      throw new FileRefusal("wrong-bytes", "upload-differs-unwritten");
    await takePlace(file, draft, { folder, name, isExecutable });
  } catch (error) {
    await unlink(folder.pathOf(draft)).catch(() => undefined);
    throw error;
  } finally {
    beside.notes.end(draft);
  }
}

/** The whole body, on the disk. @returns its SHA-256 in base64 */
async function take(held: HeldEntry, request: IncomingMessage): Promise<string> {
  const hash = createHash("sha256");
  const file = await held.open(constants.O_RDWR);
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    if (!request.complete) throw new FileRefusal("wrong-bytes", "upload-broken-off");
    // A disk may take minutes for what it was only lent so far, and nothing is said meanwhile.
    request.socket.setTimeout(0);
    await file.datasync();
  } finally {
    await file.close();
  }
  return hash.digest("base64");
}

function expectedDigest(request: IncomingMessage): string | null {
  const header = request.headers[DIGEST_HEADER];
  if (header === undefined) return null;
  const sha256 = sha256Of(String(header));
  if (sha256 === null) throw malformed("file-parameter-not-sha256", "Repr-Digest");
  return sha256;
}
