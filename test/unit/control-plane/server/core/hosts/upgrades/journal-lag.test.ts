import { expect, test } from "vitest";
import { isLagging, pendingHead } from "@remotegpu/control-plane/server/core/hosts/upgrades/journal-lag";

const PENDING = { head: 100, sinceMs: 1_000 };

test.each([
  { what: "all is ingested", before: PENDING, head: 120, watermark: 120, after: null },
  {
    what: "rows are first seen",
    before: null,
    head: 120,
    watermark: 90,
    after: { head: 120, sinceMs: 5_000 },
  },
  { what: "the same rows still wait", before: PENDING, head: 120, watermark: 99, after: PENDING },
  {
    what: "those are ingested and others wait",
    before: PENDING,
    head: 120,
    watermark: 100,
    after: { head: 120, sinceMs: 5_000 },
  },
])("the head that is not ingested, when $what", ({ before, head, watermark, after }) => {
  expect(pendingHead(before, { head, watermark, nowMs: 5_000 })).toEqual(after);
});

test.each([
  { pending: null, nowMs: 1e9, lags: false },
  { pending: PENDING, nowMs: 60_999, lags: false },
  { pending: PENDING, nowMs: 61_000, lags: true },
])("a journal lags after a minute: $nowMs", ({ pending, nowMs, lags }) => {
  expect(isLagging(pending, nowMs)).toBe(lags);
});
