/**
 * Brings a file or a folder: each file goes with its SHA-256, and takes its place there once it has come whole. A long one
 * goes in parts, so that one that broke off goes on where it was.
 */
import { writeEnvironmentFile } from "../../../client/generated/api.ts";
import { createReadStream } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { isExecutable } from "./local-tree.ts";
import { CliError } from "../../framework/cli-error.ts";
import { safeText } from "../../terminal/safe-text.ts";
import { CHUNK_BYTES } from "./read-files.ts";
import { sha256 } from "../transfer/fetch-file.ts";
import { below, nameOf, pathQuery } from "../transfer/environment-path.ts";
import { severalAtOnce } from "./chunks.ts";
import { bringInParts, type Destination } from "./in-parts.ts";
import { isCrowded, patiently } from "../transfer/patience.ts";
import type { Progress } from "../transfer/progress.ts";

/** The streams of short files; a long one has as many of its own. */
const STREAMS = 4;

type Local = { from: Buffer; stats: Stats; to: Buffer };

/** @param skipped is told of links and what else is no file */
export async function upload(
  source: Destination,
  from: Buffer,
  { to, progress, skipped }: { to: Buffer; progress: Progress; skipped: (path: string) => void },
): Promise<void> {
  const long: Local[] = [];
  // What is named is followed; links that lie in a folder are not.
  const files = filesIn({ from, stats: await statOf(from), to }, skipped);
  await severalAtOnce(
    () => files,
    { streams: STREAMS, signal: source.signal },
    async (local, signal) => {
      if (local.stats.size > CHUNK_BYTES) return void long.push(local);
      await bringWhole({ ...source, signal }, local, progress);
      progress.files += 1;
    },
  );
  for (const local of long) {
    if (!(await bringInParts(source, local, progress))) await bringWhole(source, local, progress);
    progress.files += 1;
  }
}

async function* filesIn(
  { from, stats, to }: Local,
  skipped: (path: string) => void,
): AsyncGenerator<Local, void> {
  if (stats.isFile()) yield { from, stats, to };
  else if (!stats.isDirectory()) skipped(from.toString());
  if (!stats.isDirectory()) return;
  const names = await readdir(from, { encoding: "buffer" });
  for (const name of names.map((bytes) => Buffer.from(bytes)).sort((a, b) => Buffer.compare(a, b))) {
    const inside = below(from, name);
    yield* filesIn({ from: inside, stats: await lstat(inside), to: below(to, name) }, skipped);
  }
}

/**
 * Again where the server wants no more requests for now, as of a folder of hundreds. What is away is told at once: it may
 * be a host whose files process does not run.
 */
async function bringWhole(source: Destination, local: Local, progress: Progress): Promise<void> {
  const digest = await sha256(local.from);
  await patiently(source.signal, () => bringOnce(source, local, { digest, progress }), isCrowded);
}

async function bringOnce(
  { api, environment, signal }: Destination,
  { from, stats, to }: Local,
  { digest, progress }: { digest: string; progress: Progress },
): Promise<void> {
  let rest = stats.size;
  const name = nameOf(from).toString();
  const body = createReadStream(from).on("data", (chunk) => {
    rest -= chunk.length;
    progress.moved(chunk.length, { name, rest });
  });
  const query = { ...pathQuery(to), ...(isExecutable(stats) && { executable: "true" as const }) };
  const request = api.transfer(writeEnvironmentFile(environment, query), {
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(stats.size),
      "repr-digest": `sha-256=:${digest}:`,
    },
    body,
    signal,
  });
  const response = await request.catch((error: unknown) => {
    // What went over came to nothing.
    progress.moved(rest - stats.size, { name, rest: stats.size });
    throw error;
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
