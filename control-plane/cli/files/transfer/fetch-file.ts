/**
 * Fetches one file. What comes is kept under a name that says which state of the file it is of, so that a fetch that broke
 * off goes on where it was; it takes its place once its SHA-256 is the one that the host computed meanwhile.
 */
import { type ApiRequest, type Page } from "../../../client/api-request.ts";
import type { FileEntry, ReadEnvironmentFilesParams } from "../../../client/generated/api.schemas.ts";
import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { MIB } from "@remotegpu/shared/values/units";
import type { ApiClient } from "../../framework/api-client.ts";
import { CliError } from "../../framework/cli-error.ts";
import { safeText } from "../../terminal/safe-text.ts";
import { nameOf, pathQuery } from "./environment-path.ts";
import type { Progress } from "./progress.ts";

const DIGEST = /^sha-256=:([^:]+):$/;
/** A file may change while it is fetched; one that always does is given up. */
const MAX_TRIES = 3;
/** So much of what has come is written at once. */
const WRITTEN_AT_ONCE = MIB;

/** Where files are read: an environment's, a job's output, or a dataset's. */
export type Source = {
  api: ApiClient;
  read: (query: FileQuery) => ApiRequest<Page<FileEntry>>;
  signal: AbortSignal;
};
type FileQuery = Pick<ReadEnvironmentFilesParams, "path" | "path_base64" | "tree" | "modified_from">;

/** What lies there as it comes: a file's bytes, or what tells of a folder. */
export async function opened(
  { api, read, signal }: Source,
  path: Buffer,
  { query = {}, headers = {} }: { query?: FileQuery; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  return await api.transfer(read({ ...pathQuery(path), ...query }), { headers, signal });
}

/** @param answer all of it, where somebody has asked for it already */
export async function fetchFile(
  source: Source,
  path: Buffer,
  { to, progress, answer }: { to: Buffer; progress: Progress; answer?: IncomingMessage },
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const first = tries === 1 && answer !== undefined ? answer : await opened(source, path);
    if (await tryFile(source, path, { to, progress, first })) return void (progress.files += 1);
    if (tries >= MAX_TRIES)
      throw new CliError(
        "refused",
        `${safeText(path.toString())} changes all the time, so it was not fetched whole.`,
      );
  }
}

/** False where it changed meanwhile. */
async function tryFile(
  source: Source,
  path: Buffer,
  { to, progress, first }: { to: Buffer; progress: Progress; first: IncomingMessage },
): Promise<boolean> {
  const etag = first.headers.etag ?? "";
  const size = Number(first.headers["content-length"] ?? 0);
  const draft = Buffer.concat([to, Buffer.from(`.${etag.replaceAll(/[^a-z0-9-]/g, "")}.remotegpu-part`)]);
  const had = await stat(draft).then(
    (stats) => Math.min(stats.size, size),
    () => 0,
  );
  const hash = createHash("sha256");
  // The host reads it for its checksum while it comes, and here it is computed of what comes.
  const reported = checksumOf(source, path);
  reported.catch(() => undefined);
  if (had > 0) {
    first.destroy();
    await pipeline(createReadStream(draft, { end: had - 1 }), hash, { end: false });
  }
  if (had < size || size === 0) {
    const rest = had === 0 ? first : await restOf(source, path, { had, etag });
    if (rest === null) return await gone(draft);
    let restBytes = size - had;
    const moved = (bytes: number) => {
      restBytes -= bytes;
      progress.moved(bytes, { name: nameOf(path).toString(), rest: restBytes });
    };
    await keep(rest, { path, draft, hash, isMore: had > 0, moved });
  }
  const { etag: reportedEtag, sha256: wanted } = await reported;
  if (reportedEtag !== etag || wanted === null || wanted !== hash.digest("base64")) return await gone(draft);
  await rename(draft, to);
  return true;
}

/** Null where by now it is another state of it. */
async function restOf(
  source: Source,
  path: Buffer,
  { had, etag }: { had: number; etag: string },
): Promise<IncomingMessage | null> {
  const rest = await opened(source, path, { headers: { range: `bytes=${had}-`, "if-range": etag } });
  if (rest.statusCode === 206 && rest.headers.etag === etag) return rest;
  rest.destroy();
  return null;
}

async function keep(
  response: IncomingMessage,
  {
    path,
    draft,
    hash,
    isMore,
    moved,
  }: { path: Buffer; draft: Buffer; hash: Hash; isMore: boolean; moved: (bytes: number) => void },
): Promise<void> {
  response.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    moved(chunk.length);
  });
  const stored = createWriteStream(draft, { flags: isMore ? "a" : "w", highWaterMark: WRITTEN_AT_ONCE });
  await pipeline(response, stored).catch((cause: unknown) => {
    throw new CliError(
      "unavailable",
      `The server broke off amid ${safeText(path.toString())}; ask again to go on.`,
      { cause },
    );
  });
}

async function gone(draft: Buffer): Promise<false> {
  await rm(draft, { force: true });
  return false;
}

/** As its host computes it now; null where it changed meanwhile. */
export async function checksumOf(
  source: Source,
  path: Buffer,
): Promise<{ sha256: string | null; etag: string | undefined }> {
  const headers = { range: "bytes=0-0", "want-repr-digest": "sha-256=1" };
  const response = await opened(source, path, { headers });
  response.resume();
  const [, wanted = null] = DIGEST.exec(String(response.headers["repr-digest"] ?? "")) ?? [];
  return { sha256: wanted, etag: response.headers.etag };
}

export function isFolder(headers: IncomingHttpHeaders): boolean {
  return headers["content-type"]?.includes("json") === true;
}

export async function sha256(file: Buffer | string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("base64");
}
