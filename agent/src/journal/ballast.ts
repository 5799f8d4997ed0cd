/**
 * A file that only takes up room. When the disk is full it is freed, and what it held is enough for the journal to
 * go on extending intervals and to write the last rows of runs until people have made room.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "@remotegpu/shared/units";

export const BALLAST_FILE = "journal.ballast";
export const BALLAST_BYTES = 16 * MIB;
const CHUNK_BYTES = MIB;

export class Ballast {
  readonly #folder: string;
  readonly #path: string;
  readonly #bytes: number;

  constructor(folder: string, bytes: number) {
    this.#folder = folder;
    this.#path = join(folder, BALLAST_FILE);
    this.#bytes = bytes;
  }

  /** Writes the file whole (a sparse one would hold nothing). False, and nothing left, when there is no room. */
  lay(): boolean {
    if (statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes) return true;
    if (!this.#hasRoom()) return false;
    const file = openSync(this.#path, "w", 0o600);
    try {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, this.#bytes));
      for (let written = 0; written < this.#bytes;) written += writeSync(file, chunk);
      fsyncSync(file);
      return true;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      this.free();
      return false;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#path, { force: true });
  }

  /** Room for the ballast and as much again, so that laying it does not itself fill the disk. */
  #hasRoom(): boolean {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize >= 2 * this.#bytes;
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
