import type { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { meter, type Life, type MeteredRun } from "@remotegpu/agent/core/metering/metering";
import type { CardProof } from "@remotegpu/agent/core/metering/run-cards";
import {
  EMIT_EVERY_MS,
  FIRST_EMIT_MS,
  type UsageInterval,
  type Moment,
} from "@remotegpu/agent/core/metering/usage-interval";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const BOOTS = Array.from(
  { length: 20 },
  (_, n) => `${String(n).padStart(8, "0")}-1111-4111-8111-111111111111`,
);
const bootOf = (n: number) => BOOTS[n] as BootId;
const RUN = "run-1" as RunId;
const WALL_AT_ZERO = Date.UTC(2026, 0, 1);

const alive: Life = { state: "alive" };
const ended = (finishedMs: number | null): Life => ({ state: "ended", finishedMs });
const moment = (nowMs: number, boot = 0): Moment => ({
  bootId: bootOf(boot),
  nowMs,
  wallMs: WALL_AT_ZERO + nowMs,
});

interface Seen {
  life: Life;
  pid?: number;
  sinceMs?: number;
  boot?: number;
}

const run = (process: Seen | null, isOver = false, cards?: CardProof): MeteredRun => ({
  ...(cards !== undefined && { cards }),
  runId: RUN,
  instanceId: "env-1" as InstanceId,
  placementEpoch: 1,
  process:
    process === null
      ? null
      : {
          bootId: bootOf(process.boot ?? 0),
          pid: process.pid ?? 7,
          startTicks: 1,
          sinceMs: process.sinceMs ?? 0,
          life: process.life,
        },
  isOver,
});

/** Meters one run tick by tick, keeping what the journal would keep. */
class Meter {
  rows: UsageEntry[] = [];
  isEnded = false;
  intervals = new Map<RunId, UsageInterval>();

  tick(metered: MeteredRun, now: Moment, isShortOfSpace = false): void {
    for (const step of meter([metered], this.intervals, now, { isShortOfSpace })) {
      this.rows.push(...step.rows);
      if (step.interval === null) this.intervals.delete(RUN);
      else this.intervals.set(RUN, step.interval);
      this.isEnded ||= step.isEnded;
    }
  }

  spans(): [number, number, string, ...string[]][] {
    return this.rows.map((row) => [row.startMs, row.endMs, row.proof, ...(row.final ? ["final"] : [])]);
  }
}

describe("a run that was over before anybody checked", () => {
  const unseen = { startMs: 3_000, endMs: 3_400 };

  test("has one row, its last, of the time that it ran", () => {
    const meter = new Meter();

    meter.tick({ ...run(null, true), unseen }, moment(5_000));

    expect(meter.spans()).toEqual([[3_000, 3_400, "bounded", "final"]]);
    expect(meter.rows[0]?.wallEnd).toBe(new Date(WALL_AT_ZERO + 3_400).toISOString());
    expect(meter.isEnded).toBe(true);
  });

  test("is free where it lost a card", () => {
    const meter = new Meter();

    meter.tick({ ...run(null, true, { kind: "lost", lastGoodMs: null }), unseen }, moment(5_000));

    expect(meter.spans()).toEqual([[5_000, 5_000, "unproven", "final"]]);
  });

  test("claims nothing beside what was seen", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive, sinceMs: 3_000 }), moment(3_200));

    meter.tick({ ...run({ life: ended(3_400), sinceMs: 3_000 }, true), unseen }, moment(5_000));

    expect(meter.spans()).toEqual([[3_000, 3_400, "bounded", "final"]]);
  });
});

