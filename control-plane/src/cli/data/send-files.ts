/**
 * Sends the parts of files that are not there yet, several at once. Where an earlier upload broke off, the host tells the
 * checksums of what it has, and those parts do not go over again.
 */
import { Readable } from "node:stream";
import type { ApiClient } from "../frame/api-client.ts";
import { CliError } from "../frame/cli-error.ts";
import { nameOf, pathQuery } from "../files/environment-path.ts";
import type { Progress } from "../files/progress.ts";
import { patiently } from "./patience.ts";
import { changed, CHUNK_BYTES, chunkOf, lineOf, type Listed, type ReadFile } from "./read-files.ts";

const NOT_FOUND = 404;
const BAD_INPUT = 422;

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
  isAsked: boolean;
}

/** @returns bytes that went over. @throws CliError */
export async function sendFiles(listed: Listed, sending: Sending): Promise<number> {
  const ended = new AbortController();
  const signal = AbortSignal.any([sending.signal, ended.signal]);
  const own = { ...sending, signal };
  let [rest, sent] = [listed.totalSize, 0];
  const tell = (bytes: number, { file }: Part, isSent: boolean) => {
    rest -= bytes;
    if (isSent) sent += bytes;
    if (isSent) sending.progress.moved(bytes, { name: nameOf(file.path).toString(), rest });
  };
  const parts = partsOf(listed.files, own, (bytes) => void (rest -= bytes));
  const stream = async () => {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
      const part = next.value;
      const isThere =
        part.isAsked && (await sumsOf(part.file, own))[part.index] === part.file.chunks[part.index];
      if (!isThere) await send(part, own);
      tell(bytesOf(part), part, !isThere);
    }
  };
  try {
    await Promise.all(Array.from({ length: sending.streams }, stream));
  } finally {
    // Of several the first failure is the one that is told, and ends the others.
    ended.abort();
  }
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
    const sums = sending.resumes && isLarge ? await sumsOf(file, sending) : [];
    for (const [index, sum] of file.chunks.entries()) {
      const part = { file, index, isAsked: sending.resumes && !isLarge };
      if (sums[index] === sum) there(bytesOf(part));
      else yield part;
    }
  }
}

function bytesOf({ file, index }: Part): number {
  return Math.min(CHUNK_BYTES, file.size - index * CHUNK_BYTES);
}

/** Of the parts that the host has of it; those of another length are of no use. */
async function sumsOf(file: ReadFile, { api, route, upload, signal }: Sending): Promise<string[]> {
  let text = "";
  try {
    await patiently(signal, async () => {
      text = "";
      await api.stream(
        `${route}/upload-chunks`,
        { upload, ...pathQuery(file.path) },
        { write: async (bytes) => void (text += bytes.toString("latin1")), signal, accept: "*/*" },
      );
    });
  } catch (error) {
    if (error instanceof CliError && error.status === NOT_FOUND) return [];
    throw error;
  }
  const [size = "", ...sums] = text.split("\n");
  // Its end is part of the last one's checksum, unless more lies behind it.
  return Number(size) > file.size ? [] : sums;
}

async function send({ file, index }: Part, { api, route, upload, signal }: Sending): Promise<void> {
  await patiently(signal, async () => {
    const bytes = await chunkOf(file, index);
    const sent = api.transfer({
      method: "PUT",
      path: `${route}/files`,
      query: {
        upload,
        ...pathQuery(file.path),
        offset: String(index * CHUNK_BYTES),
        size: String(file.size),
      },
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
