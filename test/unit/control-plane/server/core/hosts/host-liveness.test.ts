import { expect, test } from "vitest";
import {
  AMNESTY_MS,
  connectionOf,
  hostStatus,
  isHeardNow,
  listenOn,
  SUSPECT_AFTER_MS,
} from "@remotegpu/control-plane/server/core/hosts/host-liveness";

const LONG_AGO = -10 * AMNESTY_MS;

test.each([
  [29_999, "connected"],
  [30_000, "suspect"],
  [89_999, "suspect"],
  [90_000, "unreachable"],
] as const)("silent for %i ms: %s", (silentMs, connection) => {
  expect(connectionOf({ lastHeartbeatMs: 0, nowMs: silentMs, listeningSinceMs: LONG_AGO })).toBe(connection);
});

test.each([
  [null, false],
  [70_000, false],
  [70_001, true],
] as const)("a heartbeat at %s is of just now, 30 s later: %s", (lastHeartbeatMs, isNow) => {
  expect(isHeardNow({ lastHeartbeatMs, nowMs: 100_000 })).toBe(isNow);
});

test("a host that was never heard is neither", () => {
  expect(connectionOf({ lastHeartbeatMs: null, nowMs: 1, listeningSinceMs: 0 })).toBe("never");
});

test("after the control plane comes back a silent host is suspect until the amnesty ends", () => {
  const silence = { lastHeartbeatMs: 0, listeningSinceMs: 1_000_000 };

  expect(connectionOf({ ...silence, nowMs: 1_000_000 + AMNESTY_MS - 1 })).toBe("suspect");
  expect(connectionOf({ ...silence, nowMs: 1_000_000 + AMNESTY_MS })).toBe("unreachable");
});

test.each([
  { why: "the first look", before: null, hears: true, sinceMs: 1_000_000 },
  { why: "a look just after another", before: 1_000_000 - SUSPECT_AFTER_MS + 1, hears: true, sinceMs: 7 },
  { why: "a look after too long", before: 1_000_000 - SUSPECT_AFTER_MS, hears: true, sinceMs: 1_000_000 },
  { why: "a look by one who is deaf", before: 999_999, hears: false, sinceMs: undefined },
])("$why: listening since $sinceMs", ({ before, hears, sinceMs }) => {
  const last = before === null ? null : { sinceMs: 7, untilMs: before };

  expect(listenOn(last, { nowMs: 1_000_000, hears })?.sinceMs).toBe(sinceMs);
});

test.each([
  ["connected", false, "online"],
  ["suspect", false, "online"],
  ["unreachable", false, "offline"],
  ["never", false, "offline"],
  ["connected", true, "maintenance"],
  ["unreachable", true, "maintenance"],
] as const)("a host that is %s (cordoned: %s) is %s", (connection, isCordoned, status) => {
  expect(hostStatus(connection, isCordoned)).toBe(status);
});
