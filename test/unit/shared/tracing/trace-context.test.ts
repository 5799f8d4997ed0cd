/** W3C Trace Context: the examples of the Recommendation, and what is none. */
import { expect, test } from "vitest";
import {
  beginning,
  continuing,
  readTraceparent,
  writeTraceparent,
} from "@remotegpu/shared/tracing/trace-context";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const VALID = `00-${TRACE}-${SPAN}-01`;

test("a traceparent is read and written as it came", () => {
  const read = readTraceparent(VALID);

  expect(read).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true, state: null });
  expect(read && writeTraceparent(read)).toBe(VALID);
});

test("the next step keeps trace, sampled flag and state", () => {
  const parent = readTraceparent(VALID, "congo=t61rcWkgMzE");
  const step = parent && continuing(parent, "b7ad6b7169203331");

  expect(step).toEqual({
    traceId: TRACE,
    spanId: "b7ad6b7169203331",
    isSampled: true,
    state: "congo=t61rcWkgMzE",
  });
  expect(step && writeTraceparent(step)).toBe(`00-${TRACE}-b7ad6b7169203331-01`);
});

test("a trace of our own is not sampled", () => {
  expect(writeTraceparent(beginning(TRACE, SPAN))).toBe(`00-${TRACE}-${SPAN}-00`);
});

test.each([
  ["not sampled", `00-${TRACE}-${SPAN}-00`, false],
  ["flags that are not known", `00-${TRACE}-${SPAN}-fe`, false],
  ["sampled among flags that are not known", `00-${TRACE}-${SPAN}-ff`, true],
  ["a later version", `cc-${TRACE}-${SPAN}-01`, true],
  ["a later version that says more", `cc-${TRACE}-${SPAN}-01-what-the-future-holds`, true],
])("is read: %s", (_what, header, isSampled) => {
  expect(readTraceparent(header)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled, state: null });
});

test.each([
  ["nothing", undefined],
  ["the empty text", ""],
  ["a version that is forbidden", `ff-${TRACE}-${SPAN}-01`],
  ["version 00 that says more", `${VALID}-more`],
  ["a later version with more but no dash", `cc-${TRACE}-${SPAN}-01more`],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
  ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["capitals", VALID.toUpperCase()],
  ["a short trace id", `00-${TRACE.slice(1)}-${SPAN}-01`],
  ["a long parent id", `00-${TRACE}-${SPAN}0-01`],
  ["another alphabet", `00-${TRACE.replace("4", "g")}-${SPAN}-01`],
  ["two of them", `${VALID}, ${VALID}`],
  ["a line break", `${VALID}\nlevel=error`],
])("is no traceparent: %s", (_what, header) => {
  expect(readTraceparent(header)).toBeNull();
});

test.each([
  ["one member", "congo=t61rcWkgMzE"],
  ["several", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
  ["spaces around the comma", "rojo=1 , \tcongo=2"],
  ["an empty member", "rojo=1,,congo=2"],
  ["a tenant", "fw529a3039@dt=FfAAAAAA"],
  ["512 characters", `a=${"x".repeat(254)},b=${"y".repeat(253)}`],
  ["32 members", Array.from({ length: 32 }, (_, nth) => `k${nth}=1`).join(",")],
])("a tracestate is handed on unchanged: %s", (_what, state) => {
  expect(readTraceparent(VALID, state)?.state).toBe(state);
});

test.each([
  ["nothing", ""],
  ["only commas", ",,"],
  ["no value", "rojo="],
  ["no key", "=1"],
  ["a key in capitals", "Rojo=1"],
  ["a value with an equals sign", "rojo=1=2"],
  ["a value beyond ASCII", "rojo=ä"],
  ["one key twice", "rojo=1,rojo=2"],
  ["33 members", Array.from({ length: 33 }, (_, nth) => `k${nth}=1`).join(",")],
  ["513 characters", `a=${"x".repeat(254)},b=${"y".repeat(254)}`],
  ["a line break", "rojo=1\nx: y"],
])("a tracestate is left out: %s", (_what, state) => {
  expect(readTraceparent(VALID, state)).toMatchObject({ traceId: TRACE, state: null });
});
