/** What counts as a difference between what a vector expects and what came out. */
import { describe, expect, test } from "vitest";
import type { BillingVector, VectorResult } from "../../support/billing/billing-vector.ts";
import { differences, notCompared } from "../../vectors/differences.ts";

const NOTHING: VectorResult = {
  run_totals: [],
  records: [],
  charges: [],
  storage_records: [],
  balances: [],
  state_changes: [],
  stop_orders: [],
  start_results: [],
  rejected: [],
  alerts: [],
  estimates: [],
  totals: {
    topups: "0.0000",
    charges: "0.0000",
    refunds: "0.0000",
    adjustments: "0.0000",
    closing_balance: "0.0000",
  },
};
const AT = "2026-03-10T03:00:00Z";
const LATER = "2026-03-10T04:00:00Z";

function compared(expected: BillingVector["expected"], came: Partial<VectorResult>): string[] {
  return differences(expected, { ...NOTHING, ...came });
}

describe("order", () => {
  test.each<[string, Partial<VectorResult>]>([
    ["balances", { balances: [AT, LATER].map((at) => ({ at, balance: "1.0000", state: "normal" })) }],
    ["alerts", { alerts: ["9.0000", "5.0000"].map((threshold) => ({ at: AT, threshold })) }],
    ["starts", { start_results: [AT, LATER].map((at) => ({ at, workspace: "w", accepted: true })) }],
    ["states", { state_changes: ["overdue", "normal"].map((to) => ({ at: AT, to })) }],
  ])("of %s makes no difference", (_what, came) => {
    const turned = Object.fromEntries(
      Object.entries(came).map(([section, list]) => [section, (list as object[]).toReversed()]),
    );

    expect(compared(turned, came)).toEqual([]);
  });

  test("but how often something is there does", () => {
    const alert = { at: AT, threshold: "9.0000" };

    expect(compared({ alerts: [alert] }, { alerts: [alert, alert] })).toEqual([
      `alerts: came out as {"at":"${AT}","threshold":"9.0000"}`,
    ]);
  });
});

test("a moment is one however it is written, and a reason is for people", () => {
  expect(
    compared(
      { rejected: [{ id: "f", at: "2026-03-10T03:00:00.000Z", reason: "twice" }] },
      { rejected: [{ id: "f", at: AT, reason: "known-source" }] },
    ),
  ).toEqual([]);
});

test("an amount that differs is reported from both sides, also in the totals", () => {
  expect(compared({ totals: { ...NOTHING.totals, charges: "1.0000" } }, {})).toEqual([
    'totals: expected {"charges":"1.0000"}',
    'totals: came out as {"charges":"0.0000"}',
  ]);
});

test("a line that was given back whole is the same as none", () => {
  const months = { usage_month: "2026-03", invoice_month: "2026-03" };
  const nothing = { run: "r1", line: "gpu", ...months, minutes: 0, amount: "0.0000" };

  expect(compared({ records: [nothing] }, {})).toEqual([]);
  expect(compared({ records: [{ ...nothing, minutes: 1 }] }, {})).toHaveLength(1);
});

describe("a day of storage of which the product has no row", () => {
  const day = { workspace: "w", day: "2026-03-10", samples: 0, average_gb: null };
  const free = { billable_gb: "0.000000", amount: "0.0000" };

  test("is one where nothing was measured, or nothing was there", () => {
    expect(compared({ storage_records: [{ ...day, ...free }] }, {})).toEqual([]);
    const empty = { ...day, ...free, samples: 24, average_gb: "0.000000" };
    expect(compared({ storage_records: [empty] }, {})).toEqual([]);
  });

  test("is missed where something was there, even if it is free", () => {
    const stored = { ...day, ...free, samples: 24, average_gb: "30.000000" };

    expect(compared({ storage_records: [stored] }, {})).toHaveLength(1);
  });

  test("reports nothing about a row that there is", () => {
    const made = { ...day, ...free, samples: 23, average_gb: "0.000000" };

    expect(
      compared({ storage_records: [{ ...made, samples: 24 }] }, { storage_records: [made] }),
    ).toHaveLength(2);
  });
});

test("what the file lacks is not compared, and named where something came out of it", () => {
  const came = { ...NOTHING, charges: [{ at: AT, run: "r1", minutes: 1, amount: "1.0000" }] };
  const expected = { totals: NOTHING.totals, invoices: [] };

  expect(differences(expected, came)).toEqual([]);
  expect(notCompared(expected, came)).toEqual(["charges", "invoices"]);
});