describe("rows of one process", () => {
  test("come at the first tick, then every minute, and touch each other", () => {
    const meter = new Meter();

    for (let nowMs = 0; nowMs <= 130_000; nowMs += 10_000) meter.tick(run({ life: alive }), moment(nowMs));
    meter.tick(run({ life: ended(133_000) }, true), moment(135_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 70_000, "exact"],
      [70_000, 130_000, "exact"],
      [130_000, 133_000, "bounded", "final"],
    ]);
  });

  test.each([
    { what: "not yet one millisecond before the limit", atMs: FIRST_EMIT_MS - 1, rows: [] },
    { what: "a row at the limit", atMs: FIRST_EMIT_MS, rows: [[0, 5_000, "exact"]] },
  ])("are early for a new run: $what", ({ atMs, rows }) => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));

    meter.tick(run({ life: alive }), moment(atMs));

    expect(meter.spans()).toEqual(rows);
  });

  test("are a minute long after the early one", () => {
    const meter = new Meter();

    for (const nowMs of [0, 5_000, 15_000, 25_000, 35_000, 45_000, 55_000, 64_999])
      meter.tick(run({ life: alive }), moment(nowMs));
    expect(meter.spans()).toEqual([[0, 5_000, "exact"]]);
    meter.tick(run({ life: alive }), moment(65_000));

    expect(meter.spans()).toEqual([
      [0, 5_000, "exact"],
      [5_000, 65_000, "exact"],
    ]);
  });

  test("parse as what is sent, with the wall clock as a label", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));

    meter.tick(run({ life: ended(3_000) }, true), moment(5_000));

    expect(meter.rows.map((row) => UsageEntry.parse(row).wallEnd)).toEqual(["2026-01-01T00:00:03.000Z"]);
  });

  test("begin at the gate, not at the tick that first saw it", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive, sinceMs: 4_000 }), moment(8_000));

    meter.tick(run({ life: ended(19_000), sinceMs: 4_000 }, true), moment(19_000));

    expect(meter.spans()).toEqual([[4_000, 19_000, "bounded", "final"]]);
  });

  test("hold a process that came and went between two ticks", () => {
    const meter = new Meter();

    meter.tick(run({ life: ended(6_000), sinceMs: 2_000 }), moment(9_000));

    expect(meter.spans()).toEqual([[2_000, 6_000, "bounded"]]);
  });

  test("are written once, however often the same end is seen", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));

    for (const nowMs of [10_000, 20_000, 30_000]) meter.tick(run({ life: ended(5_000) }), moment(nowMs));

    expect(meter.spans()).toEqual([[0, 5_000, "bounded"]]);
  });
});

describe("a restart inside the run", () => {
  test("leaves the pause out", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: ended(5_000) }), moment(10_000));
    meter.tick(run({ life: alive, pid: 8, sinceMs: 14_000 }), moment(15_000));

    meter.tick(run({ life: ended(25_000), pid: 8, sinceMs: 14_000 }, true), moment(25_000));

    expect(meter.spans()).toEqual([
      [0, 5_000, "bounded"],
      [14_000, 25_000, "bounded", "final"],
    ]);
  });

  test("that nobody saw ends the old process at its last sight and counts the new one from its own start", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));
    meter.tick(run({ life: alive }), moment(20_000));

    meter.tick(run({ life: alive, pid: 8, sinceMs: 100_000 }), moment(110_000));
    meter.tick(run({ life: alive, pid: 8, sinceMs: 100_000 }, true), moment(112_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 20_000, "bounded"],
      [20_000, 100_000, "unproven"],
      [100_000, 110_000, "exact"],
      [110_000, 112_000, "bounded", "final"],
    ]);
  });
});

describe("the agent away", () => {
  test("while the process lives on: the gap is reconstructed", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));
    meter.tick(run({ life: alive }), moment(20_000));

    meter.tick(run({ life: alive }), moment(300_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 20_000, "exact"],
      [20_000, 300_000, "reconstructed"],
    ]);
  });

  test("while the process ends at a time that the runtime knows: bounded to it", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));

    meter.tick(run({ life: ended(200_000) }), moment(300_000));

    expect(meter.spans()).toEqual([[0, 200_000, "bounded"]]);
  });

  test("while the process ends unseen: the gap is unproven", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));
    meter.tick(run({ life: alive }), moment(20_000));

    meter.tick(run({ life: ended(null) }), moment(300_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 20_000, "bounded"],
      [20_000, 300_000, "unproven"],
    ]);
  });
});

