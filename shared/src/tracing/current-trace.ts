/**
 * The trace of what is being done now, carried along by Node through everything that is waited for. It begins at the edge
 * (a request, a message, a pass of a loop); log lines, events and messages to others take it from here.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { beginning, continuing, readTraceparent, type TraceContext } from "./trace-context.ts";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

const current = new AsyncLocalStorage<TraceContext>();

/** Null outside of everything that has a trace. */
export function currentTrace(): TraceContext | null {
  return current.getStore() ?? null;
}

export function newTrace(): TraceContext {
  const ids = randomBytes(TRACE_ID_BYTES + SPAN_ID_BYTES).toString("hex");
  return beginning(ids.slice(0, TRACE_ID_BYTES * 2), ids.slice(TRACE_ID_BYTES * 2));
}

/** A step of its own in the parent's trace; of null, the first of a new one. */
export function nextStep(parent: TraceContext | null): TraceContext {
  return parent === null ? newTrace() : continuing(parent, randomBytes(SPAN_ID_BYTES).toString("hex"));
}

/** The step that handles a message with these headers. */
export function stepOf(headers: {
  traceparent: string | null | undefined;
  tracestate?: string | null | undefined;
}): TraceContext {
  return nextStep(readTraceparent(headers.traceparent, headers.tracestate));
}

/** Does the work, and whatever it begins, in this trace. */
export function inTrace<T>(trace: TraceContext, work: () => T): T {
  return current.run(trace, work);
}

/** Does the work, and whatever it begins, in no trace: for what outlives the request or pass that happens to begin it. */
export function outsideOfTraces<T>(work: () => T): T {
  return current.exit(work);
}
