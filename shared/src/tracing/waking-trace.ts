/**
 * The trace of a loop's next pass: that of whoever woke it, so that what a request caused is found by its trace. Where
 * several did, each in a trace of its own, the pass is none of theirs alone and begins another.
 */
import { nextStep } from "./current-trace.ts";
import type { TraceContext } from "./trace-context.ts";

export class WakingTrace {
  #waker: TraceContext | null = null;
  #areSeveral = false;

  /** Somebody woke the loop, in this trace; null: in none. */
  note(trace: TraceContext | null): void {
    if (trace === null) return;
    if (this.#waker !== null && this.#waker.traceId !== trace.traceId) this.#areSeveral = true;
    this.#waker = trace;
  }

  /** A pass begins: its step. Whoever wakes the loop from now on wakes the pass after it. */
  begin(): TraceContext {
    const waker = this.#areSeveral ? null : this.#waker;
    this.#waker = null;
    this.#areSeveral = false;
    return nextStep(waker);
  }
}
