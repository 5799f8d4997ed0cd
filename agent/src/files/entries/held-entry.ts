/**
 * A file or folder of the pool that is held open, without being read or written yet: what it is cannot change any more,
 * whoever exchanges names meanwhile.
 */
import { closeSync, constants, fstatSync, openSync, type BigIntStats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { FileType } from "@remotegpu/shared/messages/files";
import { openBelow, OPEN } from "./openat2.ts";
import { FileRefusal } from "./refusal.ts";

export class HeldEntry {
  readonly #fd: number;
  readonly stats: BigIntStats;
  #isClosed = false;

  private constructor(fd: number) {
    this.#fd = fd;
    try {
      this.stats = fstatSync(fd, { bigint: true });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** A folder that the operator named; links are followed wherever they lead. */
  static root(path: string): HeldEntry {
    return new HeldEntry(openSync(path, OPEN.path | constants.O_DIRECTORY));
  }

  /** What lies below this one. @throws OpenError */
  below(
    path: Uint8Array,
    { isFolder = false, followsLinks = true }: { isFolder?: boolean; followsLinks?: boolean } = {},
  ): HeldEntry {
    const flags = OPEN.path | (isFolder ? OPEN.folder : 0) | (followsLinks ? 0 : OPEN.noFollow);
    return new HeldEntry(openBelow(this.#fd, path, { flags }));
  }

  /** A new file right in this folder, which must not be there yet. @throws OpenError */
  newFile(name: Uint8Array, mode: number): HeldEntry {
    const flags = OPEN.readWrite | OPEN.create | OPEN.exclusive | OPEN.noFollow;
    return new HeldEntry(openBelow(this.#fd, name, { flags, mode }));
  }

  get type(): FileType {
    if (this.stats.isFile()) return "file";
    if (this.stats.isDirectory()) return "folder";
    return this.stats.isSymbolicLink() ? "link" : "other";
  }

  /** The same for everybody who holds this, under whichever name. */
  get identity(): string {
    return `${this.stats.dev}:${this.stats.ino}`;
  }

  /** Leads to exactly this, for as long as it is held. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  /** Of something in this folder; a link of that name is not followed by what does not follow links. */
  pathOf(name: Uint8Array): Buffer {
    return Buffer.concat([Buffer.from(`${this.path}/`), name]);
  }

  /** @throws FileRefusal where it is no plain file: a pipe would wait, and a device do what it does */
  async open(flags: number): Promise<FileHandle> {
    if (this.type !== "file") throw new FileRefusal("not-a-file", "pool-file-not-plain");
    return await open(this.path, flags);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
