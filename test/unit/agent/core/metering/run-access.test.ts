/** What the device rules of a run's container mean for its time, alone and through all of the meter. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterAnswer, newAccess, refusalAfter } from "@remotegpu/agent/core/container/device-access";
import type { AccessAnswer, DeviceAccess, Refusal } from "@remotegpu/agent/core/container/device-access";
import { meteredRun } from "@remotegpu/agent/core/metering/metered-run";
import { meter } from "@remotegpu/agent/core/metering/metering";
import { endOfBoot, provenByAccess, readmittedMs } from "@remotegpu/agent/core/metering/run-access";
import { HELD_AT_MOST_MS, type CardProof } from "@remotegpu/agent/core/metering/run-cards";
import type { UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { BOOT, gpu, key, OTHER_BOOT, recordOf, runId } from "../../../../support/samples/run-samples.ts";

const NOW = 1_000_000;
const now = { bootId: BOOT, nowMs: NOW, wallMs: 0 };
const END = { phase: "stopped", problem: null, detail: "Over.", exitCode: 0, orderedBy: null } as const;
const refusal = (changes: Partial<Refusal> = {}): Refusal => ({
  bootId: BOOT,
  passedMs: 900_000,
  isConfirmed: true,
  againMs: null,
  gpus: [gpu("a").uuid],
  detail: "It lost access.",
  ...changes,
});
const access = (changes: Partial<DeviceAccess> = {}): DeviceAccess => ({ ...newAccess(NOW - 1), ...changes });
const good = (settledMs: number | null): CardProof => ({ kind: "good", settledMs });
const suspect = (lastGoodMs: number): CardProof => ({ kind: "suspect", lastGoodMs });
const lost = (lastGoodMs: number | null): CardProof => ({ kind: "lost", lastGoodMs });

describe("a run's time", () => {
  test.each([
    ["has no cards", undefined, {}, access(), undefined],
    ["cannot be requested", good(NOW), {}, null, good(NOW)],
    ["was not requested yet", good(NOW), {}, access(), good(0)],
    ["passed", good(NOW), {}, access({ passedMs: 950_000 }), good(950_000)],
    ["passed after the last good sample", good(940_000), {}, access({ passedMs: 950_000 }), good(940_000)],
    ["passed, and no sample was taken", good(null), {}, access({ passedMs: 950_000 }), good(950_000)],
    ["was refused once", good(NOW), {}, access({ passedMs: 900_000, refusals: 1 }), good(900_000)],
    [
      "was refused once, however long ago",
      good(NOW),
      {},
      access({ passedMs: 1, refusals: 1, sinceMs: 0 }),
      good(1),
    ],
    [
      "could not be requested for as long as may be",
      good(NOW),
      {},
      access({ passedMs: NOW - HELD_AT_MOST_MS }),
      good(NOW - HELD_AT_MOST_MS),
    ],
    [
      "could not be requested for longer",
      good(NOW),
      {},
      access({ passedMs: NOW - HELD_AT_MOST_MS - 1 }),
      good(NOW),
    ],
    ["could never be requested", good(NOW), {}, access({ sinceMs: NOW - HELD_AT_MOST_MS - 1 }), good(NOW)],
    ["is denied its cards", good(NOW), { refusal: refusal() }, access(), lost(900_000)],
    ["and nobody knows since when", good(NOW), { refusal: refusal({ passedMs: null }) }, null, lost(0)],
    ["lost its card before", lost(800_000), { refusal: refusal() }, null, lost(800_000)],
    ["lost its card after", lost(950_000), { refusal: refusal({ isConfirmed: false }) }, null, lost(900_000)],
    ["lost its card alone", lost(950_000), {}, access({ passedMs: 900_000 }), lost(950_000)],
    [
      "was refused once by an earlier life of the agent",
      good(NOW),
      { refusal: refusal({ isConfirmed: false }) },
      access(),
      suspect(900_000),
    ],
    [
      "ended after one refusal, by which it is judged",
      good(NOW),
      { refusal: refusal({ isConfirmed: false }), end: END },
      null,
      suspect(900_000),
    ],
    [
      "has a card with a sign of failure",
      suspect(800_000),
      {},
      access({ passedMs: 900_000 }),
      suspect(800_000),
    ],
    [
      "has one, and was refused once",
      suspect(950_000),
      { refusal: refusal({ isConfirmed: false }) },
      null,
      suspect(900_000),
    ],
    ["has one, and is denied it", suspect(800_000), { refusal: refusal() }, null, lost(800_000)],
    ["ended after it had passed", good(NOW), { end: END }, null, good(NOW)],
    ["was refused in another boot", good(NOW), { refusal: refusal({ bootId: OTHER_BOOT }) }, null, good(NOW)],
    ["has its cards again", good(NOW), { refusal: refusal({ againMs: 950_000 }) }, null, good(NOW)],
  ] as [string, CardProof | undefined, Partial<RunRecord>, DeviceAccess | null, CardProof | undefined][])(
    "that %s",
    (_what, cards, changes, known, proof) => {
      expect(provenByAccess(cards, { record: recordOf(key(), changes), access: known }, now)).toEqual(proof);
    },
  );

  test.each([
    [undefined, null],
    [refusal(), null],
    [refusal({ againMs: 7 }), 7],
    [refusal({ againMs: 7, bootId: OTHER_BOOT }), null],
  ])("with %j counts again from %s", (given, ms) => {
    expect(readmittedMs(recordOf(key(), { refusal: given }), now)).toBe(ms);
  });
});

const TICK_MS = 10_000;
type Step = { answer: "passed" | "refused" | "unknown"; agent: "lives" | "restarts" | "is-away" };

/** One run whose process lives all the time, with cards that are well: only its device rules come and go. */
class Metered {
  rows: UsageEntry[] = [];
  record = recordOf(key(), { gate: { bootId: BOOT, ms: 0 } });
  access = newAccess(0);
  #intervals = new Map<ReturnType<typeof runId>, UsageInterval>();

