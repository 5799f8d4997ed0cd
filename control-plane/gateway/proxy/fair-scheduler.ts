/**
 * Whoever pours, or opens WebSockets by the hundred, while others are there: they are taken one after another, for a quarter
 * of this process's time together. Read as fast as they come, answers without end keep the process busy, and all who ask
 * meanwhile wait behind them. Who is alone, or takes no more than others do, waits for no turn; nor do requests, of which
 * some services are asked hundreds a second, each on a connection of its own.
 */
import type { Readable } from "node:stream";
import { CountsByKey } from "@remotegpu/shared/counts-by-key";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { KIB, MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ResponseRateLimiter } from "../../server/core/gateway/response-rate.ts";

/** The bytes of one instance, in large pieces, before it waits for turns. */
const FREE_BYTES = 4 * MIB;
const FREE_BYTES_PER_SECOND = 4 * MIB;
/** Smaller pieces cost too little. */
const LARGE_BYTES = 8 * KIB;
/** The opening of a WebSocket counts for as much. */
const OPENING_BYTES = 256 * KIB;
/** Whoever was there so lately may ask again. */
const COMPANY_MS = MS_PER_SECOND;
/** After each millisecond in which this process worked, whatever it did. */
const REST_PER_WORK = 3;
/** Less is not worth a timer. */
const LEAST_WORK_MS = 1;
const LONGEST_BACKOFF_MS = 50;
/** What was done longer ago counts no more. */
const FORGOTTEN_MS = 20;

interface Seen {
  instanceId: InstanceId;
  atMs: number;
}

interface Turn {
  take: () => void;
  /** Nobody needs it any more. */
  isGone: () => boolean;
}

export class FairScheduler {
  readonly #taken = new ResponseRateLimiter({
    burst: FREE_BYTES,
    perSecond: FREE_BYTES_PER_SECOND,
    longestMs: MS_PER_SECOND,
  });
  /** Requests and WebSockets. */
  readonly #open = new CountsByKey<InstanceId>();
  /** The instance of which something ended last, and the last one of anybody else. */
  #last: Seen | null = null;
  #lastOther: Seen | null = null;
  /** The turns that wait, in the order in which they are next. */
  readonly #waiting = new Map<InstanceId, Turn[]>();
  #isTaking = false;
  #tookAtMs = -Infinity;
  /** What the process had worked by then. */
  #workedMs = 0;

  /** Something is asked of it. @returns to be called once that is over */
  enter(instanceId: InstanceId): () => void {
    this.#open.add(instanceId);
    return () => {
      this.#open.remove(instanceId);
      if (this.#last !== null && this.#last.instanceId !== instanceId) this.#lastOther = this.#last;
      this.#last = { instanceId, atMs: performance.now() };
    };
  }

  /**
   * A piece came of it, or is on its way to it.
   * @returns whether no further one is to be read before its turn: see `wait`
   */
  isToWait(instanceId: InstanceId, bytes: number): boolean {
    return bytes >= LARGE_BYTES && this.#isBeyond(instanceId, bytes);
  }

  /** Resolves once a WebSocket to it may be opened; one that is gone by its turn takes none from others. */
  async opening(instanceId: InstanceId, isGone: () => boolean): Promise<void> {
    if (this.#isBeyond(instanceId, OPENING_BYTES))
      await new Promise<void>((take) => this.wait(instanceId, { take, isGone }));
  }

  /** One turn after another: of each instance in the order in which they came, and of all instances alike. */
  wait(instanceId: InstanceId, turn: Turn): void {
    const waiting = this.#waiting.get(instanceId);
    if (waiting === undefined) this.#waiting.set(instanceId, [turn]);
    else waiting.push(turn);
    if (this.#isTaking) return;
    this.#isTaking = true;
    if (performance.now() - this.#tookAtMs > FORGOTTEN_MS) this.#workedMs = workedMs();
    setImmediate(() => this.#next());
  }

  /** What is piped waits for its turns as well. It is held up there, too, and goes on by itself once there is room. */
  pace(stream: Readable, into: { writableNeedDrain: boolean }, instanceId: InstanceId): void {
    const take = () => {
      if (!into.writableNeedDrain) stream.resume();
    };
    stream.on("data", (piece: Buffer) => {
      if (!this.isToWait(instanceId, piece.length)) return;
      stream.pause();
      this.wait(instanceId, { take, isGone: () => stream.destroyed });
    });
  }

  #isBeyond(instanceId: InstanceId, bytes: number): boolean {
    const nowMs = performance.now();
    return this.#taken.waitMs(instanceId, nowMs, bytes) > 0 && this.#hasCompany(instanceId, nowMs);
  }

  #hasCompany(instanceId: InstanceId, nowMs: number): boolean {
    if (this.#open.all > this.#open.of(instanceId)) return true;
    const other = this.#last?.instanceId === instanceId ? this.#lastOther : this.#last;
    return other !== null && nowMs - other.atMs < COMPANY_MS;
  }

  #next(): void {
    const worked = workedMs() - this.#workedMs;
    if (worked < LEAST_WORK_MS) return this.#take();
    // What is done while they rest counts for the next rest: others come first.
    this.#workedMs += worked;
    setTimeout(() => this.#take(), Math.min(worked * REST_PER_WORK, LONGEST_BACKOFF_MS));
  }

  #take(): void {
    this.#tookAtMs = performance.now();
    this.#isTaking = this.#takeOne();
    // What comes of it comes in the turn of the event loop after this one.
    if (this.#isTaking) setImmediate(() => setImmediate(() => this.#next()));
  }

  /** False: nobody waits. */
  #takeOne(): boolean {
    for (const [instanceId, turns] of this.#waiting) {
      this.#waiting.delete(instanceId);
      let turn = turns.shift();
      while (turn?.isGone() === true) {
        turn.take();
        turn = turns.shift();
      }
      if (turns.length > 0) this.#waiting.set(instanceId, turns);
      turn?.take();
      if (turn !== undefined) return true;
    }
    return false;
  }
}

/** The event loop's time in which it did not wait. */
function workedMs(): number {
  return performance.eventLoopUtilization().active;
}
