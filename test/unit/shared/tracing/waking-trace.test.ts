/** Whose trace a loop's next pass continues. */
import { expect, test } from "vitest";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { WakingTrace } from "@remotegpu/shared/tracing/waking-trace";

test("a pass that one request woke continues its trace, and the pass after it does not", () => {
  const waking = new WakingTrace();
  const request = newTrace();

  waking.note(request);
  waking.note(null);
  waking.note(request);
  const [woken, next] = [waking.begin(), waking.begin()];

  expect(woken).toEqual({ ...request, spanId: woken.spanId });
  expect(woken.spanId).not.toBe(request.spanId);
  expect(next.traceId).not.toBe(request.traceId);
});

test("a pass that several woke is in a trace of its own", () => {
  const waking = new WakingTrace();
  const [first, second] = [newTrace(), newTrace()];

  for (const trace of [first, second, first]) waking.note(trace);

  expect([first.traceId, second.traceId]).not.toContain(waking.begin().traceId);
});
