/**
 * Changes on the disk that are whole or not there at all, also after a loss of power: what is written is on the disk before it
 * gets its name, and the name is on the disk before the next step. Each returns after its last fsync.
 */
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

export class DurableDisk {
  readonly #onStep: (step: string) => void;

  /** @param onStep after each thing that is on the disk, in order */
  constructor(onStep: (step: string) => void = () => undefined) {
    this.#onStep = onStep;
  }

  write(path: string, content: string, mode = 0o600): void {
    const draft = draftOf(path);
    const file = openSync(draft, "wx", mode);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chmodSync(draft, mode);
    this.#onStep(`wrote the draft of ${basename(path)}`);
    this.rename(draft, path);
  }

  /** In one step, whatever `path` was. */
  link(path: string, target: string): void {
    if (linkTarget(path) === target) return;
    const draft = draftOf(path);
    symlinkSync(target, draft);
    this.rename(draft, path);
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
    this.syncFolder(dirname(to));
    this.#onStep(`renamed ${basename(to)} into place`);
  }

  remove(path: string): void {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
    rmSync(path, { recursive: true, force: true });
    this.syncFolder(dirname(path));
    this.#onStep(`removed ${basename(path)}`);
  }

  /** Of a file that was written by other means. */
  syncFile(path: string): void {
    const file = openSync(path, "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  syncFolder(path: string): void {
    this.syncFile(path);
    this.#onStep(`synced ${basename(path)}`);
  }
}

/** Null where there is no link. */
export function linkTarget(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(path) : null;
}

/** Beside the file, with a name that no earlier run can have left. */
function draftOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomUUID()}`);
}
