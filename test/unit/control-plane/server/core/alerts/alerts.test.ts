/** Alerts: when each fires and when it is over, at the limits and over any history. */
import { inWords } from "../../../../../support/reasons/in-words.ts";
import {
  accountAlerts,
  type AlertKind,
  balanceAlerts,
  budgetAlerts,
  hoursLeftAlerts,
  type OpenAlert,
  type AlertNotice,
} from "@remotegpu/control-plane/server/core/alerts/alerts";
import { parsePoints } from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

function open(kind: AlertKind, threshold: string | null, month: string | null = null): OpenAlert {
  return { kind, threshold: threshold === null ? null : parsePoints(threshold), month };
}

/** "fired 20", "recovered 10" */
function reported(notices: readonly AlertNotice[]): string[] {
  return notices.map(({ state, threshold }) => `${state} ${Number(threshold ?? 0n) / 10_000}`);
}

/** What is open after these. */
function afterReporting(before: readonly OpenAlert[], notices: readonly AlertNotice[]): OpenAlert[] {
  const key = ({ kind, threshold, month }: OpenAlert) => `${kind} ${threshold} ${month}`;
  const over = new Set(notices.filter(({ state }) => state === "recovered").map(key));
  return [
    ...before.filter((one) => !over.has(key(one))),
    ...notices.filter(({ state }) => state === "fired"),
  ];
}

