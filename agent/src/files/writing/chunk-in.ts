/**
 * A part of a file that is brought, written to its place as it comes. One that breaks off, or is not what its checksum
 * says, leaves a place whose checksum is another: whoever brings the file sees that, and brings the part again.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import type { IncomingMessage } from "node:http";
import { CHUNK_BYTES, CONTENT_DIGEST_HEADER, sha256Of } from "@remotegpu/shared/messages/files";
import { malformed } from "../entries/file-request.ts";
import type { HeldEntry } from "../entries/held-entry.ts";
import { FileRefusal } from "../entries/refusal.ts";

export interface Chunk {
  offset: number;
  /** Of the whole file. */
  size: number;
  /** Base64. */
  sha256: string;
}

/** @throws FileRefusal */
export function chunkOf(
  { headers }: IncomingMessage,
  { offset, size }: { offset: number; size: number },
): Chunk {
  const sha256 = sha256Of(String(headers[CONTENT_DIGEST_HEADER] ?? ""));
  if (sha256 === null) throw malformed("file-parameter-not-sha256", "Content-Digest");
  const length = Number(headers["content-length"] ?? Number.NaN);
  if (!(length <= CHUNK_BYTES && offset + length <= size))
    throw new FileRefusal("bad-request", "upload-part-too-long");
  return { offset, size, sha256 };
}

/** @throws FileRefusal, or the system's error */
export async function takeChunk(
  held: HeldEntry,
  { offset, size, sha256 }: Chunk,
  request: IncomingMessage,
): Promise<void> {
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
    if (!request.complete) throw new FileRefusal("wrong-bytes", "upload-broken-off");
  } finally {
    await file.close();
  }
  if (hash.digest("base64") !== sha256) throw new FileRefusal("wrong-bytes", "upload-part-differs");
}
