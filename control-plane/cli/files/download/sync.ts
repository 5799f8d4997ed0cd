/**
 * Fetches of a folder what is new or changed since the last time. A file of the same size and time is taken for the same;
 * where only the time is another, its SHA-256 decides. What is gone there stays here.
 */
import { lstat, mkdir, utimes } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { TREE_FILE_BYTES } from "@remotegpu/shared/messages/files";
import type { FileEntry } from "../../../client/generated/api.schemas.ts";
import { bytesOfName, listed } from "./download.ts";
import { below, nameOf } from "../transfer/environment-path.ts";
import { checksumOf, fetchFile, isFolder, opened, sha256, type Source } from "../transfer/fetch-file.ts";
import type { Progress } from "../transfer/progress.ts";
import { isSound, SmallFiles } from "./small-files.ts";
import { isTree, partsOf } from "./tree-answer.ts";

/** Times go as fractions of seconds, in which a thousandth may come out a little less. */
const SAME_TIME_MS = 1.5;

interface Reported {
  progress: Progress;
  skipped: (path: string) => void;
  /** One is here already. */
  stored: () => void;
}

type Target = { to: Buffer } & Reported;
type Facts = { size: number | null; modifiedAt: Date | null };

export async function sync(source: Source, path: Buffer, target: Target): Promise<void> {
  const answer = await opened(source, path, { query: { tree: "entries" } });
  if (isTree(answer)) return await syncTree(source, path, answer, target);
  if (isFolder(answer.headers)) {
    answer.resume();
    return await syncEach(source, path, target);
  }
  answer.destroy();
  await syncFile(source, path, { ...target, size: null, modifiedAt: null });
}

/** First what is there, and then, in one answer, all small files that are as new as the oldest that is wanted. */
async function syncTree(
  source: Source,
  path: Buffer,
  answer: IncomingMessage,
  { to, ...reported }: Target,
): Promise<void> {
  await mkdir(to, { recursive: true });
  const small = new Map<string, Facts>();
  const large = new Map<string, Facts>();
  for await (const { entry, path: inside } of partsOf(answer)) {
    const target = below(to, inside);
    if (entry.type === "folder") await mkdir(target, { recursive: true });
    else if (entry.type !== "file") reported.skipped(below(path, inside).toString());
    else {
      const facts = { size: entry.size, modifiedAt: new Date(entry.modified_at) };
      if (isSameAtSight(await here(target), facts)) reported.stored();
      else ((entry.size ?? 0) <= TREE_FILE_BYTES ? small : large).set(inside.toString("latin1"), facts);
    }
  }
  if (small.size > 0) await syncSmall(source, path, small, { to, ...reported });
  for (const [inside, facts] of [...small, ...large]) {
    const bytes = Buffer.from(inside, "latin1");
    await syncFile(source, below(path, bytes), { to: below(to, bytes), ...facts, ...reported });
  }
}

/** @param wanted of which is left what did not come along */
async function syncSmall(
  source: Source,
  path: Buffer,
  wanted: Map<string, Facts>,
  { to, progress, stored }: Target,
): Promise<void> {
  const oldestMs = [...wanted.values()].reduce(
    (oldest, { modifiedAt }) => Math.min(oldest, modifiedAt?.getTime() ?? 0),
    Number.MAX_SAFE_INTEGER,
  );
  const query = { tree: "files" as const, modified_from: new Date(oldestMs).toISOString() };
  const small = new SmallFiles();
  for await (const part of partsOf(await opened(source, path, { query }))) {
    const { entry, bytes } = part;
    const key = part.path.toString("latin1");
    if (bytes === null || !wanted.has(key) || !isSound(part)) continue;
    wanted.delete(key);
    const target = below(to, part.path);
    const modifiedAt = new Date(entry.modified_at);
    if ((await here(target))?.size === bytes.length && (await sha256(target)) === entry.sha256) {
      await utimes(target, modifiedAt, modifiedAt);
      stored();
      continue;
    }
    await small.put(target, bytes, modifiedAt);
    progress.moved(bytes.length, { name: nameOf(part.path).toString(), rest: Number.NaN });
    progress.files += 1;
  }
  await small.end();
}

/** What has no tree of its own: the attempts of a job, or a folder of an older host. */
async function syncEach(source: Source, path: Buffer, { to, ...reported }: Target): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await listed(source, path)) {
    const name = bytesOfName(entry);
    const [from, target] = [below(path, name), below(to, name)];
    if (entry.type === "folder") await sync(source, from, { to: target, ...reported });
    else if (entry.type === "file")
      await syncFile(source, from, { to: target, ...factsOf(entry), ...reported });
    else reported.skipped(from.toString());
  }
}

function factsOf({ size, modified_at: at }: FileEntry): Facts {
  return { size, modifiedAt: at === null ? null : new Date(at) };
}

async function syncFile(
  source: Source,
  path: Buffer,
  { to, progress, stored, ...facts }: Target & Facts,
): Promise<void> {
  if (await isSame(source, path, { to, ...facts })) stored();
  else await fetchFile(source, path, { to, progress });
  const { modifiedAt } = facts;
  if (modifiedAt !== null) await utimes(to, modifiedAt, modifiedAt);
}

async function isSame(
  source: Source,
  path: Buffer,
  { to, ...facts }: { to: Buffer } & Facts,
): Promise<boolean> {
  const found = await here(to);
  if (isSameAtSight(found, facts)) return true;
  if (found === null || (facts.size !== null && found.size !== facts.size)) return false;
  return (await checksumOf(source, path)).sha256 === (await sha256(to));
}

type Here = { size: number; mtimeMs: number };

/** Null where there is no file. */
async function here(path: Buffer): Promise<Here | null> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() === true ? found : null;
}

function isSameAtSight(found: Here | null, { size, modifiedAt }: Facts): boolean {
  if (found === null || modifiedAt === null || found.size !== size) return false;
  return Math.abs(found.mtimeMs - modifiedAt.getTime()) < SAME_TIME_MS;
}
