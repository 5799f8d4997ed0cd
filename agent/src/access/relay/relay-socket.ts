/**
 * A TCP socket as the relay reads it: without memory of its own. All of them are read into one buffer of this process,
 * and what came is copied from there for the one write that takes it on; until that is done nothing more is read, so a slow
 * reader slows the writer down, and who is idle holds nothing. Node's own way makes a buffer for each read, which costs
 * more time, for making it, its pages and for collecting it, than carrying the bytes does.
 */
import { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * Of a bulk, as much as goes over at once: a quarter of it takes a quarter more of this process's time. Who does not read
 * what comes is owed one such piece here, and far more in the kernel.
 */
const READ_BYTES = 524_288;
/** From here on a copy is worth a block of its own, which is used again. */
const LEAST_OF_BLOCK_BYTES = 16_384;
/** Blocks that are kept for the next ones; how many are out is bounded by connections. */
const MAX_SPARE_BLOCKS = 4;

const intake = Buffer.allocUnsafeSlow(READ_BYTES);
const spareBlocks: Buffer[] = [];

export class RelaySocket extends Socket {
  #into: Writable | null = null;
  /** What came before it was known where to. */
  #first: Buffer | null = null;
  #onFirst: (() => void) | null = null;

  /** @param handed connected; it is used up, and what it has read already is lost: it must not have been read from */
  constructor(handed: Socket) {
    const reading = { take: (_count: number): boolean => false };
    const options = {
      allowHalfOpen: true,
      pauseOnCreate: true,
      onread: { buffer: intake, callback: (count: number) => reading.take(count) },
    };
    // Of the types' view a connection comes by its number alone.
    Reflect.set(options, "handle", takeHandle(handed));
    super(options);
    reading.take = (count) => this.#take(count);
  }

  /** Calls back once the peer has said something or has ended; no more than its first word is read for it. */
  onFirst(callback: () => void): void {
    this.#onFirst = callback;
    this.once("end", callback);
    this.resume();
  }

  /** Everything from the first byte on, and the end. To be called once. */
  pourInto(into: Writable): void {
    this.#into = into;
    if (this.#first !== null) this.#write(into, this.#first);
    this.#first = null;
    if (this.readableEnded) into.end();
    else this.once("end", () => into.end());
    this.resume();
  }

  /** False: reads no more until it is resumed. */
  #take(count: number): boolean {
    const into = this.#into;
    if (into === null) {
      this.#first = Buffer.from(intake.subarray(0, count));
      this.#onFirst?.();
      return false;
    }
    if (into.destroyed) return false;
    if (count < LEAST_OF_BLOCK_BYTES) return this.#write(into, Buffer.from(intake.subarray(0, count)));
    const block = spareBlocks.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
    intake.copy(block, 0, 0, count);
    return this.#write(into, block.subarray(0, count), () => {
      if (spareBlocks.length < MAX_SPARE_BLOCKS) spareBlocks.push(block);
    });
  }

  /** False: the kernel did not take all of it at once. */
  #write(into: Writable, bytes: Buffer, onWritten?: () => void): boolean {
    into.write(bytes, () => {
      onWritten?.();
      this.resume();
    });
    return into.writableLength === 0;
  }
}

/** What Node has of a connection, out of the socket that it made of it, which is over then. */
function takeHandle(handed: Socket): unknown {
  const handle: unknown = Reflect.get(handed, "_handle");
  Reflect.set(handed, "_handle", null);
  handed.destroy();
  return handle;
}
