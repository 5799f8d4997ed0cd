/** What containers and replicas receive of a trace. */
import { expect, test } from "vitest";
import { traceOf } from "@remotegpu/control-plane/gateway/entry/request-trace";
import { writeTraceparent } from "@remotegpu/shared/tracing/trace-context";

const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("the request goes on in its trace, as a step of the gateway's, with its state", () => {
  const headers = { traceparent: PARENT, tracestate: "congo=t61rcWkgMzE", accept: "*/*" };

  const step = traceOf({ headers });

  expect(step).toMatchObject({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", isSampled: true });
  expect(headers).toEqual({
    traceparent: writeTraceparent(step),
    tracestate: "congo=t61rcWkgMzE",
    accept: "*/*",
  });
  expect(headers.traceparent).not.toBe(PARENT);
});

test.each([
  [{}],
  [{ traceparent: `${PARENT}, ${PARENT}`, tracestate: "a=1" }],
  [{ traceparent: "nonsense" }],
])("a request without a valid trace begins one, without a state: %j", (given) => {
  const headers = { ...given };

  const step = traceOf({ headers });

  expect(headers).toEqual({ traceparent: writeTraceparent(step) });
  expect(step.traceId).not.toBe("4bf92f3577b34da6a3ce929d0e0e4736");
});
