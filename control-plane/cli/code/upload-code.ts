/** Brings a folder as the code of a job. What the server has of it already, whole or in parts, does not go over again. */
import {
  completeCodeUpload,
  uploadCode as orderCodeUpload,
  writeCodePart,
} from "../../client/generated/api.ts";
import type { CodeUpload } from "../../client/generated/api.schemas.ts";
import { createHash } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ApiClient } from "../framework/api-client.ts";
import { patiently } from "../files/transfer/patience.ts";
import { Progress } from "../files/transfer/progress.ts";
import { packCode } from "./pack-code.ts";

const STREAMS = 4;

/**
 * @returns its id, for an order's `code_id`, and how many bytes of it went over
 * @throws CliError where something in the folder cannot go along, or the server refuses it
 */
export async function uploadCode(
  api: ApiClient,
  folder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ id: string; sentBytes: number }> {
  const place = await mkdtemp(join(tmpdir(), "remotegpu-code-"));
  try {
    const file = join(place, "code.tar.gz");
    const { sha256, bytes } = await packCode(folder, file, signal);
    const order = orderCodeUpload({ sha256, size: bytes });
    const upload = await patiently(signal, async () => await api.send(order, { signal }));
    if (upload.status === "ready") return { id: upload.id, sentBytes: 0 };
    const sentBytes = await sendMissing(api, { file, upload, signal });
    const complete = completeCodeUpload(upload.id);
    await patiently(signal, async () => await api.send(complete, { signal }));
    return { id: upload.id, sentBytes };
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function sendMissing(
  api: ApiClient,
  { file, upload, signal }: { file: string; upload: CodeUpload; signal: AbortSignal },
): Promise<number> {
  const { id, size, part_size: partBytes } = upload;
  const progress = new Progress({ what: "code", isByLines: true });
  const parts = upload.missing_parts.values();
  let rest = upload.missing_parts.length * partBytes;
  const handle = await open(file);
  const stream = async () => {
    for (const part of parts) {
      const bytes = Buffer.alloc(Math.min(partBytes, size - part * partBytes));
      await handle.read(bytes, 0, bytes.length, part * partBytes);
      await patiently(signal, () => sendPart(api, { id, part, bytes, signal }));
      rest -= bytes.length;
      progress.moved(bytes.length, { name: "", rest });
    }
  };
  try {
    await Promise.all(Array.from({ length: STREAMS }, stream));
    return progress.movedBytes;
  } finally {
    progress.end();
    await handle.close();
  }
}

async function sendPart(
  api: ApiClient,
  { id, part, bytes, signal }: { id: string; part: number; bytes: Buffer; signal: AbortSignal },
): Promise<void> {
  const response = await api.transfer(writeCodePart(id, part), {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(bytes.length),
      "content-digest": `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`,
    },
    body: Readable.from([bytes], { objectMode: false }),
    signal,
  });
  response.resume();
}
