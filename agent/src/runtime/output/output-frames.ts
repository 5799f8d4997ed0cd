/**
 * Parts the two outputs of a command, which the runtime sends in one stream of frames: one byte says which output,
 * four (big-endian, after three empty ones) how long. The runtime puts its own errors between them as a third output
 * (`Systemerr` in moby's stdcopy). Frames are passed on as they come, in whatever pieces: the client library's own reader
 * recurses per frame, which a command that writes single bytes turns into a crash.
 */

const HEADER_BYTES = 8;
const LENGTH_AT = 4;

export type FrameOutput = "stdout" | "stderr" | "runtime-error";
export type FrameSink = (output: FrameOutput, bytes: Buffer) => void;

export class OutputFrames {
  readonly #sink: FrameSink;
  readonly #onFrame: () => void;
  #header = Buffer.alloc(0);
  #output: FrameOutput = "stdout";
  #bytesLeft = 0;

  /** @param onFrame called at the beginning of each frame, before its bytes */
  constructor(sink: FrameSink, onFrame: () => void = () => undefined) {
    this.#sink = sink;
    this.#onFrame = onFrame;
  }

  write(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#bytesLeft > 0 ? this.#body(rest) : this.#head(rest);
  }

  #body(bytes: Buffer): Buffer {
    const part = bytes.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= part.length;
    this.#sink(this.#output, part);
    return bytes.subarray(part.length);
  }

  #head(bytes: Buffer): Buffer {
    const missing = HEADER_BYTES - this.#header.length;
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (this.#header.length === HEADER_BYTES) {
      this.#output = outputOf(this.#header[0]);
      this.#bytesLeft = this.#header.readUInt32BE(LENGTH_AT);
      this.#header = Buffer.alloc(0);
      this.#onFrame();
    }
    return bytes.subarray(missing);
  }
}

function outputOf(number = 1): FrameOutput {
  return number === 2 ? "stderr" : number === 3 ? "runtime-error" : "stdout";
}
