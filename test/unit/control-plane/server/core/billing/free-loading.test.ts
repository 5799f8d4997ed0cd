/** The payer's allowance for loading: how much of an hour is free, of which replica, and that nothing gets more of it. */
import * as fc from "fast-check";
import {
  freeLoading,
  type LoadingGrant,
  type LoadingRun,
  loadingTime,
} from "@remotegpu/control-plane/server/core/billing/free-loading";
import {
  type Interval,
  totalMs,
  union,
  without,
} from "@remotegpu/control-plane/server/core/billing/proven-time";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { describe, expect, test } from "vitest";
import { BillingModel } from "../../../../../support/billing/billing-model.ts";

const NOON = Date.parse("2026-03-10T12:00:00Z");
const ALLOWANCE_MS = 10 * MS_PER_MINUTE;
const minutes = (from: number, to: number): Interval => ({
  fromMs: NOON + from * MS_PER_MINUTE,
  toMs: NOON + to * MS_PER_MINUTE,
});
const run = (id: string, ...loading: Interval[]): LoadingRun => ({
  id,
  orderedMs: loading[0]?.fromMs ?? NOON,
  loading: union(loading),
});
const grants = (runs: readonly LoadingRun[], granted: readonly Interval[] = [], allowanceMs = ALLOWANCE_MS) =>
  freeLoading({ runs, granted, allowanceMs });
const inMinutes = (given: readonly LoadingGrant[]) =>
  given.map(({ runId, fromMs, toMs }) => [
    runId,
    (fromMs - NOON) / MS_PER_MINUTE,
    (toMs - NOON) / MS_PER_MINUTE,
  ]);

describe("loading", () => {
  const proven = union([minutes(0, 5), minutes(6, 20)]);

  test("is what is proven until it first serves, or all of it where it never does, without what is free already", () => {
    const servedMs = minutes(0, 8).toMs;

    expect(loadingTime({ proven, waived: [], servedMs })).toEqual([minutes(0, 5), minutes(6, 8)]);
    expect(loadingTime({ proven, waived: [], servedMs: null })).toEqual(proven);
    expect(loadingTime({ proven, waived: [minutes(3, 7)], servedMs })).toEqual([
      minutes(0, 3),
      minutes(7, 8),
    ]);
  });
});

describe("of a payer's hour", () => {
  test.each([
    [9, 9],
    [10, 10],
    [10.5, 10],
    [50, 10],
  ])("of %d minutes of loading %d are free", (loads, free) => {
    expect(inMinutes(grants([run("a", minutes(0, loads))]))).toEqual([["a", 0, free]]);
  });

  test("one replica at a time is free, of those that load at once the one that was ordered first", () => {
    const [a, b] = [run("a", minutes(0, 4)), run("b", minutes(0, 6))];

    expect(inMinutes(grants([b, a]))).toEqual([
      ["a", 0, 4],
      ["b", 4, 6],
    ]);
  });

  test("ten replicas at once have what one has", () => {
    const many = Array.from({ length: 10 }, (_, nth) => run(`run-${nth}`, minutes(0, 11)));

    expect(inMinutes(grants(many))).toEqual([["run-0", 0, 10]]);
  });

  test("the next hour has its own, and a replica that loads over both is free in each", () => {
    expect(inMinutes(grants([run("a", minutes(55, 75))]))).toEqual([
      ["a", 55, 60],
      ["a", 60, 70],
    ]);
  });

  test("what was granted counts, whoever had it, and is not granted again", () => {
    expect(inMinutes(grants([run("b", minutes(0, 30))], [minutes(2, 9)]))).toEqual([
      ["b", 0, 2],
      ["b", 9, 10],
    ]);
    expect(grants([run("b", minutes(0, 30))], [minutes(2, 12)])).toEqual([]);
  });

  test("nothing is free where the setting is none, and what stands beyond a smaller one is not taken back", () => {
    expect(grants([run("a", minutes(0, 5))], [], 0)).toEqual([]);
    expect(grants([run("a", minutes(0, 30))], [minutes(0, 8)], 5 * MS_PER_MINUTE)).toEqual([]);
  });
});

describe("whatever loads, in whatever order it is found out,", () => {
  const interval = fc
    .tuple(fc.nat(150), fc.integer({ min: 1, max: 40 }))
    .map(([from, length]) => minutes(from, from + length));
  const someRuns = fc
    .array(fc.array(interval, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })
    .map((all) => all.map((loading, nth) => run(`run-${nth}`, ...loading)));

  const ofHours = (given: readonly Interval[]) =>
    given.reduce((sums, { fromMs, toMs }) => {
      const hour = Math.floor(fromMs / MS_PER_HOUR);
      expect(Math.floor((toMs - 1) / MS_PER_HOUR)).toBe(hour);
      return sums.set(hour, (sums.get(hour) ?? 0) + toMs - fromMs);
    }, new Map<number, number>());

  test("each hour has at most the allowance, at each moment one run, and only of what it loaded", () => {
    fc.assert(
      fc.property(someRuns, (runs) => {
        const given = grants(runs);

        for (const sum of ofHours(given).values()) expect(sum).toBeLessThanOrEqual(ALLOWANCE_MS);
        expect(totalMs(union(given))).toBe(given.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0));
        for (const { runId, ...one } of given)
          expect(without([one], runs.find(({ id }) => id === runId)?.loading ?? [])).toEqual([]);
        expect(grants(runs, given)).toEqual([]);
      }),
    );
  });

  test("it is what a model that shares no code with it grants, run by run", () => {
    fc.assert(
      fc.property(someRuns, (runs) => {
        const model = new BillingModel({ offsetMinutes: 0, closeDelayHours: 24 });
        model.addCustomer(1);
        for (const { id, loading, orderedMs } of runs) {
          model.open({ id, customer: 1, spec: "a", lines: [] });
          model.beginLoading(id, orderedMs);
          for (const [nth, { fromMs: from, toMs: to }] of loading.entries())
            model.ingest([{ key: `${id} ${nth}`, run: id, from, to, isProven: true, isFinal: false }], 0);
        }

        model.grantLoading(ALLOWANCE_MS);

        const given = grants(runs);
        for (const { id } of runs)
          expect(
            union(given.filter(({ runId }) => runId === id).map(({ fromMs, toMs }) => ({ fromMs, toMs }))),
          ).toEqual(union((model.runs.get(id)?.free ?? []).map(([fromMs, toMs]) => ({ fromMs, toMs }))));
      }),
    );
  });

  test("more services, members or workspaces than one have no more of it", () => {
    fc.assert(
      fc.property(someRuns, (runs) => {
        const together = run("one", ...runs.flatMap(({ loading }) => loading));

        expect(totalMs(union(grants(runs)))).toBe(totalMs(union(grants([together]))));
      }),
    );
  });

  test("rows that come later, of any run, take nothing back and lead to no more than the allowance", () => {
    fc.assert(
      fc.property(someRuns, fc.nat(), (runs, seed) => {
        const parts = runs.flatMap(({ id, loading }) => loading.map((one) => run(id, one)));
        const inTurn = parts.toSorted((a, b) => ((a.orderedMs ^ seed) % 7) - ((b.orderedMs ^ seed) % 7));
        let given: LoadingGrant[] = [];
        for (const part of inTurn) given = [...given, ...grants([part], given)];

        for (const sum of ofHours(given).values()) expect(sum).toBeLessThanOrEqual(ALLOWANCE_MS);
        expect(totalMs(union(given))).toBe(given.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0));
        // Nothing is left of an hour while something that loaded in it was not free.
        expect(grants(runs, given)).toEqual([]);
      }),
    );
  });
});
