/**
 * Fetches of a folder what is new or changed since the last time. A file of the same size and time is taken for the same;
 * where only the time is another, its SHA-256 decides. What is gone there stays here.
 */
import { lstat, mkdir, utimes } from "node:fs/promises";
import {
  bytesOfName,
  checksumOf,
  downloadFile,
  entriesOf,
  type Entry,
  sha256,
  type Source,
} from "./download.ts";
import { below } from "./environment-path.ts";
import type { Progress } from "./progress.ts";

/** Times go as fractions of seconds, in which a thousandth may come out a little less. */
const SAME_TIME_MS = 1.5;

interface Told {
  progress: Progress;
  skipped: (path: string) => void;
  /** One is here already. */
  kept: () => void;
}

/** @param to the local path */
export async function sync(
  source: Source,
  path: Buffer,
  { to, ...told }: { to: Buffer } & Told,
): Promise<void> {
  const entries = await entriesOf(source, path);
  if (entries === null) return await syncFile(source, path, { to, entry: null, ...told });
  await mkdir(to, { recursive: true });
  for (const entry of entries) {
    const name = bytesOfName(entry);
    const [from, target] = [below(path, name), below(to, name)];
    if (entry.type === "folder") await sync(source, from, { to: target, ...told });
    else if (entry.type === "file") await syncFile(source, from, { to: target, entry, ...told });
    else told.skipped(from.toString());
  }
}

async function syncFile(
  source: Source,
  path: Buffer,
  { to, entry, progress, kept }: { to: Buffer; entry: Entry | null } & Told,
): Promise<void> {
  const modifiedAt = entry?.modified_at == null ? null : new Date(entry.modified_at);
  if (await isSame(source, path, { to, size: entry?.size ?? null, modifiedAt })) kept();
  else await downloadFile(source, path, { to, progress });
  if (modifiedAt !== null) await utimes(to, modifiedAt, modifiedAt);
}

async function isSame(
  source: Source,
  path: Buffer,
  { to, size, modifiedAt }: { to: Buffer; size: number | null; modifiedAt: Date | null },
): Promise<boolean> {
  const here = await lstat(to).catch(() => null);
  if (here === null || !here.isFile() || (size !== null && here.size !== size)) return false;
  if (modifiedAt !== null && Math.abs(here.mtimeMs - modifiedAt.getTime()) < SAME_TIME_MS) return true;
  return (await checksumOf(source, path)).sha256 === (await sha256(to));
}
