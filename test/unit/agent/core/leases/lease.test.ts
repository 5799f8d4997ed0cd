import { describe, expect, test } from "vitest";
import {
  accessed,
  afterBind,
  bindAgainAfterMs,
  exhausted,
  isIdle,
  released,
  releaseDueInMs,
  reordered,
  warningDue,
  withNumber,
} from "@remotegpu/agent/core/leases/lease";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { heldLease, leaseRecord, wantedLease } from "../../../../support/samples/lease-samples.ts";

const NOW_MS = 5_000;
const BOUND = { kind: "bound" } as const;
const TAKEN = { kind: "taken" } as const;
const FOREIGN = { code: "lease-address-foreign", params: {} } as const;
const FAILED = { kind: "failed", reason: FOREIGN } as const;

describe("what a bind makes of a lease", () => {
  test("a first bind holds it, and its idle time begins then", () => {
    const lease = afterBind(withNumber(leaseRecord("a"), 20_001), BOUND, NOW_MS);

    expect(lease).toMatchObject({ state: "held", externalPort: 20_001, wasHeld: true, idleSinceMs: NOW_MS });
  });

  test.each([
    ["taken by a stranger", TAKEN, undefined],
    ["not to be bound", FAILED, FOREIGN],
  ])("a number that nobody knows yet and is %s is given up for another", (_how, outcome, reason) => {
    const lease = afterBind(withNumber(leaseRecord("a"), 20_001), outcome, NOW_MS);

    expect(lease).toMatchObject({ state: "waiting", externalPort: null, wasHeld: false });
    expect(lease.reason).toEqual(reason);
  });

  test.each([TAKEN, FAILED])("a number that it had stays its own: %j is a conflict", (outcome) => {
    const lease = afterBind(heldLease("a", 20_001), outcome, NOW_MS);

    expect(lease).toMatchObject({ state: "conflict", externalPort: 20_001, conflictSinceMs: NOW_MS });
    expect(lease.detail).toMatch(/port 20001|address/);
  });

  test("a conflict counts from its first failure, and is no idle time once it is over", () => {
    const held = heldLease("a", 20_001, { idleSinceMs: 100 });
    const twice = afterBind(afterBind(held, TAKEN, 1_000), TAKEN, 2_000);

    expect(twice.conflictSinceMs).toBe(1_000);
    expect(afterBind(twice, BOUND, 4_000)).toMatchObject({
      state: "held",
      detail: "",
      idleSinceMs: 3_100,
      conflictSinceMs: null,
    });
  });

  test("what reports nothing new changes nothing", () => {
    const held = heldLease("a", 20_001);
    const conflict = afterBind(held, TAKEN, 1_000);

    expect(afterBind(held, BOUND, NOW_MS)).toBe(held);
    expect(afterBind(conflict, TAKEN, NOW_MS)).toBe(conflict);
  });

  test("without a number it is exhausted, and gives the reason", () => {
    const reason = { code: "lease-ports-at-most", params: { max_ports: 1_024 } } as const;

    expect(exhausted(withNumber(leaseRecord("a"), 20_001), reason)).toMatchObject({
      state: "exhausted",
      externalPort: null,
      detail: "This host holds 1024 ports, which is the most.",
      reason,
    });
  });

  test("the reason of a conflict goes with it", () => {
    const conflict = afterBind(heldLease("a", 20_001), TAKEN, NOW_MS);
    const held = afterBind(conflict, BOUND, NOW_MS);

    expect(conflict).toMatchObject({
      detail: "Another program of the host uses port 20001; it is tried again.",
      reason: { code: "lease-port-taken", params: { port: 20_001 } },
    });
    expect(held).toMatchObject({ state: "held", detail: "" });
    expect(held).not.toHaveProperty("reason");
  });
});

test("failures in a row are followed by longer rests, up to a minute", () => {
  expect([1, 2, 3, 9, 40].map(bindAgainAfterMs)).toEqual([250, 500, 1_000, 60_000, 60_000]);
});

describe("an order for a lease that is known", () => {
  test("to release it ends it for good", () => {
    const over = reordered(heldLease("a", 20_001), wantedLease("a", { want: "released" }), NOW_MS);

    expect(over).toMatchObject({ state: "released", releasedBecause: "ordered", releasedMs: NOW_MS });
    expect(reordered(over, wantedLease("a"), NOW_MS + 1)).toBe(over);
  });

  test("with other hours changes them alone", () => {
    const lease = heldLease("a", 20_001);

    expect(reordered(lease, wantedLease("a", { autoReleaseHours: 2, internalPort: 9 }), NOW_MS)).toEqual({
      ...lease,
      autoReleaseHours: 2,
    });
    expect(reordered(lease, wantedLease("a"), NOW_MS)).toBe(lease);
  });
});

