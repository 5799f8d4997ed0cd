/** How new versions fare, second by second, as systemd and their health files show it, until they are judged. */
import { describe, expect, test } from "vitest";
import {
  baselineOf,
  HUNG_AFTER_MS,
  judge,
  newProbation,
  PROBATION_MS,
  READY_WITHIN_MS,
  withStarts,
  type Observed,
  type ReportedHealth,
  type UnitState,
  type Verdict,
} from "../../../../../agent/src/core/upgrade/probation.ts";
import type { Baseline } from "../../../../../agent/src/core/upgrade/upgrade-files.ts";

const SINCE_MS = 1_000_000;
const TICK_MS = 10_000;
const WORK = { instanceId: "ins-1", runId: "run-1", pid: 4_000, startTicks: 77 };
const CONNECTED: Baseline = { isControlPlaneAway: false, instances: [WORK] };
const AWAY: Baseline = { isControlPlaneAway: true, instances: [] };

interface Life {
  /** Milliseconds since the switch. */
  from: number;
  to?: number;
}

/** What is seen at a time since the switch, of a version whose agent's processes have these lives. */
type History = (atMs: number) => Partial<Observed>;

function unit(pid: number | null, startedMs: number | null): UnitState {
  return { pid, startedMs, hasHung: false };
}

function health(lifeFromMs: number, atMs: number, change: Partial<ReportedHealth> = {}): ReportedHealth {
  const ticks = Math.floor((atMs - lifeFromMs) / TICK_MS);
  return {
    pid: 100 + lifeFromMs,
    bootId: "boot",
    startedMs: SINCE_MS + lifeFromMs,
    writtenMs: SINCE_MS + lifeFromMs + ticks * TICK_MS,
    heartbeats: ticks,
    controlPlane: "connected",
    ticks,
    lastTickMs: ticks === 0 ? null : SINCE_MS + lifeFromMs + ticks * TICK_MS,
    instances: [WORK],
    unorderedEnds: 0,
    ...change,
  };
}

/** An agent that works through its lives, with changes to what it writes about itself. */
function living(
  lives: readonly Life[],
  change: (atMs: number) => Partial<ReportedHealth> = () => ({}),
): History {
  return (atMs) => {
    const life = lives.findLast(({ from }) => from <= atMs);
    if (life === undefined) return { agent: unit(null, null) };
    const isAlive = life.to === undefined || atMs < life.to;
    return {
      agent: unit(isAlive ? 100 + life.from : null, SINCE_MS + life.from),
      health: health(life.from, Math.min(atMs, life.to ?? atMs), change(atMs)),
    };
  };
}

/** Polls each second until there is a verdict. */
function outcome(history: History, { baseline = CONNECTED }: { baseline?: Baseline | null } = {}) {
  let probation = newProbation("boot", SINCE_MS);
  for (let atMs = 0; atMs <= 2 * PROBATION_MS; atMs += 1_000) {
    const observed: Observed = {
      bootId: "boot",
      nowMs: SINCE_MS + atMs,
      agent: unit(null, null),
      files: unit(50, SINCE_MS),
      health: null,
      alive: [WORK],
      ...history(atMs),
    };
    probation = withStarts(probation, observed);
    const verdict = judge({ probation, baseline, probationMs: PROBATION_MS }, observed);
    if (verdict.kind !== "wait") return { verdict, atMs };
  }
  throw new Error("there was no verdict");
}

const reverted = (code: string, params: object = {}): Verdict =>
  ({ kind: "revert", reason: { code, params } }) as Verdict;

test("a version that works is committed when its probation is over, and not before", () => {
  expect(outcome(living([{ from: 2_000 }]))).toEqual({ verdict: { kind: "commit" }, atMs: PROBATION_MS });
});