  answer(kind: Step["answer"], atMs: number): void {
    const nodes = [{ node: "/dev/nvidia0", inside: "/dev/nvidia0", gpus: [gpu("a").uuid] }];
    const answers: Record<Step["answer"], AccessAnswer> = {
      passed: { kind: "passed", missing: [] },
      refused: { kind: "refused", nodes, missing: [] },
      unknown: { kind: "unknown" },
    };
    this.access = afterAnswer(this.access, answers[kind], atMs);
    this.record = { ...this.record, refusal: refusalAfter(this.record.refusal, this.access, BOOT) };
  }

  tick(nowMs: number): void {
    const at = { bootId: BOOT, nowMs, wallMs: nowMs };
    const cards = provenByAccess(good(nowMs), this, at);
    const process = { alive: true, pid: 7, startTicks: 0 } as const;
    const sighting = {
      record: this.record,
      process,
      finishedMs: null,
      unseen: null,
      ...(cards && { cards }),
    };
    const run = meteredRun({ ...sighting, interval: this.#intervals.get(runId("run-1")) ?? null }, at);
    for (const step of run === null ? [] : meter([run], this.#intervals, at)) {
      this.rows.push(...step.rows);
      if (step.interval === null) this.#intervals.delete(step.runId);
      else this.#intervals.set(step.runId, step.interval);
    }
  }

  end(nowMs: number): void {
    this.record = { ...this.record, end: END };
    this.tick(nowMs);
  }

  isBilled(ms: number): boolean {
    return this.rows.some(({ startMs, endMs, proof }) => proof !== "unproven" && startMs <= ms && ms < endMs);
  }

  get billedMs(): number {
    const proven = this.rows.filter(({ proof }) => proof !== "unproven");
    return proven.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  }
}

describe("a run of which the meter follows the process", () => {
  test("is charged whole while it passes", () => {
    const run = new Metered();
    for (let ms = TICK_MS; ms <= 300_000; ms += TICK_MS) {
      if (ms % 60_000 === TICK_MS) run.answer("passed", ms);
      run.tick(ms);
    }
    run.end(300_000);

    // A process' time begins with the tick of the kernel's clock after its start.
    expect(run.billedMs).toBe(300_000 - 10);
  });

  test("is charged nothing from the last probe that passed until it passes again", () => {
    const run = new Metered();
    const answers = {
      10: "passed",
      70: "passed",
      130: "refused",
      140: "refused",
      200: "refused",
      260: "passed",
    } as const;
    for (let second = 10; second <= 320; second += 10) {
      const answer = Object.entries(answers).find(([at]) => Number(at) === second)?.[1];
      if (answer !== undefined) run.answer(answer, second * 1_000);
      run.tick(second * 1_000);
    }
    run.end(320_000);

    expect(run.billedMs).toBe(70_000 - 10 + 60_000);
    expect([
      run.isBilled(69_999),
      run.isBilled(70_000),
      run.isBilled(259_999),
      run.isBilled(260_000),
    ]).toEqual([true, false, false, true]);
  });

  test("that was refused once and then passes is charged whole: it was none", () => {
    const run = new Metered();
    for (const [ms, answer] of [
      [10_000, "passed"],
      [70_000, "refused"],
      [80_000, "passed"],
    ] as const) {
      run.answer(answer, ms);
      run.tick(ms);
    }
    run.end(90_000);

    expect(run.billedMs).toBe(90_000 - 10);
  });

  test("that the agent left for an hour is charged to the last probe of before, should it be refused then", () => {
    const run = new Metered();
    run.answer("passed", 10_000);
    run.tick(10_000);
    run.tick(20_000);
    run.access = newAccess(3_620_000);
    run.tick(3_620_000);
    run.answer("refused", 3_621_000);
    run.answer("refused", 3_631_000);
    run.tick(3_631_000);
    run.end(3_640_000);

    expect(run.billedMs).toBeLessThanOrEqual(10_000);
    expect(run.isBilled(10_000)).toBe(false);
  });

  test("in no order of answers, restarts of the agent and pauses pays for a time between a pass and a second refusal", () => {
    const step = fc.record({
      answer: fc.constantFrom<Step["answer"]>("passed", "refused", "unknown"),
      agent: fc.constantFrom<Step["agent"]>("lives", "lives", "lives", "restarts", "is-away"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, endsRefused) => {
        const run = new Metered();
        let [ms, passedMs] = [0, 0];
        const unbilled: [number, number][] = [];
        for (const { answer, agent } of steps) {
          if (agent !== "lives") run.access = newAccess(ms);
          ms += agent === "is-away" ? 90_000 : TICK_MS;
          const before = run.record.refusal;
          run.answer(answer, ms);
          const { refusal: after } = run.record;
          if (answer === "passed" && before?.isConfirmed === true && before.againMs === null)
            unbilled.push([passedMs, ms]);
          if (answer === "passed") passedMs = ms;
          run.tick(ms);
          if (after?.isConfirmed === true && after.againMs === null) unbilled.push([passedMs, ms]);
        }
        if (endsRefused) run.answer("refused", (ms += TICK_MS));
        run.end(ms);
        if (endsRefused) unbilled.push([passedMs, ms]);
        for (const [from, to] of unbilled)
          for (const { startMs, endMs } of run.rows.filter(({ proof }) => proof !== "unproven"))
            expect(Math.min(endMs, to) - Math.max(startMs, from)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});

test.each([
  ["its cards were well", {}, null, null],
  ["one of its cards was not", {}, 800_000, 800_000],
  ["it was refused its cards", { refusal: refusal() }, null, 900_000],
  ["it was refused them before a probe had passed", { refusal: refusal({ passedMs: null }) }, null, 0],
  ["it was refused cards that were not well earlier", { refusal: refusal() }, 800_000, 800_000],
  ["it had them again", { refusal: refusal({ againMs: 950_000 }) }, null, null],
  ["it was refused them in another boot", { refusal: refusal({ bootId: OTHER_BOOT }) }, null, null],
])(
  "time of a boot that ended while %s is a run's own up to then",
  (_what, record, cardsGoodMs, lastGoodMs) => {
    const interval: UsageInterval = {
      runId: runId("a"),
      bootId: BOOT,
      pid: 7,
      startTicks: 1,
      startMs: 700_000,
      endMs: NOW,
      wallEndMs: 0,
      isOpen: true,
    };
    const expected = lastGoodMs === null ? undefined : { bootId: BOOT, lastGoodMs };

    expect(endOfBoot(record, interval, cardsGoodMs)).toEqual(expected);
  },
);
