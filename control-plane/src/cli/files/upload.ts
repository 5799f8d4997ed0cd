/**
 * Brings a file or a folder: each file goes with its SHA-256, and takes its place there once it has come whole. A long one
 * goes in parts, so that one that broke off goes on where it was.
 */
import { createReadStream } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { isExecutable } from "./local-tree.ts";
import { CliError } from "../frame/cli-error.ts";
import { safeText } from "../frame/output.ts";
import { CHUNK_BYTES } from "./read-files.ts";
import { sha256, type Source } from "./fetch-file.ts";
import { below, nameOf, pathQuery } from "./environment-path.ts";
import { bringInParts } from "./in-parts.ts";
import type { Progress } from "./progress.ts";

/** @param skipped is told of links and what else is no file */
export async function upload(
  source: Source,
  from: Buffer,
  { to, progress, skipped }: { to: Buffer; progress: Progress; skipped: (path: string) => void },
): Promise<void> {
  // What is named is followed; links that lie in a folder are not.
  await bring(source, { from, stats: await statOf(from), to }, { progress, skipped });
}

async function bring(
  source: Source,
  { from, stats, to }: { from: Buffer; stats: Stats; to: Buffer },
  told: { progress: Progress; skipped: (path: string) => void },
): Promise<void> {
  if (stats.isFile()) return await bringFile(source, { from, stats, to }, told.progress);
  if (!stats.isDirectory()) return told.skipped(from.toString());
  const names = await readdir(from, { encoding: "buffer" });
  for (const name of names.map((bytes) => Buffer.from(bytes)).sort((a, b) => Buffer.compare(a, b))) {
    const inside = below(from, name);
    await bring(source, { from: inside, stats: await lstat(inside), to: below(to, name) }, told);
  }
}

async function bringFile(
  source: Source,
  local: { from: Buffer; stats: Stats; to: Buffer },
  progress: Progress,
): Promise<void> {
  const isLong = local.stats.size > CHUNK_BYTES;
  if (!isLong || !(await bringInParts(source, local, progress))) await bringWhole(source, local, progress);
  progress.files += 1;
}

async function bringWhole(
  { api, route, signal }: Source,
  { from, stats, to }: { from: Buffer; stats: Stats; to: Buffer },
  progress: Progress,
): Promise<void> {
  const digest = await sha256(from);
  let rest = stats.size;
  const body = createReadStream(from).on("data", (chunk) => {
    rest -= chunk.length;
    progress.moved(chunk.length, { name: nameOf(from).toString(), rest });
  });
  const response = await api.transfer({
    method: "PUT",
    path: route,
    query: { ...pathQuery(to), ...(isExecutable(stats) && { executable: "true" }) },
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(stats.size),
      "repr-digest": `sha-256=:${digest}:`,
    },
    body,
    signal,
  });
  response.resume();
}

async function statOf(path: Buffer): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw new CliError("usage", `There is no file ${safeText(path.toString())} here.`, { cause });
  }
}
