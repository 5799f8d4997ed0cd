/**
 * Follows the kernel log without ever waiting for it: /dev/kmsg gives one record for each read and says EAGAIN when
 * there is no more. A file or a FIFO in its place is read the same way, which is how tests and simulated cards speak.
 */
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

export const KERNEL_LOG = "/dev/kmsg";
/** The kernel gives no record longer than this; a smaller buffer would be refused. */
const RECORD_BYTES = 16 * 1024;
/** More than any kernel keeps; what is left is read the next time. */
const MAX_READS = 20_000;
/** A file without line ends must not fill the memory. */
const MAX_LINE = 64 * 1024;

export class KernelLog {
  readonly path: string;
  #file: FileHandle | null = null;
  #partial = "";
  #isClosed = false;

  constructor(path: string) {
    this.path = path;
  }

  /** The whole lines since the last call, at first all there are; null where the log is absent or forbidden. */
  async newLines(): Promise<string[] | null> {
    if (this.#isClosed) return [];
    this.#file ??= await openOrNull(this.path);
    if (this.#file === null) return null;
    const buffer = Buffer.alloc(RECORD_BYTES);
    const lines: string[] = [];
    for (let reads = 0; reads < MAX_READS; reads++) {
      const count = await readSome(this.#file, buffer);
      if (count === "overwritten") continue;
      if (count === 0) break;
      const parts = (this.#partial + buffer.toString("utf8", 0, count)).split("\n");
      this.#partial = (parts.pop() ?? "").slice(0, MAX_LINE);
      lines.push(...parts);
    }
    return lines;
  }

  /** Not while lines are being read; from then on there are none. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#file?.close();
    this.#file = null;
  }
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isOneOf(error, ["ENOENT", "EACCES", "EPERM", "ENXIO", "ENODEV"])) return null;
    throw error;
  }
}

/** Records that the kernel overwrote before we came are lost; those after them are not. */
async function readSome(file: FileHandle, buffer: Buffer): Promise<number | "overwritten"> {
  try {
    return (await file.read(buffer, 0, buffer.length, null)).bytesRead;
  } catch (error) {
    if (isOneOf(error, ["EAGAIN"])) return 0;
    if (isOneOf(error, ["EPIPE"])) return "overwritten";
    throw error;
  }
}

function isOneOf(error: unknown, codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