describe("doubt", () => {
  test("about a process writes nothing, and its time is covered once it is seen again", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: { state: "unknown" } }), moment(10_000));

    meter.tick(run({ life: alive }), moment(20_000));

    expect(meter.spans()).toEqual([[0, 20_000, "reconstructed"]]);
  });

  test("about a process that was never metered opens nothing", () => {
    const meter = new Meter();

    meter.tick(run({ life: { state: "unknown" } }), moment(10_000));

    expect(meter.intervals.size).toBe(0);
  });
});

describe("a reboot", () => {
  test("closes at the last sight; the run goes on in the new boot", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive, sinceMs: 500_000 }), moment(500_000));
    meter.tick(run({ life: alive, sinceMs: 500_000 }), moment(504_000));

    meter.tick(run({ life: alive, boot: 1, pid: 7, sinceMs: 3_000 }), moment(4_000, 1));
    meter.tick(run({ life: ended(9_000), boot: 1, pid: 7, sinceMs: 3_000 }, true), moment(9_000, 1));

    expect(meter.rows.map((row) => [row.bootId, row.startMs, row.endMs, row.proof])).toEqual([
      [bootOf(0), 500_000, 504_000, "bounded"],
      [bootOf(1), 3_000, 9_000, "bounded"],
    ]);
  });
});

describe("the end of a run", () => {
  test("that never opened is an empty row", () => {
    const meter = new Meter();

    meter.tick(run(null, true), moment(9_000));

    expect(meter.spans()).toEqual([[9_000, 9_000, "unproven", "final"]]);
    expect(meter.isEnded).toBe(true);
  });

  test("during a pause is an empty row at the end of what was covered", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: ended(5_000) }), moment(10_000));

    meter.tick(run(null, true), moment(20_000));

    expect(meter.spans()).toEqual([
      [0, 5_000, "bounded"],
      [5_000, 5_000, "unproven", "final"],
    ]);
  });

  test("after a reboot closes the old boot's interval as the last row", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));
    meter.tick(run({ life: alive }), moment(20_000));

    meter.tick(run(null, true), moment(1_000, 1));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 20_000, "bounded", "final"],
    ]);
  });

  test("just after a row is reported as a stretch that proves nothing, from the end of what was covered", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));

    meter.tick(run({ life: ended(null) }, true), moment(12_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 12_000, "unproven", "final"],
    ]);
  });

  test("while nothing can be seen claims what was seen", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }), moment(0));
    meter.tick(run({ life: alive }), moment(10_000));
    meter.tick(run({ life: alive }), moment(20_000));

    meter.tick(run({ life: { state: "unknown" } }, true), moment(30_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 20_000, "bounded", "final"],
    ]);
  });
});

/** What happens to one run's host, and when the agent looks. */
type Happening =
  | { kind: "pass"; ms: number }
  | { kind: "tick" }
  | { kind: "start" }
  | { kind: "die"; isReported: boolean }
  | { kind: "reboot" };

const happenings = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 25_000 }) }),
    },
    { weight: 6, arbitrary: fc.constant({ kind: "tick" as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: "start" as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("die" as const), isReported: fc.boolean() }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reboot" as const }) },
  ),
  { maxLength: 60 },
);

interface Span {
  boot: number;
  startMs: number;
  endMs: number;
}

interface History {
  lives: Span[];
  meter: Meter;
  /** When each process was last seen alive. */
  lastSightMs: Map<Span, number>;
  /** After each sight of a living process: how much of its time is no row yet, and whether it has one. */
  unsettled: { ms: number; hasRow: boolean }[];
}

