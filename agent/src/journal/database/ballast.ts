/**
 * A file that only takes up room. When the disk is full it is freed, and what it held is enough for the journal to
 * go on extending intervals and to write the last rows of runs until people have made room.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "@remotegpu/shared/values/units";

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

  /** Little is left: to be acted on before a write fails. */
  isRoomShort(): boolean {
    return this.#freeBytes() < this.#bytes / 4;
  }

  /**
   * Makes sure that the file is there, written whole (a sparse one would hold nothing), and leaves as much again
   * free. False, and nothing new on the disk, when there is no room for that.
   */
  lay(): boolean {
    const isLaid = statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes;
    if (this.#freeBytes() < (isLaid ? this.#bytes : 2 * this.#bytes)) return false;
    return isLaid || this.#write();
  }

  free(): void {
    rmSync(this.#path, { force: true });
  }

  #write(): boolean {
    const file = openSync(this.#path, "w", 0o600);
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let written = 0; written < this.#bytes;)
        written += writeSync(file, chunk, 0, Math.min(CHUNK_BYTES, this.#bytes - written));
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

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
