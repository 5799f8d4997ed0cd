/**
 * What is open at this gateway by some right, and the rhythm in which that right is asked for again. All that is open by
 * the same key shares one signal, which ends it.
 */
import { setMaxListeners } from "node:events";
import { reasonOf } from "../../server/core/reasons/plain-reason.ts";
import { isReason, type Reason } from "../../server/core/reasons/reason.ts";

const POLL_MS = 2_000;

export interface Open<What> {
  what: What;
  /** Aborted with a Reason. */
  signal: AbortSignal;
  end: (why: Reason) => void;
}

/** The reason by which what is open was ended; null where its signal was aborted by something else. */
export function endReasonOf({ reason }: AbortSignal): Reason | null {
  return isReason(reason) ? reason : null;
}

/** What is open by one right, all of it together. */
interface Shared<What> extends Open<What> {
  key: string;
  count: number;
  /**
   * The ends of those who are not notified by the signal: one that thousands listen to goes through all of them for
   * each more.
   */
  ended: Set<() => void>;
}

export class OpenByRight<What> {
  readonly #checkAgain: (open: readonly Open<What>[]) => Promise<void>;
  readonly #open = new Map<string, Shared<What>>();
  #timer: NodeJS.Timeout | null = null;
  #requesting: Promise<void> = Promise.resolve();

  /** @param checkAgain ends those whose right is gone; it is not called where nothing is open, and must not throw */
  constructor(checkAgain: (open: readonly Open<What>[]) => Promise<void>) {
    this.#checkAgain = checkAgain;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#requesting = this.#requesting.then(() =>
        this.#open.size === 0 ? undefined : this.#checkAgain([...this.#open.values()]),
      );
    }, POLL_MS);
  }

  /** Ends whatever is open. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const { end } of this.#open.values()) end(reasonOf("gateway-ending"));
    await this.#requesting;
  }

  /** Call `leave` once, when it is over. @param ended a function of its own, called as the signal is aborted */
  enter(key: string, what: What, ended?: () => void): { open: Open<What>; leave: () => void } {
    const open = this.#open.get(key) ?? this.#opened(key, what);
    open.count += 1;
    if (ended !== undefined) open.ended.add(ended);
    return {
      open,
      leave: () => {
        open.count -= 1;
        if (ended !== undefined) open.ended.delete(ended);
        if (open.count === 0) this.#forget(open);
      },
    };
  }

  #opened(key: string, what: What): Shared<What> {
    const controller = new AbortController();
    const { signal } = controller;
    // One of each request that is open.
    setMaxListeners(0, signal);
    const open: Shared<What> = {
      key,
      what,
      signal,
      count: 0,
      ended: new Set(),
      end: (why) => {
        this.#forget(open);
        controller.abort(why);
        for (const ended of open.ended) ended();
      },
    };
    this.#open.set(key, open);
    return open;
  }

  /** Whoever enters by this key from now on gets a signal of their own. */
  #forget(open: Shared<What>): void {
    if (this.#open.get(open.key) === open) this.#open.delete(open.key);
  }
}
