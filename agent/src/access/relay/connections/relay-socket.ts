/**
 * A TCP socket as the relay reads it: without memory of its own. All of them are read into one buffer of this process,
 * and what came is copied from there for the one write that takes it on; until that is done nothing more is read, so a slow
 * reader slows the writer down, and who is idle holds nothing. Node's own way makes a buffer for each read, which costs
 * more time, for making it, its pages and for collecting it, than carrying the bytes does. Who sends much at once is read
 * into a block of its own for as long as that goes on, and written from there: a copy of it took a quarter of the time.
 */
import { Socket } from "node:net";
import type { Writable } from "node:stream";

/**
 * Of a bulk, as much as goes over at once: a quarter of it takes a quarter more of this process's time. Who does not read
 * what comes is owed one such piece here, and far more in the kernel.
 */
const READ_BYTES = 524_288;
/** Who sends so much at once is read into a block of its own. */
const LEAST_OF_BLOCK_BYTES = 16_384;
/** Of this process; who finds none left is copied. */
const MAX_BLOCKS = 32;
/** Blocks that are kept for the next ones. */
const MAX_SPARE_BLOCKS = 4;

const intake = Buffer.allocUnsafeSlow(READ_BYTES);
const spareBlocks: Buffer[] = [];
let blocksOut = 0;

export class RelaySocket extends Socket {
  #into: Writable | null = null;
  /** What came before it was known where to. */
  #first: Buffer | null = null;
  #onFirst: (() => void) | null = null;
  /** While it carries much; null: it is read into what all share. */
  #block: Buffer | null = null;

  /** @param handed connected; it is used up, and what it has read already is lost: it must not have been read from */
  constructor(handed: Socket) {
    const reading = { take: (_count: number): boolean => false, into: (): Buffer => intake };
    const options = {
      allowHalfOpen: true,
      pauseOnCreate: true,
      // It is asked after each read for where the next one goes.
      onread: { buffer: () => reading.into(), callback: (count: number) => reading.take(count) },
    };
    // Of the types' view a connection comes by its number alone.
    Reflect.set(options, "handle", takeHandle(handed));
    super(options);
    reading.take = (count) => this.#take(count);
    reading.into = () => this.#block ?? intake;
    this.once("close", () => this.#giveBack());
  }

  /** Calls back once the peer has said something or has ended; no more than its first word is read for it. */
  onFirst(callback: () => void): void {
    this.#onFirst = callback;
    this.once("end", callback);
    this.resume();
  }

  /** Everything from the first byte on, and the end. To be called once. */
  writeInto(into: Writable): void {
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
    if (count < LEAST_OF_BLOCK_BYTES) {
      const bytes = Buffer.from((this.#block ?? intake).subarray(0, count));
      this.#giveBack();
      return this.#write(into, bytes);
    }
    if (this.#block !== null) return this.#write(into, this.#block.subarray(0, count));
    this.#block = takeBlock();
    if (this.#block === null) return this.#write(into, Buffer.from(intake.subarray(0, count)));
    intake.copy(this.#block, 0, 0, count);
    return this.#write(into, this.#block.subarray(0, count));
  }

  /** Nothing is read while something of it is being written. */
  #giveBack(): void {
    if (this.#block === null) return;
    blocksOut -= 1;
    // What is on its way when this is over goes with its block.
    const isFree = this.#into === null || this.#into.writableLength === 0;
    if (isFree && spareBlocks.length < MAX_SPARE_BLOCKS) spareBlocks.push(this.#block);
    this.#block = null;
  }

  /** False: the kernel did not take all of it at once. */
  #write(into: Writable, bytes: Buffer): boolean {
    into.write(bytes, () => {
      if (into.writableLength === 0) this.resume();
    });
    return into.writableLength === 0;
  }
}

/** Null: all of them are out. */
function takeBlock(): Buffer | null {
  if (blocksOut >= MAX_BLOCKS) return null;
  blocksOut += 1;
  return spareBlocks.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
}

/** What Node has of a connection, out of the socket that it made of it, which is over then. */
function takeHandle(handed: Socket): unknown {
  const handle: unknown = Reflect.get(handed, "_handle");
  Reflect.set(handed, "_handle", null);
  handed.destroy();
  return handle;
}
