/**
 * Sends the parts of files that are not there yet, several at once. Where an earlier upload broke off, the host tells the
 * checksums of what it has, and those parts do not go over again.
 */
import { Readable } from "node:stream";
import type { ApiClient } from "../framework/api-client.ts";
import { nameOf, pathQuery } from "../files/environment-path.ts";
import type { Progress } from "../files/progress.ts";
import { type ChunkRequest, bytesOf, sendChunk, severalAtOnce, sumsOf } from "../files/chunks.ts";
import { patiently } from "../files/patience.ts";
import { lineOf, type Listed, type ReadFile } from "../files/read-files.ts";

export interface Sending {
  api: ApiClient;
  /** `/datasets/12` */
  route: string;
  upload: string;
  /** Whether anything may be there. */
  resumes: boolean;
  streams: number;
  progress: Progress;
  signal: AbortSignal;
}

interface Part {
  file: ReadFile;
  index: number;
  /** Whether to ask whether it is there, and else send it. */
  isRequested: boolean;
}

/** @returns bytes that went over. @throws CliError */
export async function sendFiles(listed: Listed, sending: Sending): Promise<number> {
  let [rest, sent] = [listed.totalSize, 0];
  const parts = (signal: AbortSignal) =>
    partsOf(listed.files, { ...sending, signal }, (bytes) => void (rest -= bytes));
  await severalAtOnce(parts, sending, async ({ file, index, isRequested }, signal) => {
    const own = { ...sending, signal };
    const isThere = isRequested && (await sumsThere(file, own))[index] === file.chunks[index];
    if (!isThere) await sendChunk(file, index, requesting(file, `${sending.route}/files`, own));
    const bytes = bytesOf(file, index);
    rest -= bytes;
    if (!isThere) sent += bytes;
    if (!isThere) sending.progress.moved(bytes, { name: nameOf(file.path).toString(), rest });
  });
  await sendManifest(listed, sending);
  return sent;
}

/** Each of them once; several may ask at the same time. */
async function* partsOf(
  files: readonly ReadFile[],
  sending: Sending,
  there: (bytes: number) => void,
): AsyncGenerator<Part> {
  for (const file of files) {
    // What is one part is asked for beside others.
    const isLarge = file.chunks.length > 1;
    const sums = sending.resumes && isLarge ? await sumsThere(file, sending) : [];
    for (const [index, sum] of file.chunks.entries()) {
      const part = { file, index, isRequested: sending.resumes && !isLarge };
      if (sums[index] === sum) there(bytesOf(file, index));
      else yield part;
    }
  }
}

async function sumsThere(file: ReadFile, sending: Sending): Promise<string[]> {
  return await sumsOf(file, requesting(file, `${sending.route}/upload-chunks`, sending));
}

function requesting({ path }: ReadFile, route: string, { api, upload, signal }: Sending): ChunkRequest {
  return { api, path: route, query: { upload, ...pathQuery(path) }, signal };
}

async function sendManifest(listed: Listed, { api, route, upload, signal }: Sending): Promise<void> {
  await patiently(signal, async () => {
    const response = await api.transfer({
      method: "PUT",
      path: `${route}/manifest`,
      query: { upload },
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(listed.manifestBytes),
      },
      body: Readable.from(linesOf(listed.files)),
      signal,
    });
    response.resume();
  });
}

function* linesOf(files: readonly ReadFile[]): Generator<Buffer> {
  for (const file of files) yield Buffer.from(lineOf(file));
}