describe("other hours than before", () => {
  const lease = heldLease("a", 20_001, { autoReleaseHours: 48, idleSinceMs: 0 });
  const changed = (hours: number, nowMs: number, from = lease) =>
    reordered(from, wantedLease("a", { autoReleaseHours: hours }), nowMs);
  const H = MS_PER_HOUR;

  test.each([
    ["more", 20 * H, 96, 76 * H],
    ["fewer", 20 * H, 24, 4 * H],
    ["fewer, with just the warning's time left", 23 * H, 24, H],
    ["fewer, which are over already: the whole warning first", 30 * H, 24, H],
    ["so few that the warning is short: that one first", 30 * H, 1, H / 10],
    ["fewer, in an hour that was warned of: what is left of it", 47.5 * H, 24, H / 2],
    ["more, in an hour that was warned of", 47.5 * H, 50, 2.5 * H],
  ])("%s", (_how, nowMs, hours, dueInMs) => {
    const after = changed(hours, nowMs);

    expect(after.autoReleaseHours).toBe(hours);
    expect(releaseDueInMs(after, nowMs)).toBe(dueInMs);
    expect(isIdle(after, nowMs)).toBe(false);
  });

  test("of a number that a stranger keeps count as when it was taken", () => {
    const conflict = { ...lease, state: "conflict", conflictSinceMs: 30 * H } as const;
    const bound = afterBind(changed(24, 40 * H, conflict), BOUND, 50 * H);

    expect(releaseDueInMs(bound, 50 * H)).toBe(H);
  });
});

describe("idleness", () => {
  const lease = heldLease("a", 20_001, { autoReleaseHours: 48, idleSinceMs: 0 });
  const DUE_MS = 48 * MS_PER_HOUR;

  test.each([
    [DUE_MS - 12 * MS_PER_HOUR - 1, null, false],
    [DUE_MS - 12 * MS_PER_HOUR, "first", false],
    [DUE_MS - MS_PER_HOUR - 1, "first", false],
    [DUE_MS - MS_PER_HOUR, "last", false],
    [DUE_MS - MS_PER_MINUTE, "last", false],
    [DUE_MS - 1, "last", false],
    [DUE_MS, "last", true],
  ])("after %i ms: warned %s, idle %s", (nowMs, warning, isOver) => {
    expect([warningDue(lease, nowMs), isIdle(lease, nowMs)]).toEqual([warning, isOver]);
  });

  test.each([
    ["one hour", 1, 15 * MS_PER_MINUTE, 6 * MS_PER_MINUTE],
    ["a working day", 10, 2.5 * MS_PER_HOUR, MS_PER_HOUR],
    ["a day", 24, 6 * MS_PER_HOUR, MS_PER_HOUR],
    ["a month", 720, 12 * MS_PER_HOUR, MS_PER_HOUR],
  ])(
    "a lease of %s is warned of in its last quarter and its last tenth at most",
    (_what, hours, ...before) => {
      const one = { ...lease, autoReleaseHours: hours };
      const [firstMs = 0, lastMs = 0] = before.map((beforeMs) => hours * MS_PER_HOUR - beforeMs);

      const warnings = [firstMs - 1, firstMs, lastMs - 1, lastMs].map((nowMs) => warningDue(one, nowMs));

      expect(warnings).toEqual([null, "first", "first", "last"]);
    },
  );

  test.each(["waiting", "conflict", "exhausted", "released"] as const)(
    "a lease that is %s cannot be reached, so it is not idle",
    (state) => {
      expect(releaseDueInMs({ ...lease, state }, DUE_MS * 2)).toBeNull();
      expect(isIdle({ ...lease, state }, DUE_MS * 2)).toBe(false);
    },
  );

  test("access begins it anew; a probe that sent nothing only counts its bytes", () => {
    const probe = { nowMs: 9, wallMs: 1_009, isUsed: false, bytesIn: 0, bytesOut: 12 };

    expect(accessed(lease, probe)).toEqual({ ...lease, bytesOut: 12 });
    expect(accessed(lease, { ...probe, isUsed: true, bytesIn: 5 })).toMatchObject({
      idleSinceMs: 9,
      lastAccessedWallMs: 1_009,
      bytesIn: 5,
      bytesOut: 12,
    });
  });

  test("what ends by idleness reports it", () => {
    expect(released(lease, "idle", DUE_MS)).toMatchObject({
      state: "released",
      releasedBecause: "idle",
      detail: "Nobody used it for 48 hours.",
    });
  });
});
