/** Bytes that are different everywhere, so that a missing, doubled or swapped piece shows in their hash. */
import { createHash } from "node:crypto";

const CHUNK_BYTES = 64 * 1024;

export function* numberedBytes(count: number): Generator<Buffer> {
  for (let from = 0; from < count; from += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, count - from));
    for (let at = 0; at + 4 <= chunk.length; at += 4) chunk.writeUInt32LE(from + at, at);
    yield chunk;
  }
}

export function hashOf(chunks: Iterable<Buffer>): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
