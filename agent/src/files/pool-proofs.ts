/**
 * The folder of proofs at the root of the pool: what the control plane has this host write there another host of the pool
 * reads, and the other way round. It is reached by these requests alone: any other that leads there is refused.
 */
import { constants } from "node:fs";
import { lstat, mkdir, opendir, unlink } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { POOL_NONCE_BYTES, POOL_PROOF_FOLDER, POOL_PROOF_NAME } from "@remotegpu/shared/proof/pool-proof";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { sendJson } from "./entries/file-request.ts";
import { folderOf, hasCode } from "./entries/made-folders.ts";
import type { HeldEntry } from "./entries/held-entry.ts";
import { FileRefusal } from "./entries/refusal.ts";

const FOLDER = Buffer.from(POOL_PROOF_FOLDER);
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** What is left of a proof that was broken off goes with a later one. */
const LEFT_AFTER_MS = MS_PER_HOUR;
const MAX_SWEPT = 256;

/** @throws FileRefusal, or the system's error */
export async function serveProof(
  pool: HeldEntry,
  query: URLSearchParams,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const text = query.get("name") ?? "";
  if (!POOL_PROOF_NAME.test(text)) throw new FileRefusal("bad-request", "pool-proof-name-malformed");
  const name = Buffer.from(text);
  switch (`${request.method}`) {
    case "PUT": {
      const nonce = await nonceIn(request);
      return sendJson(response, 200, await write(pool, name, nonce));
    }
    case "GET": {
      using folder = there(pool);
      using held = folder.below(name, { followsLinks: false });
      const nonce = await read(held);
      response.writeHead(200, {
        "Content-Type": "application/octet-stream",
        "Content-Length": String(nonce.length),
      });
      return void response.end(nonce);
    }
    case "DELETE": {
      using folder = there(pool);
      await unlink(folder.pathOf(name)).catch(unlessGone);
      return void response.writeHead(204).end();
    }
    default:
      throw new FileRefusal("bad-request", "file-request-unknown");
  }
}

function there(pool: HeldEntry): HeldEntry {
  const folder = folderOf(pool, FOLDER);
  if (folder === null) throw new FileRefusal("not-found", "pool-file-missing");
  return folder;
}

/** In place, so that a host which has read its name before looks for the same file anew. */
async function write(pool: HeldEntry, name: Uint8Array, nonce: Buffer): Promise<{ isFolderNew: boolean }> {
  const isFolderNew = await mkdir(pool.pathOf(FOLDER), { mode: FOLDER_MODE }).then(() => true, unlessThere);
  using folder = there(pool);
  await sweep(folder);
  using held = ownFile(folder, name);
  const file = await held.open(constants.O_RDWR | constants.O_TRUNC);
  try {
    await file.writeFile(nonce);
    await file.datasync();
  } finally {
    await file.close();
  }
  return { isFolderNew };
}

function ownFile(folder: HeldEntry, name: Uint8Array): HeldEntry {
  try {
    return folder.newFile(name, FILE_MODE);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
    return folder.below(name, { followsLinks: false });
  }
}

/** A longer one is none of ours, and its beginning tells that. */
async function read(held: HeldEntry): Promise<Buffer> {
  const file = await held.open(constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(POOL_NONCE_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function nonceIn(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > POOL_NONCE_BYTES) break;
    parts.push(part);
  }
  if (bytes !== POOL_NONCE_BYTES) throw new FileRefusal("bad-request", "pool-proof-nonce-malformed");
  return Buffer.concat(parts);
}

async function sweep(folder: HeldEntry): Promise<void> {
  let met = 0;
  for await (const { name } of await opendir(folder.path)) {
    met += 1;
    if (met > MAX_SWEPT) break;
    const path = folder.pathOf(Buffer.from(name));
    const stats = await lstat(path).catch(() => null);
    if (stats !== null && Date.now() - stats.mtimeMs > LEFT_AFTER_MS && !stats.isDirectory())
      await unlink(path).catch(unlessGone);
  }
}

function unlessGone(error: unknown): void {
  if (!hasCode(error, "ENOENT")) throw error;
}

function unlessThere(error: unknown): false {
  if (!hasCode(error, "EEXIST")) throw error;
  return false;
}
