/**
 * Parts of one file on their way to a host, several at once: what it has of them is known by their checksums, and those do
 * not go over again.
 */
import { type ApiRequest } from "../../../client/api-request.ts";
import { Readable } from "node:stream";
import type { ApiClient } from "../../framework/api-client.ts";
import { CliError } from "../../framework/cli-error.ts";
import { patiently } from "../transfer/patience.ts";
import { changed, CHUNK_BYTES, chunkOf, type ReadFile } from "./read-files.ts";

const NOT_FOUND = 404;
const BAD_INPUT = 422;

/** The requests of one file's parts: what the host has of them, and each of them. */
export interface ChunkRequests {
  api: ApiClient;
  sums: ApiRequest<string>;
  part: (place: { offset: number; size: number }) => ApiRequest<void>;
  signal: AbortSignal;
}

export function bytesOf({ size }: ReadFile, index: number): number {
  return Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES);
}

/**
 * The checksums of the parts that the host has of it; those of another length are of no use.
 * @throws CliError
 */
export async function sumsOf(
  file: ReadFile,
  { api, sums: request, signal }: ChunkRequests,
): Promise<string[]> {
  let text = "";
  try {
    await patiently(signal, async () => {
      text = "";
      await api.stream(request, {
        write: async (bytes) => void (text += bytes.toString("latin1")),
        signal,
        accept: "*/*",
      });
    });
  } catch (error) {
    if (error instanceof CliError && error.status === NOT_FOUND) return [];
    throw error;
  }
  const [size = "", ...sums] = text.split("\n");
  // Its end is part of the last one's checksum, unless more lies behind it.
  return Number(size) > file.size ? [] : sums;
}

/** @throws CliError */
export async function sendChunk(
  file: ReadFile,
  index: number,
  { api, part, signal }: ChunkRequests,
): Promise<void> {
  await patiently(signal, async () => {
    const bytes = await chunkOf(file, index);
    const sent = api.transfer(part({ offset: index * CHUNK_BYTES, size: file.size }), {
      headers: {
        "content-type": "application/octet-stream",
        "content-length": String(bytes.length),
        "content-digest": `sha-256=:${file.chunks[index]}:`,
      },
      body: Readable.from(bytes.length === 0 ? [] : [bytes]),
      signal,
    });
    const response = await sent.catch((error: unknown) => {
      // What goes over is not what was read before.
      throw error instanceof CliError && error.status === BAD_INPUT ? changed(file) : error;
    });
    response.resume();
  });
}

/** The first failure of several is the one that is reported, and ends the others. */
export async function severalAtOnce<T>(
  partsOf: (signal: AbortSignal) => AsyncIterator<T>,
  { streams, signal }: { streams: number; signal: AbortSignal },
  work: (part: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const own = AbortSignal.any([signal, ended.signal]);
  const parts = partsOf(own);
  const stream = async () => {
    for (let next = await parts.next(); next.done !== true; next = await parts.next())
      await work(next.value, own);
  };
  try {
    await Promise.all(Array.from({ length: streams }, stream));
  } finally {
    ended.abort();
  }
}
