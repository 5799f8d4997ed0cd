/** Archives as a test wants them, honest or not. */
import { gzipSync } from "node:zlib";
import {
  TAR_CHECKSUM,
  TAR_END,
  tarChecksum,
  type TarEntry,
  tarFilling,
  tarHeader,
} from "@remotegpu/shared/instance/tar-header";

const bytesOf = (text: string) => new TextEncoder().encode(text);

export interface Entry {
  name: string;
  content?: string;
  /** Of a link. */
  target?: string;
  /** As the header says it, whatever it is. */
  type?: string;
  /** That the header claims. */
  bytes?: number;
}

export function tarOf(entries: readonly Entry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), TAR_END]);
}

export function packOf(entries: readonly Entry[]): Buffer {
  return gzipSync(tarOf(entries));
}

function blocksOf({ name, content = "", target, type, bytes }: Entry): Uint8Array[] {
  const entry: TarEntry =
    target === undefined
      ? { type: "file", name: bytesOf(name), bytes: bytes ?? Buffer.byteLength(content), isExecutable: false }
      : { type: "link", name: bytesOf(name), target: bytesOf(target) };
  const header = tarHeader(entry);
  if (type !== undefined) retype(header.subarray(-512), type);
  return [header, Buffer.from(content), new Uint8Array(tarFilling(Buffer.byteLength(content)))];
}

function retype(block: Uint8Array, type: string): void {
  block.set(bytesOf(type), 156);
  block.set(bytesOf(`${tarChecksum(block).toString(8).padStart(6, "0")}\0 `), TAR_CHECKSUM.at);
}
