/**
 * What is being written beside the file that it will replace: noted in the state folder before it begins, so that the
 * process that comes after a kill removes what is left of it, without walking through a pool.
 */
import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "@remotegpu/shared/log";
import { z } from "zod";
import { hasCode } from "./folder-way.ts";
import { HeldEntry } from "./held-entry.ts";

const NAME = /^\.[A-Za-z0-9_-]{12}\.remotegpu-part$/;
const Note = z.object({ folder: z.base64url(), path: z.base64url() });

export interface BesidePlace {
  /** Below the pool's root. */
  folder: Uint8Array;
  /** Of the folder that it lies in, within that one. */
  path: Uint8Array;
}

export class WrittenBeside {
  readonly #notes: string;

  /** @param notes a folder of its own */
  constructor(notes: string) {
    this.#notes = notes;
    mkdirSync(notes, { recursive: true, mode: 0o700 });
  }

  begin(name: Uint8Array, { folder, path }: BesidePlace): void {
    const note = { folder: textOf(folder), path: textOf(path) };
    writeFileSync(this.#of(name), JSON.stringify(note), { mode: 0o600 });
  }

  /** It has taken its place, or is gone. */
  end(name: Uint8Array): void {
    unlinkSync(this.#of(name));
  }

  /** Removes what an earlier process left. What cannot be removed now stays noted. */
  sweep(poolRoot: string, log: Log): void {
    for (const name of readdirSync(this.#notes).filter((one) => NAME.test(one))) {
      try {
        removeLeft(poolRoot, name, readFileSync(join(this.#notes, name), "utf8"));
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

function removeLeft(poolRoot: string, name: string, text: string): void {
  const note = Note.safeParse(parsed(text)).data;
  // One that was not written to its end was followed by nothing.
  if (note === undefined) return;
  try {
    using pool = HeldEntry.root(poolRoot);
    using folder = pool.below(Buffer.from(note.folder, "base64url"), { isFolder: true });
    using above = folder.below(Buffer.from(note.path, "base64url"), { isFolder: true });
    unlinkSync(above.pathOf(Buffer.from(name)));
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !hasCode(error, "ENOTDIR")) throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
