/**
 * The trace of a message over NATS, as its header `traceparent`. A tracestate ends here: it is for tracing systems behind
 * HTTP, and none is behind NATS. Whoever does not know the header ignores it.
 */
import { currentTrace, inTrace, stepOf } from "../tracing/current-trace.ts";
import { TRACEPARENT, writeTraceparent } from "../tracing/trace-context.ts";

/** The part of NATS' headers that is read and written; the library is its users'. */
interface Headers {
  get(name: string): string;
  set(name: string, value: string): void;
}

/** Adds the current trace; outside of traces nothing. */
export function withTrace<Given extends Headers>(headers: Given): Given {
  const trace = currentTrace();
  if (trace !== null) headers.set(TRACEPARENT, writeTraceparent(trace));
  return headers;
}

/** Handles a message in the trace that it came in, or in one of its own. */
export function inTraceOf<T>({ headers }: { headers?: Headers | undefined }, work: () => T): T {
  return inTrace(stepOf({ traceparent: headers?.get(TRACEPARENT) }), work);
}
