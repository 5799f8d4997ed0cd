import { expect, describe, test } from "vitest";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { OVERDUE_MS } from "@remotegpu/control-plane/server/core/hosts/upgrades/host-upgrade";
import {
  type HostNow,
  type HostOfUpgrade,
  planUpgrade,
  type Upgrade,
} from "@remotegpu/control-plane/server/core/hosts/upgrades/upgrade-plan";
import type { UpgradeReport, UpgradeResult } from "@remotegpu/shared/messages/upgrade-report";

const OLD = "0.1.0-0f1e2d3c4b5a";
const NEW = "0.2.0-1a2b3c4d5e6f";
const NOW = { nowMs: 10_000_000, calmMs: 600_000 };

const upgradeTo = (change: Partial<Upgrade> = {}): Upgrade => ({
  version: NEW,
  state: "running",
  wave: 0,
  waveCount: 3,
  calmSinceMs: null,
  reason: null,
  ...change,
});

const runs = (version: string, change: Partial<UpgradeReport> = {}): UpgradeReport => ({
  version,
  committed: version,
  phase: null,
  to: null,
  last: null,
  ...change,
});

const result = (change: Partial<UpgradeResult> = {}): UpgradeResult => ({
  attempt: 3,
  from: OLD,
  to: NEW,
  result: "reverted",
  reason: null,
  at: "2026-01-01T00:00:00.000Z",
  ...change,
});

const hostOf = (change: Partial<HostOfUpgrade> = {}): HostOfUpgrade => ({
  hostId: "h1",
  wave: 0,
  state: "waiting",
  reason: null,
  fromVersion: null,
  orderedAtMs: null,
  attemptBefore: null,
  conditionsBefore: [],
  pending: null,
  isAcknowledged: false,
  ...change,
});

const ORDERED = { state: "ordered", orderedAtMs: NOW.nowMs - 60_000, fromVersion: OLD } as const;
const UPGRADED = { ...ORDERED, state: "upgraded" } as const;

const now = (change: Partial<HostNow> = {}): HostNow => ({
  hostName: "gpu-01",
  connection: "connected",
  isInFleet: true,
  features: ["upgrades"],
  report: runs(OLD),
  conditions: [],
  headSeq: 7,
  watermark: 7,
  ...change,
});

const plan = (upgrade: Partial<Upgrade>, ...hosts: [Partial<HostOfUpgrade>, Partial<HostNow>][]) =>
  planUpgrade(
    upgradeTo(upgrade),
    hosts.map(([host, seen]) => [hostOf(host), now(seen)]),
    NOW,
  );

const wordsOf = ({ upgrade }: ReturnType<typeof plan>) => upgrade.reason && inEnglish(upgrade.reason);

describe("a host whose turn has come", () => {
  test("is ordered, with what was so before", () => {
    const { hosts } = plan({}, [
      {},
      { conditions: ["no-live-restore"], report: runs(OLD, { last: result() }) },
    ]);

    expect(hosts).toEqual([
      hostOf({
        state: "ordered",
        orderedAtMs: NOW.nowMs,
        fromVersion: OLD,
        attemptBefore: "3 2026-01-01T00:00:00.000Z",
        conditionsBefore: ["no-live-restore"],
      }),
    ]);
  });

  test.each<[string, Partial<HostNow>]>([
    ["it is unreachable", { connection: "unreachable" }],
    ["it is suspect", { connection: "suspect" }],
    ["it has not connected yet", { connection: "never" }],
    ["taken out of the fleet", { isInFleet: false }],
    [
      "its agent cannot upgrade itself: it is too old, or does not run from an installed release",
      { features: [] },
    ],
  ])("is skipped where %s, and ordered once it can be", (why, seen) => {
    const [skipped] = plan({}, [{}, seen]).hosts;

    expect(skipped).toMatchObject({ state: "skipped", orderedAtMs: null });
    expect(skipped?.reason && inEnglish(skipped.reason)).toBe(why);
    expect(plan({}, [skipped ?? {}, {}]).hosts).toMatchObject([{ state: "ordered", reason: null }]);
  });

  test("that runs the release already has finished", () => {
    expect(plan({}, [{}, { report: runs(NEW) }]).hosts).toMatchObject([{ state: "upgraded" }]);
  });

  test("that refuses the release since an attempt before has finished, and halts nothing", () => {
    const planned = plan({ wave: 1 }, [
      { wave: 1 },
      { report: runs(OLD, { refused: [NEW], last: result() }) },
    ]);

    expect(planned.hosts).toMatchObject([{ state: "refused", isAcknowledged: true }]);
    expect(planned.upgrade.state).toBe("running");
  });

  test.each(["paused", "halted"] as const)("waits while the upgrade is %s", (state) => {
    expect(plan({ state }, [{}, {}]).hosts).toEqual([hostOf()]);
  });

  test("waits for its wave", () => {
    expect(plan({ wave: 0 }, [{ wave: 1 }, {}]).hosts).toEqual([hostOf({ wave: 1 })]);
  });
});

