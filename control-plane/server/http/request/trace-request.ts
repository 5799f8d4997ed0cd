/**
 * The trace of a request (W3C Trace Context): the client's where it names a valid one, else one of its own. The answer
 * names it, and all that is logged, written and sent meanwhile has its id.
 */
import { createMiddleware } from "hono/factory";
import { inTrace, stepOf } from "@remotegpu/shared/tracing/current-trace";
import {
  TRACEPARENT,
  TRACERESPONSE,
  TRACESTATE,
  writeTraceparent,
} from "@remotegpu/shared/tracing/trace-context";
import type { ApiEnv } from "../deps.ts";

export const traceRequest = createMiddleware<ApiEnv>(async (c, next) => {
  const { headers } = c.req.raw;
  const step = stepOf({ traceparent: headers.get(TRACEPARENT), tracestate: headers.get(TRACESTATE) });
  c.set("traceId", step.traceId);
  await inTrace(step, next);
  c.header(TRACERESPONSE, writeTraceparent(step));
});
