/**
 * Bytes of a host that are checked while they go through: none is kept, and the last one goes only once all of them were
 * what they had to be. Where they are not, the transfer breaks off before its length is full, so that nobody takes it for
 * a whole one.
 */
import { createHash } from "node:crypto";

export interface CheckedPart {
  bytes: number;
  /** Base64. */
  sha256: string;
}

export class OtherBytesError extends Error {
  override readonly name = "OtherBytesError";

  constructor() {
    super("the bytes are not those that were sealed");
  }
}

/**
 * @param body of exactly as many bytes as the parts have
 * @param wish.skip so many bytes of it are not wanted, but checked; of those behind them `length` are
 * @param wish.onDifference is called before it fails
 */
export function checkedBytes(
  body: AsyncIterable<Uint8Array>,
  parts: AsyncIterable<CheckedPart>,
  { skip, length, onDifference }: { skip: number; length: number; onDifference: () => Promise<void> },
): ReadableStream<Uint8Array> {
  const pieces = checkedPieces(body, parts, { skip, length });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await pieces.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          if (error instanceof OtherBytesError) await onDifference();
          throw error;
        }
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 0 },
  );
}

/** @throws OtherBytesError, or the error of the body or of the parts */
async function* checkedPieces(
  body: AsyncIterable<Uint8Array>,
  parts: AsyncIterable<CheckedPart>,
  { skip, length }: { skip: number; length: number },
): AsyncGenerator<Uint8Array> {
  const check = new Check(parts[Symbol.asyncIterator]());
  let at = -skip;
  let last: Uint8Array | null = null;
  for await (const piece of body) {
    await check.take(piece);
    const begin = Math.max(0, -at);
    const end = Math.min(piece.length, length - at);
    at += piece.length;
    if (begin >= end) continue;
    const isEnd = at >= length;
    const whole = piece.subarray(begin, end);
    if (isEnd) last = whole.subarray(-1);
    const now = isEnd ? whole.subarray(0, -1) : whole;
    if (now.length > 0) yield now;
  }
  await check.end();
  if (last !== null) yield last;
}

class Check {
  readonly #parts: AsyncIterator<CheckedPart>;
  #part: CheckedPart | null = null;
  #hash = createHash("sha256");
  #left = 0;

  constructor(parts: AsyncIterator<CheckedPart>) {
    this.#parts = parts;
  }

  async take(piece: Uint8Array): Promise<void> {
    for (let rest = piece; rest.length > 0;) {
      if (this.#left === 0 && !(await this.#next())) throw new OtherBytesError();
      const taken = rest.subarray(0, this.#left);
      this.#hash.update(taken);
      this.#left -= taken.length;
      rest = rest.subarray(taken.length);
      if (this.#left === 0) this.#endPart();
    }
  }

  /** An empty part has come without a byte. */
  async end(): Promise<void> {
    if (this.#left > 0) throw new OtherBytesError();
    while (await this.#next()) if (this.#left > 0) throw new OtherBytesError();
  }

  /** False where there is none. */
  async #next(): Promise<boolean> {
    const next = await this.#parts.next();
    if (next.done === true) return false;
    this.#part = next.value;
    this.#left = next.value.bytes;
    this.#hash = createHash("sha256");
    if (this.#left === 0) this.#endPart();
    return true;
  }

  #endPart(): void {
    if (this.#hash.digest("base64") !== this.#part?.sha256) throw new OtherBytesError();
  }
}
