/** The trace that is carried along, and what begins or continues one. */
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  currentTrace,
  inTrace,
  newTrace,
  nextStep,
  outsideOfTraces,
  stepOf,
} from "@remotegpu/shared/tracing/current-trace";
import { readTraceparent, writeTraceparent } from "@remotegpu/shared/tracing/trace-context";

test("whatever is waited for stays in its trace, and two at once do not mix", async () => {
  const [first, second] = [newTrace(), newTrace()];
  const seen = async () => {
    await pause(1);
    return currentTrace();
  };

  expect(await Promise.all([inTrace(first, seen), inTrace(second, seen), seen()])).toEqual([
    first,
    second,
    null,
  ]);
});

test("a new trace is valid, and no two are the same", () => {
  const [one, other] = [newTrace(), newTrace()];

  expect(readTraceparent(writeTraceparent(one))).toEqual(one);
  expect(other.traceId).not.toBe(one.traceId);
});

test("a step continues its parent under an id of its own, and begins a trace where there is none", () => {
  const parent = newTrace();

  expect(nextStep(parent)).toEqual({ ...parent, spanId: expect.not.stringMatching(parent.spanId) });
  expect(readTraceparent(writeTraceparent(nextStep(null)))).not.toBeNull();
});

test("a header that is invalid is replaced and not refused", () => {
  const parent = newTrace();

  expect(stepOf({ traceparent: writeTraceparent(parent) }).traceId).toBe(parent.traceId);
  expect(stepOf({ traceparent: "nonsense" }).traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
});

test("what outlives a request can be begun in no trace", async () => {
  const later = async () => {
    await pause(1);
    return currentTrace();
  };

  expect(await inTrace(newTrace(), () => outsideOfTraces(later))).toBeNull();
});
