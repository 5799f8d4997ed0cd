/**
 * Fetches a file or a folder. What comes is kept under a name that says which state of the file it is of, so that a fetch
 * that broke off goes on where it was; it takes its place once its SHA-256 is the one that the host computed.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { ApiClient, Row } from "../frame/api-client.ts";
import { CliError } from "../frame/cli-error.ts";
import { safeText } from "../frame/output.ts";
import { below, nameOf, pathQuery } from "./environment-path.ts";
import type { Progress } from "./progress.ts";

const Entry = z.looseObject({
  name: z.string(),
  name_base64: z.string().nullable(),
  type: z.string(),
  size: z.number().nullable(),
  modified_at: z.string().nullable(),
});

export type Entry = z.output<typeof Entry>;

const DIGEST = /^sha-256=:([^:]+):$/;
/** A file may change while it is fetched; one that always does is given up. */
const MAX_TRIES = 3;

/** Where its files are: `/environments/ID/files`. */
export type Source = { api: ApiClient; route: string; signal: AbortSignal };

/** Entries of a folder; null where the path is a file. */
export async function entriesOf({ api, route, signal }: Source, path: Buffer): Promise<Entry[] | null> {
  const query = pathQuery(path);
  const response = await api.transfer({ path: route, query, headers: { range: "bytes=0-0" }, signal });
  const isFolder = response.headers["content-type"]?.includes("json") === true;
  response.resume();
  if (!isFolder) return null;
  return (await api.list(route, query, Number.MAX_SAFE_INTEGER)).map((row: Row) => Entry.parse(row));
}

export function bytesOfName({ name, name_base64: base64 }: Entry): Buffer {
  return base64 === null ? Buffer.from(name) : Buffer.from(base64, "base64url");
}

/** @param to the local path; what lies there is replaced. @param skipped is told of links and what else is no file */
export async function download(
  source: Source,
  path: Buffer,
  { to, progress, skipped }: { to: Buffer; progress: Progress; skipped: (path: string) => void },
): Promise<void> {
  const entries = await entriesOf(source, path);
  if (entries === null) return await downloadFile(source, path, { to, progress });
  await mkdir(to, { recursive: true });
  for (const entry of entries) {
    const name = bytesOfName(entry);
    const [from, target] = [below(path, name), below(to, name)];
    if (entry.type === "folder") await download(source, from, { to: target, progress, skipped });
    else if (entry.type === "file") await downloadFile(source, from, { to: target, progress });
    else skipped(from.toString());
  }
}

export async function downloadFile(
  source: Source,
  path: Buffer,
  { to, progress }: { to: Buffer; progress: Progress },
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    if (await tryFile(source, path, { to, progress })) return void (progress.files += 1);
    if (tries >= MAX_TRIES)
      throw new CliError(
        "refused",
        `${safeText(path.toString())} changes all the time, so it was not fetched whole.`,
      );
  }
}

/** False where it changed meanwhile. */
async function tryFile(
  { api, route, signal }: Source,
  path: Buffer,
  { to, progress }: { to: Buffer; progress: Progress },
): Promise<boolean> {
  const query = pathQuery(path);
  const ask = (headers: Record<string, string>) => api.transfer({ path: route, query, headers, signal });
  const head = await ask({ range: "bytes=0-0" });
  head.resume();
  const etag = head.headers.etag ?? "";
  const size = sizeOf(head.headers);
  const draft = Buffer.concat([to, Buffer.from(`.${etag.replaceAll(/[^a-z0-9-]/g, "")}.remotegpu-part`)]);
  const had = await stat(draft).then(
    (stats) => Math.min(stats.size, size),
    () => 0,
  );
  if (had < size || size === 0) {
    const response = await ask({ range: `bytes=${had}-`, "if-range": etag });
    // Another state of it: what is here of the former is of no use.
    const isPart = response.statusCode === 206;
    if (response.headers.etag !== etag) {
      response.destroy();
      await rm(draft, { force: true });
      return false;
    }
    let rest = size - had;
    response.on("data", (chunk: Buffer) => {
      rest -= chunk.length;
      progress.moved(chunk.length, { name: nameOf(path).toString(), rest });
    });
    await pipeline(response, createWriteStream(draft, { flags: isPart ? "a" : "w" })).catch(
      (cause: unknown) => {
        throw new CliError(
          "unavailable",
          `The server broke off amid ${safeText(path.toString())}; ask again to go on.`,
          { cause },
        );
      },
    );
  }
  const checked = await checksumOf({ api, route, signal }, path);
  if (checked.etag !== etag || checked.sha256 === null || checked.sha256 !== (await sha256(draft))) {
    await rm(draft, { force: true });
    return false;
  }
  await rename(draft, to);
  return true;
}

/** As its host computes it now; null where it changed meanwhile. */
export async function checksumOf(
  { api, route, signal }: Source,
  path: Buffer,
): Promise<{ sha256: string | null; etag: string | undefined }> {
  const headers = { range: "bytes=0-0", "want-repr-digest": "sha-256=1" };
  const response = await api.transfer({ path: route, query: pathQuery(path), headers, signal });
  response.resume();
  const [, wanted = null] = DIGEST.exec(String(response.headers["repr-digest"] ?? "")) ?? [];
  return { sha256: wanted, etag: response.headers.etag };
}

function sizeOf(headers: Record<string, string | string[] | undefined>): number {
  const range = /\/(\d+)$/.exec(String(headers["content-range"] ?? ""))?.[1];
  return Number(range ?? headers["content-length"] ?? 0);
}

export async function sha256(file: Buffer | string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("base64");
}
