/** Whether rows cover a run's time: made up ones with each fault, and all that metering itself can bring forth. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meter, type MeteredRun } from "@remotegpu/agent/core/metering/metering";
import { RunCover } from "@remotegpu/agent/core/metering/run-cover";
import { MISSED_TICK_MS, type UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import type { BootId, RunId } from "@remotegpu/shared/values/ids";
import type { JournalEntry, Proof, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { BOOT, key, OTHER_BOOT, runId } from "../../../../support/samples/run-samples.ts";

const LOST: JournalEntry = { kind: "lost", reason: "damaged" };

function row(startMs: number, endMs: number, changes: Partial<UsageEntry> = {}): UsageEntry {
  const proof: Proof = "exact";
  return {
    ...key(),
    kind: "usage",
    bootId: BOOT,
    startMs,
    endMs,
    proof,
    final: false,
    wallEnd: "",
    ...changes,
  };
}

function faultsOf(...entries: JournalEntry[]) {
  const cover = new RunCover();
  return entries.flatMap((entry, at) => cover.take(at + 1, entry));
}

const beyondATick = MISSED_TICK_MS + 1;

test.each([
  ["rows that touch", row(0, 10), row(10, 20)],
  ["a gap of one tick", row(0, 10), row(10 + MISSED_TICK_MS, 90_000)],
  ["a hole after a row that says its process ended", row(0, 10, { proof: "bounded" }), row(99_000, 99_999)],
  ["a hole after time that nothing proves", row(0, 10, { proof: "unproven" }), row(99_000, 99_999)],
  ["another boot's clock", row(0, 10), row(5, 8, { bootId: OTHER_BOOT })],
  ["another run's time", row(0, 10), row(5, 8, { runId: runId("run-2") })],
  ["a final row that claims nothing", row(0, 10), row(10, 10, { proof: "unproven", final: true })],
])("%s are no fault", (_what, ...entries) => {
  expect(faultsOf(...entries)).toEqual([]);
});

test("time claimed twice is an overlap, by a millisecond", () => {
  expect(faultsOf(row(0, 10), row(9, 20))).toEqual([
    { kind: "overlap", runId: "run-1", seq: 2, fromMs: 9, toMs: 10 },
  ]);
});

describe("beyond a tick after a living process", () => {
  const entries = [row(0, 10), row(10 + beyondATick, 90_000)] as const;

  test("is a hole", () => {
    expect(faultsOf(...entries)).toEqual([
      { kind: "hole", runId: "run-1", seq: 2, fromMs: 10, toMs: 10 + beyondATick },
    ]);
  });

  test("may be a lost row's time", () => {
    expect(faultsOf(entries[0], LOST, entries[1])).toEqual([]);
    expect(faultsOf(LOST, ...entries)).toHaveLength(1);
  });

  test("is a hole before the open interval, too", () => {
    const cover = new RunCover();
    cover.take(1, entries[0]);
    const interval = { ...entries[1], pid: 1, startTicks: 1, wallEndMs: 0, isOpen: true };

    expect(cover.fits([interval])).toMatchObject([{ kind: "hole", seq: 1 }]);
    expect(cover.fits([{ ...interval, startMs: 10 }])).toEqual([]);
    expect(cover.fits([{ ...interval, startMs: 9 }])).toMatchObject([{ kind: "overlap" }]);
  });
});

test("what comes after the end is a fault, whenever it was", () => {
  expect(faultsOf(row(0, 10, { final: true }), row(99_000, 99_001))).toMatchObject([
    { kind: "after-final", seq: 2 },
  ]);
});

test("whatever happens to a run's processes, what metering writes has no fault", () => {
  const step = fc.record({
    // Two rounds of the loop are never in one millisecond; an end in that of the last sight would leave no row.
    passedMs: fc.integer({ min: 1, max: 90_000 }),
    life: fc.constantFrom("alive", "ended", "finished", "unknown", "none"),
    isNewProcess: fc.boolean(),
    isReboot: fc.boolean(),
    isLost: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, hasEnd) => {
      const cover = new RunCover();
      let intervals = new Map<RunId, UsageInterval>();
      let seq = 0;
      let boots = 0;
      let boot = { bootId: BOOT, nowMs: 1_000 };
      let process = { pid: 1, startTicks: 1, sinceMs: 1_000 };
      const all = [...steps, ...(hasEnd ? [{ ...steps[0], isEnd: true }] : [])];
      for (const each of all) {
        boot = each.isReboot
          ? { bootId: `boot-${(boots += 1)}` as BootId, nowMs: 1_000 }
          : { ...boot, nowMs: boot.nowMs + (each.passedMs ?? 0) };
        if (each.isReboot || each.isNewProcess)
          process = { pid: process.pid + 1, startTicks: boot.nowMs, sinceMs: boot.nowMs };
        const life =
          each.life === "alive" || each.life === "unknown"
            ? { state: each.life }
            : { state: "ended" as const, finishedMs: each.life === "finished" ? boot.nowMs - 500 : null };
        const run: MeteredRun = {
          ...key(),
          process: each.life === "none" ? null : { ...process, bootId: boot.bootId, life },
          isOver: "isEnd" in each,
          ...(each.isLost === true && { cards: { kind: "lost", lastGoodMs: boot.nowMs - 3_000 } }),
        };
        for (const { rows, interval } of meter([run], intervals, { ...boot, wallMs: 0 })) {
          for (const entry of rows) expect(cover.take((seq += 1), entry)).toEqual([]);
          intervals = interval === null ? new Map() : new Map([[run.runId, interval]]);
        }
        expect(cover.fits(intervals.values())).toEqual([]);
      }
    }),
    { numRuns: 500 },
  );
});