describe("a balance", () => {
  test.each([
    ["stays above", "30", "20.0001", [], []],
    ["falls exactly to the threshold", "20.0001", "20", [], ["fired 20"]],
    ["falls through it", "21", "19", [], ["fired 20"]],
    ["falls through two at once, the highest first", "21", "-1", [], ["fired 20", "fired 10"]],
    ["was at it and falls on", "20", "19", [], []],
    ["falls while the alert holds", "19", "18", ["20"], []],
    ["rises to the threshold only", "15", "20", ["20"], []],
    ["rises above it", "15", "20.0001", ["20"], ["recovered 20"]],
    ["rises above both, the lowest first", "5", "25", ["20", "10"], ["recovered 10", "recovered 20"]],
    ["begins below and rises: nothing was reported that could be over", "0", "25", [], []],
    ["rises above a threshold that nobody has set any more", "30", "41", ["40"], ["recovered 40"]],
  ])("%s", (_what, before, after, openThresholds, expected) => {
    const notices = balanceAlerts({
      before: parsePoints(before),
      after: parsePoints(after),
      thresholds: ["10", "20"].map(parsePoints),
      open: openThresholds.map((threshold) => open("low-balance", threshold)),
    });

    expect(reported(notices)).toEqual(expected);
  });

  test("what is reported names the balance and the threshold", () => {
    const [reporting] = balanceAlerts({
      before: 300_000n,
      after: 195_000n,
      thresholds: [200_000n],
      open: [],
    });

    expect(inWords(reporting)).toEqual({
      kind: "low-balance",
      state: "fired",
      threshold: 200_000n,
      month: null,
      value: "19.5000",
      sentence: "The balance is 19.5000, at or below 20.0000.",
    });
  });

  test("over any walk each fall to a threshold is one alert, and between two of them it recovers", () => {
    const points = fc.bigInt({ min: -50n, max: 50n });
    fc.assert(
      fc.property(
        fc.array(points, { maxLength: 60 }),
        fc.uniqueArray(points, { maxLength: 5 }),
        (walk, thresholds) => {
          let balance = 0n;
          let state: OpenAlert[] = [];
          const history: { threshold: bigint | null; state: string }[] = [];
          const falls = new Map(thresholds.map((threshold) => [threshold, 0]));
          for (const after of walk) {
            for (const one of thresholds)
              if (balance > one && after <= one) falls.set(one, (falls.get(one) ?? 0) + 1);
            const notices = balanceAlerts({ before: balance, after, thresholds, open: state });
            history.push(...notices);
            state = afterReporting(state, notices);
            balance = after;
          }

          for (const threshold of thresholds) {
            const states = history.filter((one) => one.threshold === threshold).map((one) => one.state);
            expect(states.filter((one) => one === "fired")).toHaveLength(falls.get(threshold) ?? 0);
            expect(states).toEqual(states.map((_, index) => (index % 2 === 0 ? "fired" : "recovered")));
            const isOpen = state.some((one) => one.threshold === threshold);
            expect(isOpen).toBe((falls.get(threshold) ?? 0) > 0 && balance <= threshold);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("hours left", () => {
  test.each([
    ["above the threshold", "24.01", "100", [], []],
    ["exactly at it", "24", "100", [], ["fired 24"]],
    ["below both", "3", "10", [], ["fired 24", "fired 4"]],
    ["reported already", "23", "100", ["24"], []],
    ["a little above again: not over yet", "30", "100", ["24"], []],
    ["a quarter above: over", "30.0001", "100", ["24"], ["recovered 24"]],
    ["nothing runs and there is money: over", null, "5", ["24", "4"], ["recovered 4", "recovered 24"]],
    ["nothing runs because the money is used up", null, "0", ["24", "4"], []],
    ["nothing runs, nothing was reported", null, "5", [], []],
  ])("%s", (_what, hours, funds, openThresholds, expected) => {
    const notices = hoursLeftAlerts({
      hoursLeft: hours === null ? null : parsePoints(hours),
      funds: parsePoints(funds),
      thresholds: ["24", "4"].map(parsePoints),
      open: openThresholds.map((threshold) => open("hours-left", threshold)),
    });

    expect(reported(notices)).toEqual(expected);
  });

  test("a burn that goes up and down by a tenth reports once", () => {
    const fire: string[] = [];
    let state: OpenAlert[] = [];
    for (const hours of ["25", "23.9", "25.5", "23.5", "26", "22", "24.5"]) {
      const check = {
        hoursLeft: parsePoints(hours),
        funds: 1n,
        thresholds: [parsePoints("24")],
        open: state,
      };
      const notices = hoursLeftAlerts(check);
      fire.push(...reported(notices));
      state = afterReporting(state, notices);
    }

    expect(fire).toEqual(["fired 24"]);
  });
});

describe("a budget", () => {
  const check = (spent: string, limit: string | null, openAlerts: OpenAlert[] = [], percents = "50,80,100") =>
    reported(
      budgetAlerts({
        month: "2026-03",
        spent: parsePoints(spent),
        limit: limit === null ? null : parsePoints(limit),
        percents: percents.split(",").map(parsePoints),
        open: openAlerts,
      }),
    );
  const ofMarch = (threshold: string) => open("budget", threshold, "2026-03");

  test.each([
    ["nothing is spent", "0", []],
    ["one below the half", "49.9999", []],
    ["exactly the half", "50", ["fired 50"]],
    ["all of it at once", "100", ["fired 50", "fired 80", "fired 100"]],
    ["more than all", "250", ["fired 50", "fired 80", "fired 100"]],
  ])("%s", (_what, spent, expected) => {
    expect(check(spent, "100")).toEqual(expected);
  });

  test("a part of the smallest unit of money is counted exactly", () => {
    expect(check("0.0001", "0.0003", [], "33.3333")).toEqual(["fired 33.3333"]);
    expect(check("0.0001", "0.0003", [], "33.3334")).toEqual([]);
  });

  test("what was reported is not reported again in the month", () => {
    expect(check("60", "100", [ofMarch("50")])).toEqual([]);
  });

  test.each([
    ["a credit brings it below", "49", "100"],
    ["the limit was raised", "60", "200"],
    ["the budget was taken away", "60", null],
  ])("it is over when %s", (_what, spent, limit) => {
    expect(check(spent, limit, [ofMarch("50")])).toEqual(["recovered 50"]);
  });

  test("it is over when nobody requests that part any more", () => {
    expect(check("60", "100", [ofMarch("50")], "80")).toEqual(["recovered 50"]);
  });

  test("a new month ends the alerts of the old one and may fire at once", () => {
    const ofFebruary = ["50", "80"].map((threshold) => open("budget", threshold, "2026-02"));

    expect(check("55", "100", ofFebruary)).toEqual(["recovered 50", "recovered 80", "fired 50"]);
  });
});

describe("an account", () => {
  const kinds = (notices: readonly AlertNotice[]) => notices.map(({ kind, state }) => `${kind} ${state}`);

  test("reports that it is overdue, then that it is suspended", () => {
    expect(kinds(accountAlerts("overdue", []))).toEqual(["overdue fired"]);
    expect(kinds(accountAlerts("suspended", [open("overdue", null)]))).toEqual(["suspended fired"]);
  });

  test("reports what is over when it is normal again", () => {
    const both = [open("overdue", null), open("suspended", null), open("low-balance", "10")];

    expect(kinds(accountAlerts("normal", both))).toEqual(["overdue recovered", "suspended recovered"]);
    expect(accountAlerts("normal", [])).toEqual([]);
  });

  test("takes back every warning of data at risk when it is normal again, each by its day", () => {
    const warned = [open("data-at-risk", "30"), open("hours-left", "24"), open("data-at-risk", "53")];

    expect(reported(accountAlerts("normal", warned))).toEqual(["recovered 30", "recovered 53"]);
    expect(accountAlerts("suspended", warned)).toMatchObject([{ kind: "suspended", threshold: null }]);
  });

  test("reports nothing twice", () => {
    expect(accountAlerts("overdue", [open("overdue", null)])).toEqual([]);
  });
});
