/**
 * What the runtime's logs come in: one frame for each line (or each 16 KiB of a longer one), and in it first the time
 * at which it was written, then the bytes. Lines that arrive together and are of one output are passed on together.
 */
import { OutputFrames, type FrameOutput } from "./output-frames.ts";

/** Some lines of one output. `time` is the last one's, RFC 3339 in UTC with nine digits: such times compare as text. */
export type OutputPiece = { output: "stdout" | "stderr"; time: string; bytes: Buffer };

const SPACE = 0x20;
/** The longest time the runtime writes, and some. */
const MAX_TIME_BYTES = 64;
const MAX_ERROR = 500;

export class LogFrames {
  readonly #frames: OutputFrames;
  /** The time of the frame that is being read, as far as it has come; null once its bytes follow. */
  #timeBytes: Buffer | null = null;
  #time = "";
  #runtimeError = "";
  #collected: { output: OutputPiece["output"]; time: string; parts: Buffer[] }[] = [];

  /** @param mergesLines false: a piece for each frame, for whoever keeps the time of each line */
  constructor({ mergesLines }: { mergesLines: boolean }) {
    this.#frames = new OutputFrames(
      (output, bytes) => this.#take(output, bytes, mergesLines),
      () => {
        this.#timeBytes = Buffer.alloc(0);
      },
    );
  }

  /** What the runtime could not read, in its own words; null while it could. */
  get runtimeError(): string | null {
    return this.#runtimeError === "" ? null : this.#runtimeError.trim();
  }

  /** The pieces that are whole with this chunk, in order. */
  read(chunk: Buffer): OutputPiece[] {
    this.#frames.write(chunk);
    const pieces = this.#collected.map(({ output, time, parts }) => ({
      output,
      time,
      bytes: Buffer.concat(parts),
    }));
    this.#collected = [];
    return pieces;
  }

  #take(output: FrameOutput, bytes: Buffer, mergesLines: boolean): void {
    if (output === "runtime-error") {
      this.#runtimeError = (this.#runtimeError + bytes.toString()).slice(0, MAX_ERROR);
      return;
    }
    const isStart = this.#timeBytes !== null;
    const body = this.#timeBytes === null ? bytes : this.#afterTime(this.#timeBytes, bytes);
    if (body === null || body.length === 0) return;
    const last = this.#collected.at(-1);
    const joins = last?.output === output && (mergesLines || (!isStart && last.time === this.#time));
    if (!joins) this.#collected.push({ output, time: this.#time, parts: [body] });
    else {
      last.parts.push(body);
      last.time = this.#time;
    }
  }

  /** The bytes after the time, or null while the time itself is not whole. */
  #afterTime(before: Buffer, bytes: Buffer): Buffer | null {
    const joined = Buffer.concat([before, bytes]);
    const end = joined.indexOf(SPACE);
    if (end < 0 && joined.length <= MAX_TIME_BYTES) {
      this.#timeBytes = joined;
      return null;
    }
    this.#timeBytes = null;
    // A frame that does not begin with a time is passed on as it is.
    if (end < 0) return joined;
    this.#time = joined.subarray(0, end).toString("latin1");
    return joined.subarray(end + 1);
  }
}
