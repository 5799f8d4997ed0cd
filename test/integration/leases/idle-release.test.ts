/** When a lease is let go because nobody uses it, on a clock that the test sets: what holds it, and what does not count. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LeaseKeeper } from "@remotegpu/agent/access/leases/lease-keeper";
import { openLeaseStore, type LeaseStore } from "@remotegpu/agent/access/store/lease-store";
import { UseMeter } from "@remotegpu/agent/core/access/session-use";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { quietLog } from "../../support/quiet-log.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

const LEASE = "lease-1" as LeaseId;
let folder: string;
let nowMs: number;
let store: LeaseStore;
let keeper: LeaseKeeper;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "rg-idle-"));
  nowMs = 0;
  begin();
  keeper.take({
    term: 1,
    generation: 1,
    leases: [wantedLease(LEASE, { service: "ssh", internalPort: 2022 })],
  });
  keeper.wake();
  await keeper.settled();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** An access process on what the one before has written. */
function begin(): void {
  ({ store } = openLeaseStore(folder));
  keeper = new LeaseKeeper({
    store,
    binder: { listen: () => Promise.resolve({ kind: "bound" }), close: () => undefined },
    range: { first: 20_000, last: 20_010 },
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    chance: () => 0,
    onMessage: () => undefined,
    log: quietLog,
  });
}

/** The process is away for so long: killed, or the host was off. */
function awayFor(ms: number): void {
  keeper.writeDown();
  store.close();
  nowMs += ms;
  begin();
}

function goOn(ms: number): void {
  nowMs += ms;
  keeper.tick();
}

const state = () => keeper.find(LEASE)?.state;

/** What the relay would tell of one open session, with so many bytes each minute. */
function sessionFor(
  ms: number,
  { bytesAMinute, hasLogin }: { bytesAMinute: number; hasLogin: boolean },
): void {
  const meter = new UseMeter("login", nowMs);
  let bytesIn = 0;
  for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += MS_PER_MINUTE) {
    bytesIn += bytesAMinute;
    const isUsed = meter.isUsed({ ms: nowMs, bytesIn, bytesOut: 0, hasLogin });
    keeper.noteActivity([{ leaseId: LEASE, isUsed, bytesIn: bytesAMinute, bytesOut: 0 }]);
  }
  keeper.tick();
}

test("it is held for 47 h 59 m without access, and released after 48 h", () => {
  goOn(48 * MS_PER_HOUR - MS_PER_MINUTE);
  expect(state()).toBe("held");

  goOn(MS_PER_MINUTE);

  expect(keeper.find(LEASE)).toMatchObject({ state: "released", releasedBecause: "idle" });
});

test("time in which nobody watched does not count", async () => {
  goOn(47 * MS_PER_HOUR);
  awayFor(100 * MS_PER_HOUR);
  keeper.wake();
  await keeper.settled();

  goOn(59 * MS_PER_MINUTE);
  expect(state()).toBe("held");

  goOn(MS_PER_MINUTE);
  expect(state()).toBe("released");
});

test("an open session with bytes holds it, and its end begins the hours", () => {
  sessionFor(60 * MS_PER_HOUR, { bytesAMinute: 10_000, hasLogin: true });
  expect(state()).toBe("held");

  // Its last bytes came a minute ago.
  goOn(48 * MS_PER_HOUR - 2 * MS_PER_MINUTE);
  expect(state()).toBe("held");
  goOn(MS_PER_MINUTE);
  expect(state()).toBe("released");
});

test.each([
  ["a client that only stays connected holds it by its login alone", { bytesAMinute: 2_000, hasLogin: true }],
  ["clients that never log in do not hold it", { bytesAMinute: 1_000_000, hasLogin: false }],
])("%s", (_what, session) => {
  sessionFor(48 * MS_PER_HOUR - MS_PER_MINUTE, session);
  expect(state()).toBe("held");

  goOn(2 * MS_PER_MINUTE);

  expect(state()).toBe("released");
});
