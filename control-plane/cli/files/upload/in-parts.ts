/** A long file on its way into an environment, part by part, and its check there once all of them have come. */
import {
  completeEnvironmentFile,
  readEnvironmentUploadChunks,
  writeEnvironmentUploadChunk,
} from "../../../client/generated/api.ts";
import type { Stats } from "node:fs";
import { type ChunkRequests, bytesOf, sendChunk, severalAtOnce, sumsOf } from "./chunks.ts";
import { fileOf } from "./local-tree.ts";
import { patiently } from "../transfer/patience.ts";
import { readOne, type ReadFile } from "./read-files.ts";
import { CliError } from "../../framework/cli-error.ts";
import type { ApiClient } from "../../framework/api-client.ts";
import { nameOf, pathQuery } from "../transfer/environment-path.ts";
import type { Progress } from "../transfer/progress.ts";

const STREAMS = 4;
const CONFLICT = 409;

/** The environment that files are brought into. */
export interface Destination {
  api: ApiClient;
  environment: string;
  signal: AbortSignal;
}

/** @returns false where its host takes files whole alone */
export async function bringInParts(
  { api, environment, signal }: Destination,
  { from, stats, to }: { from: Buffer; stats: Stats; to: Buffer },
  progress: Progress,
): Promise<boolean> {
  const file = await readOne(fileOf(from, to, stats), signal, () => undefined);
  const of = { size: file.size, sha256: Buffer.from(file.sha256, "base64").toString("hex") };
  const query = { ...pathQuery(to), ...of };
  const requests: ChunkRequests = {
    api,
    sums: readEnvironmentUploadChunks(environment, query),
    part: (place) => writeEnvironmentUploadChunk(environment, { ...query, ...place }),
    signal,
  };
  const there = await sumsThere(file, requests);
  if (there === null) return false;
  let rest = file.size;
  await severalAtOnce(
    () => missingOf(file, there),
    { streams: STREAMS, signal },
    async (index, own) => {
      await sendChunk(file, index, { ...requests, signal: own });
      rest -= bytesOf(file, index);
      progress.moved(bytesOf(file, index), { name: nameOf(from).toString(), rest });
    },
  );
  const order = { ...pathQuery(to), ...of, executable: file.isExecutable };
  const complete = async () => await api.send(completeEnvironmentFile(environment, order), { signal });
  while ((await patiently(signal, complete)).status !== "ready")
    if (signal.aborted) throw new CliError("refused", "It was ended.");
  return true;
}

async function* missingOf(file: ReadFile, there: readonly string[]): AsyncGenerator<number> {
  for (const [index, sum] of file.chunks.entries()) if (there[index] !== sum) yield index;
}

/** Null where the host is too old to be asked. */
async function sumsThere(file: ReadFile, requests: ChunkRequests): Promise<string[] | null> {
  try {
    return await sumsOf(file, requests);
  } catch (error) {
    if (error instanceof CliError && error.status === CONFLICT) return null;
    throw error;
  }
}
