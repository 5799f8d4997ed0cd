/**
 * Sends the parts of files that are not there yet, several at once. Where an earlier upload broke off, the host tells the
 * checksums of what it has, and those parts do not go over again.
 */
import {
  readDatasetUploadChunks,
  readModelUploadChunks,
  writeDatasetFile,
  writeDatasetManifest,
  writeModelFile,
  writeModelManifest,
} from "../../client/generated/api.ts";
import { Readable } from "node:stream";
import type { ApiClient } from "../framework/api-client.ts";
import { nameOf, pathQuery } from "../files/transfer/environment-path.ts";
import type { Progress } from "../files/transfer/progress.ts";
import { type ChunkRequests, bytesOf, sendChunk, severalAtOnce, sumsOf } from "../files/upload/chunks.ts";
import type { DataTarget } from "./put-data.ts";
import { patiently } from "../files/transfer/patience.ts";
import { lineOf, type Listed, type ReadFile } from "../files/upload/read-files.ts";

const CHUNKS = {
  dataset: { sums: readDatasetUploadChunks, part: writeDatasetFile, manifest: writeDatasetManifest },
  model: { sums: readModelUploadChunks, part: writeModelFile, manifest: writeModelManifest },
};

export interface Sending {
  api: ApiClient;
  target: DataTarget;
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
    if (!isThere) await sendChunk(file, index, requestsOf(file, own));
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
  return await sumsOf(file, requestsOf(file, sending));
}

function requestsOf({ path }: ReadFile, { api, target, upload, signal }: Sending): ChunkRequests {
  const { id, kind } = target;
  const query = { upload, ...pathQuery(path) };
  return {
    api,
    sums: CHUNKS[kind].sums(id, query),
    part: (place) => CHUNKS[kind].part(id, { ...query, ...place }),
    signal,
  };
}

async function sendManifest(listed: Listed, { api, target, upload, signal }: Sending): Promise<void> {
  await patiently(signal, async () => {
    const response = await api.transfer(CHUNKS[target.kind].manifest(target.id, { upload }), {
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
