/**
 * One page of a folder, ordered by the bytes of the names. Of a folder with millions of names no more than a page of them
 * is kept at once, and looked at are those of the page alone.
 */
import { lstat, opendir } from "node:fs/promises";
import type { HostFile, HostListing } from "@remotegpu/shared/messages/files";
import { byBytes } from "../core/files/relative-path.ts";
import type { HeldEntry } from "./entries/held-entry.ts";

/** Of the names kept so far; then all but a page of them goes. */
const CACHED_PAGES = 8;
const NAMES_AT_ONCE = 512;

/** @param after the name behind which it begins; empty for the first page */
export async function listFolder(
  folder: HeldEntry,
  { after, limit }: { after: Uint8Array; limit: number },
): Promise<HostListing> {
  const names = await firstNames(folder, { after, limit: limit + 1 });
  const files: HostFile[] = [];
  for (const name of names.slice(0, limit)) {
    const file = await fileAt(folder, name);
    if (file !== null) files.push(file);
  }
  return { files, isMore: names.length > limit };
}

async function firstNames(
  folder: HeldEntry,
  { after, limit }: { after: Uint8Array; limit: number },
): Promise<Uint8Array[]> {
  let names: Uint8Array[] = [];
  const directory = await opendir(folder.path, {
    // The types know no names that are bytes.
    encoding: "buffer" as BufferEncoding,
    bufferSize: NAMES_AT_ONCE,
  });
  for await (const entry of directory) {
    const name: unknown = entry.name;
    if (!(name instanceof Uint8Array) || byBytes(name, after) <= 0) continue;
    names.push(name);
    if (names.length >= limit * CACHED_PAGES) names = names.sort(byBytes).slice(0, limit);
  }
  return names.sort(byBytes).slice(0, limit);
}

/** Null where it is gone by now. */
async function fileAt(folder: HeldEntry, name: Uint8Array): Promise<HostFile | null> {
  const stats = await lstat(folder.pathOf(name)).catch(() => null);
  if (stats === null) return null;
  return {
    name: Buffer.from(name).toString("base64url"),
    type: typeOf(stats),
    bytes: stats.isFile() ? stats.size : 0,
    modifiedMs: Math.trunc(stats.mtimeMs),
  };
}

function typeOf(stats: Awaited<ReturnType<typeof lstat>>): HostFile["type"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}
