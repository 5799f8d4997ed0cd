import { describe, expect, test } from "vitest";
import {
  DOWN_WINDOW_MS,
  largestLoad,
  lastingLoad,
  type LoadHistory,
  MAX_GAP_MS,
  type Moment,
  NO_HISTORY,
  remembered,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/load-history";

const BEGIN = 1_000_000;

function moment(now: number, load: number | null, change: Partial<Moment> = {}): Moment {
  const requestedBy = (inReplicas: number) => Math.max(1, Math.ceil(inReplicas));
  return { now, load, isWhollyKnown: true, isQuiet: false, wanted: 5, requestedBy, ...change };
}

/** A look every two seconds. */
function historyOf(loads: readonly (number | null)[], change: Partial<Moment> = {}): LoadHistory {
  return loads.reduce<LoadHistory>(
    (history, load, index) => remembered(history, moment(BEGIN + index * 2_000, load, change)),
    NO_HISTORY,
  );
}

const nowAfter = (checks: number) => BEGIN + (checks - 1) * 2_000;

describe("the load that lasts", () => {
  const lasting = (loads: number[], reportedSince = nowAfter(loads.length)) =>
    lastingLoad(historyOf(loads), { now: nowAfter(loads.length), reportedSince });

  test.each<[string, number[], number | null]>([
    ["is not known before 6 s have passed", [9, 9, 9], null],
    ["is known once they have", [9, 9, 9, 9], 9],
    ["is the least of 6 s", [1, 9, 7, 8], 7],
    ["is still that of before, 4 s after a step", [1, 1, 1, 1, 9, 9], 1],
    ["is that of the step after 6 s", [1, 1, 1, 1, 9, 9, 9], 9],
    ["is not that of a spike", [1, 1, 1, 1, 9, 1], 1],
  ])("%s", (_what, loads, expected) => {
    expect(lasting(loads)).toBe(expected);
  });

  test("is no longer than a single sample reported it, where samples come seldom", () => {
    const loads = [1, 1, 1, 9, 9, 9, 9, 9];

    // The first look at 9 was at 6 s; all that is known now was told by then.
    expect(lasting(loads, BEGIN + 6_000)).toBe(1);
    expect(lasting(loads, BEGIN + 6_001)).toBe(9);
  });
});

describe("the largest load of a minute", () => {
  test.each<[string, number, number | null]>([
    ["is not known before a minute has passed", 30, null],
    ["is known once it has", 31, 4],
  ])("%s", (_what, checks, expected) => {
    const loads = Array.from({ length: checks }, (_, index) => (index === 3 ? 4 : 1));

    expect(largestLoad(historyOf(loads), nowAfter(checks))).toBe(expected);
  });

  test("is not that of a minute ago and more", () => {
    const loads = [4, ...Array.from({ length: 31 }, () => 1)];

    expect(largestLoad(historyOf(loads), nowAfter(loads.length))).toBe(1);
  });

  test("is not known within a minute of a check at which not all was known", () => {
    const history = historyOf(Array.from({ length: 60 }, () => 1));
    const holed = remembered(history, moment(nowAfter(61), 1, { isWhollyKnown: false }));
    const later = remembered(holed, moment(nowAfter(62), 1));

    expect(largestLoad(history, nowAfter(60))).toBe(1);
    expect(largestLoad(later, nowAfter(62))).toBeNull();
  });
});

describe("how long fewer would do", () => {
  test.each<[string, (number | null)[], LoadHistory["below"]]>([
    ["counts from the first check that wants fewer", [5, 4, 3], { since: BEGIN + 2_000, replicas: 5 }],
    ["counts anew after one that wants as many", [4, 4.5, 4], { since: BEGIN + 4_000, replicas: 5 }],
    ["is nothing while as many are wanted", [4, 4, 4.1], null],
    ["counts anew after a check without any load", [4, null, 4], { since: BEGIN + 4_000, replicas: 5 }],
  ])("%s", (_what, loads, below) => {
    expect(historyOf(loads).below).toEqual(below);
  });

  test("counts on where more are wanted", () => {
    const history = remembered(historyOf([4, 4, 4]), moment(nowAfter(4), 6, { wanted: 7 }));

    expect(history.below).toEqual({ since: BEGIN, replicas: 7 });
  });

  test("counts from what is remembered where fewer are wanted", () => {
    const history = remembered(historyOf([4, 4, 2, 2]), moment(nowAfter(5), 2, { wanted: 4 }));

    expect(history.below).toEqual({ since: BEGIN + 4_000, replicas: 4 });
  });
});

test("it is quiet since the first of the checks that were quiet in a row", () => {
  const quiet = historyOf([0, 0, 0], { isQuiet: true });
  const loud = remembered(quiet, moment(nowAfter(4), 0));

  expect(quiet.quietSince).toBe(BEGIN);
  expect(loud.quietSince).toBeNull();
});

test.each([
  ["a longest gap", MAX_GAP_MS, BEGIN],
  ["a gap that is longer", MAX_GAP_MS + 1, BEGIN + MAX_GAP_MS + 1],
  ["a clock that went backwards", -1, BEGIN - 1],
])("after %s it is known since", (_what, gapMs, knownSince) => {
  const history = remembered(historyOf([1]), moment(BEGIN + gapMs, 1));

  expect(history.knownSince).toBe(knownSince);
});

test("checks of one second are one point with the least and the largest of them", () => {
  const history = [2, 3, 1].reduce<LoadHistory>(
    (before, load, index) => remembered(before, moment(BEGIN + index * 300, load)),
    NO_HISTORY,
  );

  expect(history.points).toEqual([{ at: BEGIN, low: 1, high: 3 }]);
});

test("however often it is checked, no more is stored than the window needs", () => {
  let history = NO_HISTORY;
  for (let now = BEGIN; now < BEGIN + 3 * DOWN_WINDOW_MS; now += 250)
    history = remembered(history, moment(now, 1));

  expect(history.points.length).toBeLessThanOrEqual(DOWN_WINDOW_MS / 1_000 + 3);
});
