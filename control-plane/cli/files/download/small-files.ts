/** Files that came along with their folder, put where they belong: several at once, and each takes its place whole. */
import { createHash } from "node:crypto";
import { rename, utimes, writeFile } from "node:fs/promises";
import type { TreePart } from "./tree-answer.ts";

const AT_ONCE = 16;

/** Whether the bytes are those that its host read. */
export function isSound({ entry, bytes }: TreePart): boolean {
  return bytes !== null && createHash("sha256").update(bytes).digest("base64") === entry.sha256;
}

export class SmallFiles {
  readonly #writing = new Set<Promise<void>>();

  /** Resolves when there is room for another one. */
  async put(to: Buffer, bytes: Buffer, modifiedAt: Date | null = null): Promise<void> {
    const writing = written(to, bytes, modifiedAt);
    this.#writing.add(writing);
    // Whoever waits for it hears of a failure.
    writing.then(() => this.#writing.delete(writing)).catch(() => undefined);
    if (this.#writing.size >= AT_ONCE) await Promise.race(this.#writing);
  }

  async end(): Promise<void> {
    await Promise.all(this.#writing);
  }
}

async function written(to: Buffer, bytes: Buffer, modifiedAt: Date | null): Promise<void> {
  const draft = Buffer.concat([to, Buffer.from(".remotegpu-part")]);
  await writeFile(draft, bytes);
  if (modifiedAt !== null) await utimes(draft, modifiedAt, modifiedAt);
  await rename(draft, to);
}