describe("bad versions", () => {
  test("one that ends at once is reverted at its third start", () => {
    const lives = Array.from({ length: 20 }, (_, at) => ({ from: at * 3_000, to: at * 3_000 + 100 }));
    const { verdict, atMs } = outcome(living(lives));

    expect(verdict).toEqual(reverted("upgrade-agent-restarts", { restarts: 2 }));
    expect(atMs).toBe(6_000);
  });

  test("one that hangs after it was ready is reverted four ticks later", () => {
    const lastTickMs = SINCE_MS + 20_000;
    const hangs = living([{ from: 0 }], (atMs) => (atMs < 20_000 ? {} : { ticks: 2, lastTickMs }));
    const { verdict, atMs } = outcome(hangs);

    expect(verdict).toEqual(reverted("upgrade-hung", { seconds: HUNG_AFTER_MS / 1_000 }));
    expect(atMs).toBe(20_000 + HUNG_AFTER_MS);
  });

  test("one that crashes every 30 seconds is reverted at its second restart", () => {
    const lives = [0, 32_000, 64_000, 96_000].map((from) => ({ from, to: from + 30_000 }));
    const { verdict, atMs } = outcome(living(lives));

    expect(verdict).toEqual(reverted("upgrade-agent-restarts", { restarts: 2 }));
    expect(atMs).toBe(64_000);
  });

  test("one that never becomes ready is reverted a little after systemd's own deadline", () => {
    const { verdict, atMs } = outcome((atMs) => ({
      agent: unit(100, SINCE_MS),
      health: health(0, 0, { ticks: 0 }),
      nowMs: SINCE_MS + atMs,
    }));

    expect(verdict).toEqual(reverted("upgrade-not-ready", { seconds: READY_WITHIN_MS / 1_000 }));
    expect(atMs).toBe(READY_WITHIN_MS);
  });

  test("one that ends what nobody asked it to end is reverted at once", () => {
    const ends = living([{ from: 0 }], (atMs) => ({ unorderedEnds: atMs < 45_000 ? 0 : 2 }));

    expect(outcome(ends)).toEqual({
      verdict: reverted("upgrade-work-ended", { instances: 2 }),
      atMs: 45_000,
    });
  });

  test("one that begins another journal, and knows none of what runs, is reverted at its second tick", () => {
    expect(outcome(living([{ from: 0 }], () => ({ instances: [] })))).toEqual({
      verdict: reverted("upgrade-work-lost", { instances: 1 }),
      atMs: 20_000,
    });
  });

  test("one whose heartbeats are never answered is reverted in the end, where the version before was connected", () => {
    const silent = living([{ from: 0 }], () => ({ heartbeats: 0, controlPlane: "away" }));

    expect(outcome(silent)).toEqual({
      verdict: reverted("upgrade-not-heard", { heartbeats: 0, seconds: PROBATION_MS / 1_000 }),
      atMs: PROBATION_MS,
    });
    expect(outcome(silent, { baseline: null }).verdict.kind).toBe("revert");
  });

  test("one that the watchdog ended is reverted, though it was its first restart", () => {
    const { verdict } = outcome((atMs) => ({
      agent: { ...unit(null, SINCE_MS), hasHung: atMs >= 30_000 },
      health: health(0, atMs),
    }));

    expect(verdict).toEqual(reverted("upgrade-watchdog"));
  });

  test("one whose files process ends again and again is reverted", () => {
    const { verdict } = outcome((atMs) => ({
      ...living([{ from: 0 }])(atMs),
      files: unit(atMs, SINCE_MS + Math.floor(atMs / 5_000) * 5_000),
    }));

    expect(verdict).toEqual(reverted("upgrade-files-restarts", { restarts: 2 }));
  });
});

describe("what is no fault of the version", () => {
  test("one restart is borne, and the agent is given a minute to settle after it", () => {
    const late = PROBATION_MS - 10_000;
    const lives = [{ from: 0, to: late }, { from: late + 2_000 }];

    expect(outcome(living(lives))).toEqual({ verdict: { kind: "commit" }, atMs: late + 62_000 });
  });

  test("one that is down at the end is judged when it is up again, and one that stays down is reverted", () => {
    const lives = [{ from: 0, to: PROBATION_MS - 1_000 }, { from: PROBATION_MS + 1_000 }];

    expect(outcome(living(lives))).toEqual({ verdict: { kind: "commit" }, atMs: PROBATION_MS + 61_000 });
    expect(outcome(living(lives.slice(0, 1))).verdict.kind).toBe("revert");
  });

  test("a control plane that was away before is no reason to go back", () => {
    const alone = living([{ from: 0 }], () => ({ heartbeats: 0, controlPlane: "away", instances: [] }));

    expect(outcome(alone, { baseline: AWAY }).verdict).toEqual({ kind: "commit" });
  });

  test("a run that was ordered away meanwhile is not missed, nor is another run of the instance", () => {
    const changed = living([{ from: 0 }], () => ({
      instances: [{ instanceId: "ins-1", runId: "run-2", pid: 5_000, startTicks: 99 }],
    }));

    expect(outcome((atMs) => ({ ...changed(atMs), alive: [] })).verdict).toEqual({ kind: "commit" });
  });

  test("the earlier version's health file says nothing about the new one", () => {
    const before = health(-500_000, 0, { unorderedEnds: 3 });
    const fresh = living([{ from: 2_000 }]);

    const { verdict } = outcome((atMs) => (atMs < 12_000 ? { ...fresh(atMs), health: before } : fresh(atMs)));

    expect(verdict).toEqual({ kind: "commit" });
  });

  test("a boot counts as one restart, and the time begins anew on its clock", () => {
    const running = withStarts(newProbation("boot", SINCE_MS), {
      bootId: "boot",
      nowMs: SINCE_MS + 5_000,
      agent: unit(1, SINCE_MS + 1),
      files: unit(2, SINCE_MS + 1),
      health: null,
      alive: [],
    });
    const booted = {
      bootId: "next",
      nowMs: 20_000,
      agent: unit(7, 9_000),
      files: unit(8, 9_000),
      health: null,
      alive: [],
    };
    const first = withStarts(running, booted);

    expect(first).toEqual({
      bootId: "next",
      sinceMs: 20_000,
      agentStartedMs: 9_000,
      filesStartedMs: 9_000,
      agentDownSinceMs: null,
      agentRestarts: 1,
      filesRestarts: 0,
    });
    expect(withStarts(first, { ...booted, nowMs: 21_000 })).toEqual(first);
  });
});

test("what the earlier version knew counts only from this boot and while it is fresh", () => {
  const last = health(0, 30_000, { controlPlane: "away", instances: [WORK, { ...WORK, pid: null }] });
  const now = { bootId: "boot", nowMs: SINCE_MS + 40_000 };

  expect(baselineOf(last, now)).toEqual({ isControlPlaneAway: true, instances: [WORK] });
  expect(baselineOf(last, { ...now, nowMs: SINCE_MS + 100_000 })).toBeNull();
  expect(baselineOf(last, { ...now, bootId: "next" })).toBeNull();
  expect(baselineOf(null, now)).toBeNull();
});
