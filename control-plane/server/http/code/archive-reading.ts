/**
 * Reads a gzipped tar from its first byte to its last, as fast as it is unpacked, and says what is wrong with it. No more
 * of it is held than a few blocks, whatever it claims to be.
 */
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { TAR_BLOCK, TAR_CHECKSUM, tarChecksum, tarFilling } from "@remotegpu/shared/instance/tar-header";
import { KIB } from "@remotegpu/shared/values/units";
import { ArchiveRules, MAX_ENTRIES, MAX_UNPACKED_BYTES } from "../../core/code/archive-rules.ts";

const MAX_LONG_NAME = 8 * KIB;
/** With a header and a filling of each entry, and a long name now and then. */
const MAX_TAR_BYTES = MAX_UNPACKED_BYTES + MAX_ENTRIES * 4 * TAR_BLOCK;

export type ArchiveCheck =
  | { isSound: true; entries: number; unpackedBytes: number }
  | { isSound: false; why: string };

const ZEROS = Buffer.alloc(64 * KIB);

/** What is wrong with the archive, for people. */
class ArchiveIssue extends Error {
  override name = "ArchiveIssue";
}

export async function checkArchive(packed: Readable): Promise<ArchiveCheck> {
  const gunzip = createGunzip();
  packed.on("error", (error) => gunzip.destroy(error));
  try {
    const reported = await readEntries(packed.pipe(gunzip));
    return { isSound: true, entries: reported.entries, unpackedBytes: reported.bytes };
  } catch (error) {
    if (error instanceof ArchiveIssue) return { isSound: false, why: error.message };
    // Of zlib: what it is given is no gzip, or broken, or breaks off.
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code.startsWith("Z_")) return { isSound: false, why: "it is no gzip file, or a broken one" };
    throw error;
  } finally {
    packed.unpipe(gunzip);
    packed.destroy();
    gunzip.destroy();
  }
}

async function readEntries(tar: AsyncIterable<Buffer>): Promise<{ entries: number; bytes: number }> {
  const rules = new ArchiveRules();
  const blocks = new Blocks(tar);
  let [longName, longTarget]: [string | null, string | null] = [null, null];
  for (;;) {
    const block = await blocks.take(TAR_BLOCK);
    if (block.equals(ZEROS.subarray(0, TAR_BLOCK))) {
      await blocks.refuseUnlessEmpty();
      return rules.reported;
    }
    const header = headerOf(block);
    switch (header.type) {
      case "L":
      case "K": {
        const text = textOf(await blocks.take(longBytes(header.bytes)));
        await blocks.skip(tarFilling(header.bytes));
        if (header.type === "L") longName = text;
        else longTarget = text;
        continue;
      }
      case "x":
      case "g":
        refuseNames(textOf(await blocks.take(longBytes(header.bytes))));
        await blocks.skip(tarFilling(header.bytes));
        continue;
    }
    const entry = { ...header, name: longName ?? header.name, target: longTarget ?? header.target };
    [longName, longTarget] = [null, null];
    const issue = rules.issueOf(entry);
    if (issue !== null) throw new ArchiveIssue(issue);
    await blocks.skip(header.bytes + tarFilling(header.bytes));
  }
}

function headerOf(block: Buffer): { name: string; type: string; bytes: number; target: string } {
  const sum = octalIn(block, TAR_CHECKSUM.at, TAR_CHECKSUM.length);
  if (sum !== tarChecksum(block)) throw new ArchiveIssue("it is no tar archive, or a broken one");
  const bytes = octalIn(block, 124, 12);
  if (bytes === null) throw new ArchiveIssue("it has a file whose size cannot be read");
  const isUstar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isUstar ? textOf(block.subarray(345, 500)) : "";
  const name = textOf(block.subarray(0, 100));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: block.toString("latin1", 156, 157),
    bytes,
    target: textOf(block.subarray(157, 257)),
  };
}

/** What unpacks it knows none of those names: it would take the short ones. */
function refuseNames(records: string): void {
  if (/^\d+ (path|linkpath|size|GNU\.sparse[^=]*)=/m.test(records))
    throw new ArchiveIssue(
      "it has names that only pax knows; pack it with GNU tar's own format (--format=gnu)",
    );
}

function longBytes(bytes: number): number {
  if (bytes > MAX_LONG_NAME) throw new ArchiveIssue(`it has a name of more than ${MAX_LONG_NAME} bytes`);
  return bytes;
}

/** Null where it is none. */
function octalIn(block: Buffer, at: number, length: number): number | null {
  const digits = /^ *([0-7]{1,12})[ \0]*$/.exec(block.toString("latin1", at, at + length))?.[1];
  return digits === undefined ? null : parseInt(digits, 8);
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** A stream, so many bytes at a time. */
class Blocks {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  #taken = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let rest = bytes; rest > 0;) {
      const part = await this.#upTo(rest);
      if (part === null) throw new ArchiveIssue("it breaks off");
      parts.push(part);
      rest -= part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(bytes: number): Promise<void> {
    for (let rest = bytes; rest > 0;) {
      const part = await this.#upTo(rest);
      if (part === null) throw new ArchiveIssue("it breaks off");
      rest -= part.length;
    }
  }

  /** Whoever stops at its end and whoever reads on must see the same. */
  async refuseUnlessEmpty(): Promise<void> {
    for (;;) {
      const part = await this.#upTo(ZEROS.length);
      if (part === null) return;
      if (!part.equals(ZEROS.subarray(0, part.length)))
        throw new ArchiveIssue("it has something behind its end");
    }
  }

  /** Null at the end. */
  async #upTo(most: number): Promise<Buffer | null> {
    while (this.#held.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return null;
      this.#held = next.value;
      this.#taken += this.#held.length;
      if (this.#taken > MAX_TAR_BYTES)
        throw new ArchiveIssue(`it is more than ${MAX_TAR_BYTES} bytes long once it is unpacked`);
    }
    const part = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(part.length);
    return part;
  }
}