/** Plays what happens against the truth. The agent is down whenever it does not tick, and knows only what is kept. */
function play(
  events: readonly Happening[],
  isShortOfSpace: (tick: number) => boolean = () => false,
): History {
  const history: History = { lives: [], meter: new Meter(), lastSightMs: new Map(), unsettled: [] };
  let boot = 0;
  let nowMs = 1_000;
  let pid = 100;
  let life: Span | null = null;
  let reported: number | null = null;
  let ticks = 0;
  const die = () => {
    if (life !== null) life.endMs = nowMs;
    life = null;
  };
  const check = (isOver: boolean) => {
    const known = history.meter.intervals.get(RUN);
    const process =
      life !== null
        ? { life: alive, pid, sinceMs: life.startMs, boot }
        : known?.isOpen === true
          ? // The runtime tells the end of the last process only.
            {
              life: ended(known.pid === pid ? reported : null),
              pid: known.pid,
              sinceMs: known.startMs,
              boot: BOOTS.indexOf(known.bootId),
            }
          : null;
    if (life !== null) history.lastSightMs.set(life, nowMs);
    history.meter.tick(run(process, isOver), moment(nowMs, boot), isShortOfSpace(ticks));
    ticks += 1;
    const open = history.meter.intervals.get(RUN);
    if (life !== null && open !== undefined)
      history.unsettled.push({ ms: open.endMs - open.startMs, hasRow: open.startMs > life.startMs });
  };
  for (const event of events) {
    if (event.kind === "pass") nowMs += event.ms;
    if (event.kind === "tick") check(false);
    if (event.kind === "start" && life === null) {
      pid += 1;
      reported = null;
      life = { boot, startMs: nowMs, endMs: Infinity };
      history.lives.push(life);
    }
    if (event.kind === "die" && life !== null) {
      die();
      reported = event.isReported ? nowMs : null;
    }
    if (event.kind === "reboot" && boot < BOOTS.length - 1) {
      die();
      reported = null;
      boot += 1;
      nowMs = 1_000;
    }
  }
  die();
  check(true);
  return history;
}

const proven = (rows: readonly UsageEntry[]): Span[] =>
  rows
    .filter((row) => row.proof !== "unproven" && row.endMs > row.startMs)
    .map((row) => ({ boot: BOOTS.indexOf(row.bootId), startMs: row.startMs, endMs: row.endMs }));
const lengthOf = (spans: readonly Span[]) => spans.reduce((sum, span) => sum + span.endMs - span.startMs, 0);
const isWithin = (claim: Span, life: Span) =>
  claim.boot === life.boot && claim.startMs >= life.startMs && claim.endMs <= life.endMs;