describe("a host that was ordered", () => {
  test.each<[string, Partial<HostNow>]>([
    ["has not begun", {}],
    ["checks the release", { report: runs(OLD, { phase: "checking", to: NEW }) }],
    ["is on probation", { report: runs(NEW, { committed: OLD, phase: "probation", to: NEW }) }],
    ["reports the attempt before", { report: runs(OLD, { last: result() }) }],
    ["is silent", { connection: "unreachable" }],
  ])("is waited for while it %s", (_what, seen) => {
    const planned = plan({}, [{ ...ORDERED, attemptBefore: "3 2026-01-01T00:00:00.000Z" }, seen]);

    expect(planned.hosts).toMatchObject([{ state: "ordered" }]);
    expect(planned.upgrade).toMatchObject({ state: "running", wave: 0, calmSinceMs: null });
    expect(wordsOf(planned)).toBe("1 host of this wave has not finished: gpu-01.");
  });

  test("has finished once it has committed the release", () => {
    const planned = plan({}, [ORDERED, { report: runs(NEW, { last: result({ result: "committed" }) }) }]);

    expect(planned.hosts).toMatchObject([{ state: "upgraded" }]);
    expect(planned.upgrade).toMatchObject({ state: "running", wave: 0, calmSinceMs: NOW.nowMs });
  });

  test.each([
    ["reverted", "Host gpu-01 went back to its release of before."],
    ["refused", "Host gpu-01 refused the release."],
  ] as const)("halts the upgrade where it has %s the release", (state, words) => {
    const planned = plan({}, [
      ORDERED,
      { report: runs(OLD, { last: result({ attempt: 4, result: state }) }) },
    ]);

    expect(planned.hosts).toMatchObject([{ state }]);
    expect(planned.upgrade.state).toBe("halted");
    expect(wordsOf(planned)).toBe(words);
  });

  test("halts the upgrade with the code that a later release gives as its reason", () => {
    const reason = { code: "not-known-here", params: {} };
    const planned = plan({}, [ORDERED, { report: runs(OLD, { last: result({ reason }) }) }]);

    expect(wordsOf(planned)).toBe("Host gpu-01 went back to its release of before. not-known-here");
  });

  test("halts the upgrade where it does not finish in time, and not a moment before", () => {
    const at = (ms: number) => plan({}, [{ ...ORDERED, orderedAtMs: NOW.nowMs - ms }, {}]);

    expect(at(OVERDUE_MS - 1).upgrade.state).toBe("running");
    expect(at(OVERDUE_MS).hosts).toMatchObject([{ state: "overdue" }]);
    expect(wordsOf(at(OVERDUE_MS))).toBe("Host gpu-01 was to be upgraded and has not finished in time.");
  });

  test("that was overdue and comes through after all has finished", () => {
    const late = { ...ORDERED, state: "overdue", isAcknowledged: true } as const;

    expect(plan({}, [late, { report: runs(NEW) }]).hosts).toMatchObject([
      { state: "upgraded", reason: null },
    ]);
  });

  test("that leaves the fleet is waited for no longer", () => {
    expect(plan({ wave: 1 }, [ORDERED, { isInFleet: false }]).hosts).toMatchObject([{ state: "skipped" }]);
  });
});

describe("the next wave", () => {
  const waves: [Partial<HostOfUpgrade>, Partial<HostNow>][] = [
    [UPGRADED, { report: runs(NEW) }],
    [{ hostId: "h2", wave: 1 }, { hostName: "gpu-02" }],
  ];

  test("begins when nothing was wrong for as long as is set, and not a moment before", () => {
    const since = (ms: number) => plan({ calmSinceMs: NOW.nowMs - ms }, ...waves).upgrade;

    expect(since(NOW.calmMs - 1)).toMatchObject({ wave: 0, calmSinceMs: NOW.nowMs - NOW.calmMs + 1 });
    expect(since(NOW.calmMs)).toMatchObject({ wave: 1, calmSinceMs: null, state: "running" });
  });

  test("waits for an upgraded host that is not heard", () => {
    const planned = plan({ calmSinceMs: 0 }, [UPGRADED, { report: runs(NEW), connection: "suspect" }]);

    expect(planned.upgrade).toMatchObject({ wave: 0, calmSinceMs: null });
    expect(wordsOf(planned)).toBe("Host gpu-01 was upgraded and is not heard.");
  });

  test("waits for a journal that lags", () => {
    const pending = { head: 7, sinceMs: NOW.nowMs - 60_000 };
    const planned = plan({ calmSinceMs: 0 }, [
      { ...UPGRADED, pending },
      { report: runs(NEW), watermark: 6 },
    ]);

    expect(wordsOf(planned)).toBe("The journal of host gpu-01, which was upgraded, lags.");
  });

  test("waits for a condition that was not there before, and for no other", () => {
    const before = { ...UPGRADED, conditionsBefore: ["disk-full"] };
    const seen = (...conditions: string[]) =>
      plan({ calmSinceMs: 0 }, [before, { report: runs(NEW), conditions }]);

    expect(seen("disk-full").upgrade.wave).toBe(1);
    expect(wordsOf(seen("disk-full", "runtime-down"))).toBe(
      "Host gpu-01 was upgraded and is degraded since: runtime-down.",
    );
  });

  test("waits for a canary: a first wave that was skipped proves nothing", () => {
    const planned = plan({ calmSinceMs: 0 }, [{}, { connection: "unreachable" }]);

    expect(planned.upgrade).toMatchObject({ wave: 0, calmSinceMs: null });
    expect(wordsOf(planned)).toBe("The first wave has no host that was upgraded. gpu-01: it is unreachable.");
  });

  test("needs no canary where an administrator went on in spite of its failure", () => {
    const failed = { ...ORDERED, state: "reverted", isAcknowledged: true } as const;

    expect(plan({ calmSinceMs: 0 }, [failed, {}]).upgrade).toMatchObject({ state: "running", wave: 1 });
  });

  test("is none after the last: the upgrade has finished", () => {
    const last = { wave: 2, waveCount: 3, calmSinceMs: 0 };

    expect(plan(last, [UPGRADED, { report: runs(NEW) }]).upgrade.state).toBe("finished");
  });
});

test("what halted an upgrade and was not acknowledged halts it again", () => {
  expect(plan({ wave: 1 }, [{ ...ORDERED, state: "reverted" }, {}]).upgrade.state).toBe("halted");
});
