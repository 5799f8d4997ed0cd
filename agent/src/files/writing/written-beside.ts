/**
 * What is being written beside the file that it will replace: noted in the state folder before it begins, so that what is
 * left of it is removed without walking through a pool. What comes with one request ends with this process; what comes in
 * parts is kept for a while, for whoever goes on with it.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { z } from "zod";
import { hasCode } from "../entries/made-folders.ts";
import { HeldEntry } from "../entries/held-entry.ts";

const NAME = /^\.[A-Za-z0-9_-]{12}\.remotegpu-part$/;
export const NAME_BYTES = 9;
/** Since a part of it came last. */
const RETENTION_MS = 3 * MS_PER_DAY;
const Note = z.object({ folder: z.base64url(), path: z.base64url(), isInParts: z.boolean().optional() });
type Note = z.output<typeof Note>;

export interface BesidePlace {
  /** Below the pool's root. */
  folder: Uint8Array;
  /** Of the folder that it lies in, within that one. */
  path: Uint8Array;
  /** It comes in parts, with many requests. */
  isInParts?: boolean;
}

/** @param bytes so many as `NAME_BYTES` says, that nothing else has */
export function besideName(bytes: Buffer): Buffer {
  return Buffer.from(`.${bytes.toString("base64url")}.remotegpu-part`);
}

export class WrittenBeside {
  readonly #notes: string;

  /** @param notes a folder of its own */
  constructor(notes: string) {
    this.#notes = notes;
    mkdirSync(notes, { recursive: true, mode: 0o700 });
  }

  begin(name: Uint8Array, { folder, path, isInParts = false }: BesidePlace): void {
    const note: Note = { folder: textOf(folder), path: textOf(path), ...(isInParts && { isInParts }) };
    writeFileSync(this.#of(name), JSON.stringify(note), { mode: 0o600 });
  }

  /** It has taken its place, or is gone. */
  end(name: Uint8Array): void {
    // What came in parts may be noted by another host of the pool.
    rmSync(this.#of(name), { force: true });
  }

  /**
   * Removes what nobody goes on with. What cannot be removed now stays noted.
   * @param told.isBegin nothing is being written yet: what came with one request was left by an earlier process
   */
  sweep(poolRoot: string, { log, now, isBegin }: { log: Log; now: Date; isBegin: boolean }): void {
    for (const name of readdirSync(this.#notes).filter((one) => NAME.test(one))) {
      try {
        const note = noteIn(readFileSync(join(this.#notes, name), "utf8"));
        if (note?.isInParts !== true && !isBegin) continue;
        if (note !== null && !removedLeft(poolRoot, { name, note, now })) continue;
        unlinkSync(join(this.#notes, name));
      } catch (error) {
        log.warn({ error, name }, "what is left of a file that was written cannot be removed");
      }
    }
  }

  #of(name: Uint8Array): string {
    return join(this.#notes, Buffer.from(name).toString("latin1"));
  }
}

/** False where it is kept. */
function removedLeft(
  poolRoot: string,
  { name, note, now }: { name: string; note: Note; now: Date },
): boolean {
  try {
    using pool = HeldEntry.root(poolRoot);
    using folder = pool.below(Buffer.from(note.folder, "base64url"), { isFolder: true });
    using above = folder.below(Buffer.from(note.path, "base64url"), { isFolder: true });
    const left = above.pathOf(Buffer.from(name));
    if (note.isInParts === true && now.getTime() - lstatSync(left).mtimeMs < RETENTION_MS) return false;
    unlinkSync(left);
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !hasCode(error, "ENOTDIR")) throw error;
  }
  return true;
}

/** Null of one that was not written to its end: nothing followed it. */
function noteIn(text: string): Note | null {
  try {
    return Note.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