describe("whatever happens to the host and whenever the agent checks", () => {
  test("rows never overlap, and exactly the last one is final", () => {
    fc.assert(
      fc.property(happenings, (events) => {
        const { rows } = play(events).meter;

        const overlaps = rows.filter((row, n) => {
          const next = rows[n + 1];
          return next?.bootId === row.bootId && next.startMs < row.endMs;
        });
        expect(overlaps).toEqual([]);
        expect(rows.map((row) => row.final)).toEqual(rows.map((_, n) => n === rows.length - 1));
      }),
      { numRuns: 500 },
    );
  });

  test("nothing is claimed that did not run", () => {
    fc.assert(
      fc.property(happenings, (events) => {
        const { meter, lives } = play(events);

        const untrue = proven(meter.rows).filter((claim) => !lives.some((life) => isWithin(claim, life)));
        expect(untrue).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("all is claimed up to the last sight of each process", () => {
    fc.assert(
      fc.property(happenings, (events) => {
        const { meter, lives, lastSightMs } = play(events);

        const missing = lives.filter((life) => {
          const claimedMs = lengthOf(proven(meter.rows).filter((claim) => isWithin(claim, life)));
          return claimedMs < (lastSightMs.get(life) ?? life.startMs) - life.startMs;
        });
        expect(missing).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("a new process has its first row within 5 s of sight, and the next ones within a minute", () => {
    fc.assert(
      fc.property(happenings, (events) => {
        const late = play(events).unsettled.filter(
          ({ ms, hasRow }) => ms >= (hasRow ? EMIT_EVERY_MS : FIRST_EMIT_MS),
        );
        expect(late).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("a shortage of room changes the rows and not their sum", () => {
    fc.assert(
      fc.property(happenings, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (events, short) => {
        const always = play(events).meter.rows;
        const sometimes = play(events, (tick) => short[tick] === true).meter.rows;

        expect(lengthOf(proven(sometimes))).toBe(lengthOf(proven(always)));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a run with cards", () => {
  const good = (settledMs: number | null): CardProof => ({ kind: "good", settledMs });
  const lost = (lastGoodMs: number | null): CardProof => ({ kind: "lost", lastGoodMs });

  test("has rows only up to the last sample at which its cards were good", () => {
    const meter = new Meter();
    for (let nowMs = 0; nowMs <= 140_000; nowMs += 10_000)
      meter.tick(run({ life: alive }, false, good(nowMs - 3_000)), moment(nowMs));

    meter.tick(run({ life: ended(143_000) }, true, good(143_000)), moment(145_000));

    expect(meter.spans()).toEqual([
      [0, 7_000, "exact"],
      [7_000, 67_000, "exact"],
      [67_000, 127_000, "exact"],
      [127_000, 143_000, "bounded", "final"],
    ]);
  });

  test("that loses one is charged to the last good sample, however long it runs on", () => {
    const meter = new Meter();
    for (let nowMs = 0; nowMs <= 50_000; nowMs += 10_000)
      meter.tick(run({ life: alive }, false, good(Math.min(nowMs, 32_000))), moment(nowMs));

    meter.tick(run({ life: alive }, false, lost(32_000)), moment(52_000));
    meter.tick(run({ life: alive }, false, lost(32_000)), moment(62_000));
    // The card is well again before the container has gone: the record of the stop still says "lost".
    meter.tick(run({ life: alive }, false, lost(null)), moment(72_000));
    meter.tick(run({ life: ended(73_000) }, true, lost(null)), moment(75_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 32_000, "bounded"],
      [32_000, 52_000, "unproven"],
      [52_000, 52_000, "unproven", "final"],
    ]);
  });

  test("that loses one at once is charged nothing more than what is a row already", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }, false, good(null)), moment(0));
    meter.tick(run({ life: alive }, false, good(null)), moment(10_000));

    meter.tick(run({ life: alive }, true, lost(4_000)), moment(12_000));

    expect(meter.spans()).toEqual([
      [0, 10_000, "exact"],
      [10_000, 12_000, "unproven", "final"],
    ]);
  });

  test("of which nobody knows since when the card is lost is charged to where it was last seen", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }, false, good(0)), moment(0));
    meter.tick(run({ life: alive }, false, good(0)), moment(10_000));

    meter.tick(run({ life: alive }, false, lost(null)), moment(12_000));

    expect(meter.spans()).toEqual([[0, 10_000, "bounded"]]);
  });

  test("goes on when samples do not come, and loses no time by it", () => {
    const meter = new Meter();
    for (let nowMs = 0; nowMs <= 100_000; nowMs += 10_000)
      meter.tick(run({ life: alive }, false, good(0)), moment(nowMs));
    expect(meter.spans()).toEqual([]);

    meter.tick(run({ life: alive }, false, good(null)), moment(110_000));

    expect(meter.spans()).toEqual([[0, 110_000, "exact"]]);
  });

  describe("of which one shows a sign of failure", () => {
    const suspect = (lastGoodMs: number): CardProof => ({ kind: "suspect", lastGoodMs });
    /** Alive and good to 30 s, then with a sign that is open for as long as may be. */
    const held = (untilMs = 90_000): Meter => {
      const meter = new Meter();
      for (let nowMs = 0; nowMs <= 30_000; nowMs += 10_000)
        meter.tick(run({ life: alive }, false, good(nowMs)), moment(nowMs));
      for (let nowMs = 40_000; nowMs <= untilMs; nowMs += 10_000)
        meter.tick(run({ life: alive }, false, suspect(25_000)), moment(nowMs));
      return meter;
    };

    test("claims nothing after the last good sample, however long that takes", () => {
      expect(lengthOf(proven(held(3_600_000).rows))).toBe(10_000);
    });

    test("that is confirmed ends at the last good sample", () => {
      const meter = held();
      meter.tick(run({ life: alive }, false, lost(25_000)), moment(100_000));
      meter.tick(run({ life: ended(105_000) }, true, lost(25_000)), moment(110_000));

      expect(lengthOf(proven(meter.rows))).toBe(25_000);
    });

    test.each([
      ["it is over", run({ life: ended(95_000) }, true, suspect(25_000))],
      ["it is over and its process lives", run({ life: alive }, true, suspect(25_000))],
      ["nothing of it is left", run(null, true, suspect(25_000))],
    ])("is judged by its last reading when %s, and what is not charged is reported", (_what, last) => {
      const meter = held();
      meter.tick(last, moment(100_000));

      expect(meter.isEnded).toBe(true);
      expect(meter.spans()).toEqual([
        [0, 10_000, "exact"],
        [10_000, 25_000, "bounded"],
        [25_000, 100_000, "unproven", "final"],
      ]);
    });

    test.each([
      ["its process ends", { life: ended(95_000) }],
      ["another process takes its place", { life: alive, pid: 8, sinceMs: 95_000 }],
    ])("waits for what becomes of the sign when %s", (_what, process) => {
      const meter = held();
      meter.tick(run(process, false, suspect(25_000)), moment(100_000));
      expect(lengthOf(proven(meter.rows))).toBe(10_000);

      const next = { life: alive, pid: 8, sinceMs: 95_000 };
      meter.tick(run(next, false, good(110_000)), moment(110_000));
      meter.tick(run({ ...next, life: ended(118_000) }, true, good(118_000)), moment(120_000));

      expect(lengthOf(proven(meter.rows))).toBe(25_000 + (118_000 - 95_000));
    });

    test("is judged by its last reading when the host reboots", () => {
      const meter = held();
      meter.tick(run(null, true, good(null)), moment(1_000, 1));

      expect(lengthOf(proven(meter.rows))).toBe(25_000);
    });

    test("is charged to a good sample that was taken since anybody checked, should its process live", () => {
      const meter = held(60_000);
      meter.tick(run({ life: alive }, false, suspect(85_000)), moment(100_000));
      meter.tick(run({ life: ended(105_000) }, true, lost(85_000)), moment(110_000));

      expect(lengthOf(proven(meter.rows))).toBe(85_000);
    });

    test.each([
      ["was held back in time", 90_000, 25_000],
      ["had grown since the last good sample", 30_000, 25_000],
    ])(
      "is judged by the last reading of a boot that ended when its interval %s",
      (_what, untilMs, provenMs) => {
        const meter = held(untilMs);
        const endOfBoot = { bootId: bootOf(0), lastGoodMs: 25_000 };
        meter.tick({ ...run(null, true, good(null)), endOfBoot }, moment(1_000, 1));

        expect(lengthOf(proven(meter.rows))).toBe(provenMs);
      },
    );

    test("is charged whole in a boot whose end another boot's sign reports nothing of", () => {
      const meter = held(30_000);
      const endOfBoot = { bootId: bootOf(7), lastGoodMs: 25_000 };
      meter.tick({ ...run(null, true, good(null)), endOfBoot }, moment(1_000, 1));

      expect(lengthOf(proven(meter.rows))).toBe(30_000);
    });

    test("that was none has lost no time", () => {
      const meter = held();
      for (let nowMs = 100_000; nowMs <= 200_000; nowMs += 10_000)
        meter.tick(run({ life: alive }, false, good(nowMs)), moment(nowMs));
      meter.tick(run({ life: ended(205_000) }, true, good(205_000)), moment(206_000));

      expect(lengthOf(proven(meter.rows))).toBe(205_000);
      expect(meter.spans().slice(0, 3)).toEqual([
        [0, 10_000, "exact"],
        [10_000, 25_000, "exact"],
        [25_000, 100_000, "reconstructed"],
      ]);
    });

    test("had it begun and ended unseen, is charged nothing", () => {
      const meter = new Meter();
      const unseen = { startMs: 3_000, endMs: 3_400 };
      meter.tick({ ...run(null, true, suspect(1_000)), unseen }, moment(5_000));

      expect(meter.spans()).toEqual([[5_000, 5_000, "unproven", "final"]]);
    });
  });

  test("that nobody checked for a while is charged to the last good sample, should a card be lost", () => {
    const meter = new Meter();
    meter.tick(run({ life: alive }, false, good(0)), moment(0));
    meter.tick(run({ life: alive }, false, good(0)), moment(5_000));
    meter.tick(run({ life: alive }, false, good(0)), moment(65_000));
    meter.tick(run({ life: alive }, false, lost(0)), moment(66_000));

    expect(lengthOf(proven(meter.rows))).toBe(0);
  });

  test.each([
    ["lives", { life: alive }, 60_000],
    ["has ended", { life: ended(64_000) }, 5_000],
    ["is another one", { life: alive, pid: 8, sinceMs: 30_000 }, 5_000],
  ])(
    "that nobody checked since before the last good sample is charged to it where its process %s",
    (_what, process, provenMs) => {
      const meter = new Meter();
      meter.tick(run({ life: alive }, false, good(0)), moment(0));
      meter.tick(run({ life: alive }, false, good(5_000)), moment(5_000));
      meter.tick(run(process, false, lost(60_000)), moment(66_000));

      expect(lengthOf(proven(meter.rows))).toBe(provenMs);
    },
  );

  test("whenever a card is lost, no row reaches beyond the last good sample, and none overlap", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 40 }), fc.nat(), (gaps, cut) => {
        const meter = new Meter();
        let nowMs = 0;
        let goodMs = 0;
        meter.tick(run({ life: alive }, false, good(0)), moment(0));
        const lostAt = gaps.length === 0 ? 0 : cut % gaps.length;
        for (const [n, gap] of gaps.entries()) {
          nowMs += gap;
          // A sample is taken at every second tick, a little before it.
          if (n <= lostAt && n % 2 === 0) goodMs = nowMs - Math.floor(gap / 2);
          const cards = n <= lostAt ? good(goodMs) : lost(goodMs);
          meter.tick(run({ life: alive }, false, cards), moment(nowMs));
        }
        meter.tick(run({ life: alive }, true, lost(goodMs)), moment(nowMs + 1_000));

        const claimed = proven(meter.rows);
        expect(lengthOf(claimed)).toBe(goodMs);
        expect(claimed.every((row, n) => row.startMs === (n === 0 ? 0 : claimed[n - 1]?.endMs))).toBe(true);
      }),
    );
  });
});

test("an agent that ticks every 10 s loses at most 10 s to a death that nothing reports", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400_000 }), fc.boolean(), (diesAtMs, isReboot) => {
      const meter = new Meter();
      for (let nowMs = 0; nowMs < diesAtMs; nowMs += 10_000) meter.tick(run({ life: alive }), moment(nowMs));

      const after = isReboot ? moment(1_000, 1) : moment(diesAtMs + 30_000);
      meter.tick(run(isReboot ? null : { life: ended(null) }, true), after);

      const claimedMs = lengthOf(proven(meter.rows));
      expect(claimedMs).toBeLessThanOrEqual(diesAtMs);
      expect(diesAtMs - claimedMs).toBeLessThanOrEqual(10_000);
    }),
  );
});

test("how often the agent ticks does not change the sum", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 40 }),
      (gaps, otherGaps) => {
        const sums = [gaps, otherGaps].map((between) => {
          const meter = new Meter();
          let nowMs = 0;
          meter.tick(run({ life: alive }), moment(0));
          for (const gap of between) {
            nowMs = Math.min(nowMs + gap, 300_000);
            meter.tick(run({ life: alive }), moment(nowMs));
          }
          meter.tick(run({ life: ended(300_000) }, true), moment(305_000));
          return lengthOf(proven(meter.rows));
        });

        expect(sums).toEqual([300_000, 300_000]);
      },
    ),
  );
});
