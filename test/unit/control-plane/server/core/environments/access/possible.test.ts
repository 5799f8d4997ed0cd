/** Times and bytes as hosts tell them, drawn to what can be. */
import { expect, test } from "vitest";
import {
  possibleBytes,
  possibleTime,
} from "@remotegpu/control-plane/server/core/environments/access/possible";

const from = new Date("2026-03-01T10:00:00Z");
const to = new Date("2026-03-01T11:00:00Z");

test.each([
  ["2026-03-01T10:30:00Z", "2026-03-01T10:30:00.000Z"],
  ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z"],
  ["2026-03-01T09:59:59Z", "2026-03-01T10:00:00.000Z"],
  ["2026-03-01T11:00:00Z", "2026-03-01T11:00:00.000Z"],
  ["2099-01-01T00:00:00Z", "2026-03-01T11:00:00.000Z"],
  ["-271821-04-20T00:00:00Z", "2026-03-01T10:00:00.000Z"],
  ["soon", "2026-03-01T11:00:00.000Z"],
  ["", "2026-03-01T11:00:00.000Z"],
])("%j is %s", (label, expected) => {
  expect(possibleTime(label, { from, to }).toISOString()).toBe(expected);
});

test("a span that ends before it begins is its begin", () => {
  expect(possibleTime("2026-03-01T10:30:00Z", { from: to, to: from })).toEqual(to);
});

test("bytes are as reported, up to a terabit a second, and a minute for clocks that differ", () => {
  const second = { from, to: new Date(from.getTime() + 1000) };

  expect(possibleBytes(4096, second)).toBe(4096);
  expect(possibleBytes(Number.MAX_SAFE_INTEGER, second)).toBe(61_000 * 125_000_000);
  expect(possibleBytes(Number.MAX_SAFE_INTEGER, { from: to, to: from })).toBe(60_000 * 125_000_000);
  const years = { from: new Date(0), to };
  expect(possibleBytes(Number.MAX_SAFE_INTEGER, years)).toBe(Number.MAX_SAFE_INTEGER);
});
