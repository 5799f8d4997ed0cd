/**
 * The trace of a request to the gateway: the client's where it names a valid one, else one of its own. Containers and
 * replicas receive it in the request's own headers, which go on from here.
 */
import type { IncomingMessage } from "node:http";
import { stepOf } from "@remotegpu/shared/tracing/current-trace";
import {
  TRACEPARENT,
  TRACESTATE,
  type TraceContext,
  writeTraceparent,
} from "@remotegpu/shared/tracing/trace-context";

export function traceOf({ headers }: Pick<IncomingMessage, "headers">): TraceContext {
  const step = stepOf({ traceparent: textOf(headers[TRACEPARENT]), tracestate: textOf(headers[TRACESTATE]) });
  headers[TRACEPARENT] = writeTraceparent(step);
  if (step.state === null) delete headers[TRACESTATE];
  else headers[TRACESTATE] = step.state;
  return step;
}

/** Node joins a header that came twice to one text, in which a list goes on and a traceparent is none. */
function textOf(value: string | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}
