/** The SHA-256 of a whole file as the disk has it, for a check that may be ended amid it, and of its parts where it has several. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import { MIB } from "@remotegpu/shared/values/units";
import type { Checking } from "./checks.ts";
import { FileRefusal } from "./refusal.ts";

/**
 * @param onChunk takes the SHA-256 of each part of CHUNK_BYTES, in their order; without it they are not computed
 * @returns that of the whole in base64
 */
export async function sumOnDisk(
  file: FileHandle,
  { signal, checked }: Checking,
  onChunk: ((sum: Buffer) => Promise<void>) | null = null,
): Promise<string> {
  // What is read afterwards is what the disk has.
  await file.datasync();
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(MIB);
  let chunk = createHash("sha256");
  for (let at = 0; ;) {
    if (signal.aborted) throw new FileRefusal("changed", "upload-replaced");
    const { bytesRead } = await file.read(buffer, 0, Math.min(MIB, CHUNK_BYTES - (at % CHUNK_BYTES)), at);
    if (bytesRead === 0) {
      if (at % CHUNK_BYTES > 0) await onChunk?.(chunk.digest());
      return hash.digest("base64");
    }
    hash.update(buffer.subarray(0, bytesRead));
    if (onChunk !== null) chunk.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    checked(bytesRead);
    if (onChunk !== null && at % CHUNK_BYTES === 0) {
      await onChunk(chunk.digest());
      chunk = createHash("sha256");
    }
  }
}
