/**
 * The form in which output is kept: one record after the other, each a line with output, time and length, then the
 * bytes as they were, then a line break. A file that ends in the middle of a record (a crash, a full disk) is read up
 * to the one before; people can read it with any pager.
 */

export type OutputRecord = { output: "stdout" | "stderr"; time: string; bytes: Buffer };

const HEADER = /^(out|err) ([0-9TZ:.+-]{1,40}) ([0-9]{1,8})$/;
/** More than a line of the runtime has; what claims more is no record of ours. */
const MAX_RECORD_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 64;
const LINE_BREAK = 0x0a;

/** @param piece of at most MAX_RECORD_BYTES */
export function recordBytes({ output, time, bytes }: OutputRecord): Buffer {
  const header = `${output === "stdout" ? "out" : "err"} ${time} ${bytes.length}\n`;
  return Buffer.concat([Buffer.from(header, "latin1"), bytes, Buffer.of(LINE_BREAK)]);
}

/** Reads records out of chunks. After something that is no record it reads nothing more of that file. */
export class RecordReader {
  #rest: Buffer = Buffer.alloc(0);
  #isBroken = false;

  read(chunk: Buffer): OutputRecord[] {
    const records: OutputRecord[] = [];
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let record = this.#next(); record !== null; record = this.#next()) records.push(record);
    // A copy: a few bytes that are left must not keep the whole chunk alive.
    this.#rest = this.#isBroken ? Buffer.alloc(0) : Buffer.from(this.#rest);
    return records;
  }

  /** Null while the next record is not whole. */
  #next(): OutputRecord | null {
    if (this.#isBroken) return null;
    const end = this.#rest.indexOf(LINE_BREAK);
    if (end < 0) {
      this.#isBroken = this.#rest.length > MAX_HEADER_BYTES;
      return null;
    }
    const [, output, time = "", length] = HEADER.exec(this.#rest.toString("latin1", 0, end)) ?? [];
    const size = Number(length);
    if (output === undefined || size > MAX_RECORD_BYTES) {
      this.#isBroken = true;
      return null;
    }
    const bodyAt = end + 1;
    if (this.#rest.length < bodyAt + size + 1) return null;
    const bytes = this.#rest.subarray(bodyAt, bodyAt + size);
    this.#rest = this.#rest.subarray(bodyAt + size + 1);
    return { output: output === "out" ? "stdout" : "stderr", time, bytes };
  }
}
