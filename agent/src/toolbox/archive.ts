/**
 * Reads a tar archive as the builder of the toolbox writes it (ustar, short names, files, folders and links): a host
 * needs no program for it. Anything else in it is refused.
 */

const BLOCK = 512;
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const SIZE = [124, 12] as const;
const LINK = [157, 100] as const;
const PREFIX_AT = 345;

export type Entry = { path: string } & (
  | { kind: "file"; mode: number; content: Buffer }
  | { kind: "folder" }
  | { kind: "link"; to: string }
);

/** @throws where it is damaged, or an entry would lie outside of the folder that it is unpacked into */
export function entriesOf(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const header = archive.subarray(at, at + BLOCK);
    const size = octal(header, SIZE);
    const content = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length !== size) throw new Error("the archive is cut off");
    entries.push(entryOf(header, content));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

function entryOf(header: Buffer, content: Buffer): Entry {
  const path = text(header, NAME).replace(/^\.\/|\/$/g, "");
  if (header[PREFIX_AT] !== 0 || path.startsWith("/") || path.split("/").includes(".."))
    throw new Error(`the archive has ${path} in an odd place`);
  const kind = String.fromCharCode(header[156] ?? 0);
  switch (kind) {
    case "0":
      return { kind: "file", path, mode: octal(header, MODE), content };
    case "5":
      return { kind: "folder", path };
    case "2":
      return { kind: "link", path, to: text(header, LINK) };
    default:
      throw new Error(`${path} is an entry of kind ${kind}`);
  }
}

function text(header: Buffer, [at, length]: readonly [number, number]): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end === -1 ? length : end);
}

function octal(header: Buffer, field: readonly [number, number]): number {
  return Number.parseInt(text(header, field).trim(), 8);
}
