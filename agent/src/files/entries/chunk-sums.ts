/** The checksums of a file's parts, told as they are read: a line each, in base64, behind one with the file's length. */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import type { ServerResponse } from "node:http";
import { CHUNK_BYTES } from "@remotegpu/shared/messages/files";
import { MIB } from "@remotegpu/shared/values/units";
import type { HeldEntry } from "./held-entry.ts";
import { FileRefusal } from "./refusal.ts";

const MAX_AT_ONCE = 16;
let reporting = 0;

export async function sendChunkSums(held: HeldEntry, response: ServerResponse): Promise<void> {
  if (reporting >= MAX_AT_ONCE) throw new FileRefusal("busy", "host-checksums-too-many");
  const file = await held.open(constants.O_RDONLY);
  reporting += 1;
  try {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.write(`${held.stats.size}\n`);
    const buffer = Buffer.allocUnsafe(MIB);
    for (let at = 0, isOver = false; !isOver && !response.destroyed;) {
      const hash = createHash("sha256");
      const end = at + CHUNK_BYTES;
      const begin = at;
      while (at < end) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
        isOver = bytesRead === 0;
        if (isOver) break;
        hash.update(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
      if (at > begin) response.write(`${hash.digest("base64")}\n`);
    }
    response.end();
  } finally {
    reporting -= 1;
    await file.close();
  }
}
