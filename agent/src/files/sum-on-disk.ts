/** The SHA-256 of a whole file as the disk has it, for a check that may be ended amid it. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { MIB } from "@remotegpu/shared/units";
import type { Checking } from "./checks.ts";
import { FileRefusal } from "./refusal.ts";

/** @returns it in base64 */
export async function sumOnDisk(file: FileHandle, { signal, checked }: Checking): Promise<string> {
  // What is read afterwards is what the disk has.
  await file.datasync();
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(MIB);
  for (let at = 0; ;) {
    if (signal.aborted) throw new FileRefusal("changed", "Another upload has begun meanwhile.");
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return hash.digest("base64");
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    checked(bytesRead);
  }
}
