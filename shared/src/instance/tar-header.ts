/**
 * How an entry of a tar archive begins, as GNU tar writes it and every reader takes it, busybox's among them: names are
 * bytes of any length. Nothing of an entry but its name, rights and content is told, so that the same files are the same
 * archive whoever packs them, and whenever.
 */
export const TAR_BLOCK = 512;
/** An archive ends with them. */
export const TAR_END = new Uint8Array(2 * TAR_BLOCK);

const NAME = { at: 0, length: 100 };
const MODE = { at: 100, length: 8 };
const UID = { at: 108, length: 8 };
const GID = { at: 116, length: 8 };
const SIZE = { at: 124, length: 12 };
const MTIME = { at: 136, length: 12 };
export const TAR_CHECKSUM = { at: 148, length: 8 };
const TYPE_AT = 156;
const LINK = { at: 157, length: 100 };
const MAGIC_AT = 257;
const SPACE = 0x20;

/** The first second of 2000, in UTC. Programs that keep what they made beside a source compare times with it. */
const EVERY_MTIME = 946_684_800;

export type TarEntry =
  | { type: "file"; name: Uint8Array; bytes: number; isExecutable: boolean }
  | { type: "folder"; name: Uint8Array; mode?: number }
  | { type: "link"; name: Uint8Array; target: Uint8Array };

const LONG_NAME = "L";
const LONG_LINK = "K";

/** Blocks; what a file holds follows them, filled up to the end of a block. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const blocks: Uint8Array[] = [];
  if (entry.type === "link" && entry.target.length > LINK.length)
    blocks.push(...longText(LONG_LINK, entry.target));
  if (entry.name.length > NAME.length) blocks.push(...longText(LONG_NAME, entry.name));
  blocks.push(ofEntry(entry));
  return joined(blocks);
}

/** So many bytes fill up the last block of a file. */
export function tarFilling(bytes: number): number {
  return (TAR_BLOCK - (bytes % TAR_BLOCK)) % TAR_BLOCK;
}

function ofEntry(entry: TarEntry): Uint8Array {
  switch (entry.type) {
    case "file":
      return header({ ...entry, letter: "0", mode: entry.isExecutable ? 0o755 : 0o644 });
    case "folder":
      return header({ ...entry, letter: "5", mode: entry.mode ?? 0o755, bytes: 0 });
    case "link":
      return header({ ...entry, letter: "2", mode: 0o777, bytes: 0 });
  }
}

function longText(letter: string, content: Uint8Array): Uint8Array[] {
  const bytes = content.length + 1;
  const name = new TextEncoder().encode("././@LongLink");
  const body = new Uint8Array(bytes + tarFilling(bytes));
  body.set(content);
  return [header({ name, letter, mode: 0o644, bytes }), body];
}

function header({
  name,
  letter,
  mode,
  bytes,
  target,
}: {
  name: Uint8Array;
  letter: string;
  mode: number;
  bytes: number;
  target?: Uint8Array;
}): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  block.set(name.subarray(0, NAME.length), NAME.at);
  setOctal(block, MODE, mode);
  setOctal(block, UID, 0);
  setOctal(block, GID, 0);
  setOctal(block, SIZE, bytes);
  setOctal(block, MTIME, EVERY_MTIME);
  setText(block, TYPE_AT, letter);
  if (target !== undefined) block.set(target.subarray(0, LINK.length), LINK.at);
  setText(block, MAGIC_AT, "ustar  ");
  setText(block, TAR_CHECKSUM.at, `${octal(tarChecksum(block), TAR_CHECKSUM.length - 2)}\0 `);
  return block;
}

/** The sum of a header's bytes, the place of the sum itself taken for spaces. */
export function tarChecksum(block: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < block.length; at += 1) {
    const isSum = at >= TAR_CHECKSUM.at && at < TAR_CHECKSUM.at + TAR_CHECKSUM.length;
    sum += isSum ? SPACE : (block[at] ?? 0);
  }
  return sum;
}

function setOctal(block: Uint8Array, { at, length }: { at: number; length: number }, value: number): void {
  setText(block, at, octal(value, length - 1));
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function setText(block: Uint8Array, at: number, value: string): void {
  block.set(new TextEncoder().encode(value), at);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
