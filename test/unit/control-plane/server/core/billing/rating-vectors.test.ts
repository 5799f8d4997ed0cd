/** The billing vectors through the real rating code, message by message being left to the integration test. */
import { parseUtcOffset } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { linesForOrder } from "@remotegpu/control-plane/server/core/orders/prices/price-lines";
import { atUtc, union } from "@remotegpu/control-plane/server/core/billing/proven-time";
import { estimate, type PricedLine, rateRun } from "@remotegpu/control-plane/server/core/billing/rating";
import { waivedTime } from "@remotegpu/control-plane/server/core/billing/waived-time";
import { formatPoints, parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import { describe, expect, test } from "vitest";
import {
  BILLING_VECTORS,
  type BillingVector,
  readBillingVectors,
} from "../../../../../support/billing/billing-vector.ts";

const VECTORS = readBillingVectors(BILLING_VECTORS);

/** The union of what a run's messages prove, a key's first message only. */
function provenTimeOf(vector: BillingVector, run: string) {
  const seen = new Set<string>();
  const intervals = vector.usage.flatMap((message) => {
    const key = `${message.node} ${message.boot} ${message.seq}`;
    const isRepeated = seen.has(key);
    seen.add(key);
    if (isRepeated || message.run !== run || !message.proven) return [];
    const boot = vector.boots.find((one) => one.node === message.node && one.boot === message.boot);
    const interval = { fromMs: message.from_ms, toMs: message.to_ms };
    return atUtc([interval], Date.parse(boot?.utc_at_zero ?? ""));
  });
  return union(intervals);
}

function pricedLines(vector: BillingVector, spec: string, atMs: number): PricedLine[] {
  const inForce = new Map<string, PricedLine>();
  const entries = vector.catalog
    .filter((entry) => entry.spec === spec && Date.parse(entry.effective_from) <= atMs)
    .sort((a, b) => Date.parse(a.effective_from) - Date.parse(b.effective_from));
  for (const entry of entries)
    inForce.set(entry.line, {
      line: entry.line,
      quantity: parseQuantity(entry.quantity),
      unitPrice: parsePrice(entry.unit_price),
      billingUnit: entry.billing_unit,
    });
  return [...inForce.values()];
}

function ratedRuns(vector: BillingVector) {
  return vector.runs.map((run) => {
    const proven = provenTimeOf(vector, run.run);
    const stop = vector.expected.stop_orders?.find((order) => order.run === run.run);
    const lines = pricedLines(vector, run.spec, proven[0]?.fromMs ?? 0);
    const waived = waivedTime(stop === undefined ? null : Date.parse(stop.at), []);
    const calendar = {
      utcOffsetMinutes: parseUtcOffset(vector.config.utc_offset),
      closeDelayHours: vector.config.close_delay_hours,
    };
    return { run, rated: rateRun({ proven, waived, lines }, calendar) };
  });
}

describe.each(VECTORS.filter((vector) => vector.runs.length > 0))("$id: $rule", (vector) => {
  test("run totals", () => {
    const totals = ratedRuns(vector).map(({ run, rated }) => ({
      run: run.run,
      workspace: run.workspace,
      metered_ms: rated.provenMs,
      waived_ms: rated.waivedMs,
      minutes: rated.minutes,
      amount: formatPoints(rated.amount),
    }));

    expect(totals).toEqual(vector.expected.run_totals);
  });

  test("records by month of use", () => {
    const shares = ratedRuns(vector).flatMap(({ run, rated }) =>
      rated.shares.map(
        (share) =>
          `${run.run} ${share.line} ${share.usageMonth} ${share.minutes} ${formatPoints(share.amount)}`,
      ),
    );

    expect(shares.sort()).toEqual(recordsByMonthOfUse(vector).sort());
  });
});

/** Expected records, their months of invoice added up. */
function recordsByMonthOfUse(vector: BillingVector): string[] {
  const sums = new Map<string, { minutes: number; amount: bigint }>();
  for (const record of vector.expected.records ?? []) {
    const key = `${record.run} ${record.line} ${record.usage_month}`;
    const sum = sums.get(key) ?? { minutes: 0, amount: 0n };
    const amount = sum.amount + parsePrice(record.amount);
    sums.set(key, { minutes: sum.minutes + record.minutes, amount });
  }
  return [...sums].map(([key, sum]) => `${key} ${sum.minutes} ${formatPoints(sum.amount / 100n)}`);
}

test.each(VECTORS.flatMap((vector) => (vector.expected.estimates ?? []).map((one) => ({ ...one, vector }))))(
  "estimate of $minutes minutes of $spec",
  ({ vector, spec, at, minutes, instances, amount }) => {
    const lines = pricedLines(vector, spec, Date.parse(at));

    expect(formatPoints(estimate(lines, { minutes, instances }))).toBe(amount);
  },
);

test("an order of a vector's spec gets the vector's line", () => {
  const [vector] = VECTORS;
  const prices = pricedLines(vector!, "A", Date.parse("2026-03-10T02:00:00Z"));
  const order = {
    cpuMilli: 0,
    memoryBytes: 0,
    gpus: 0,
    gpuMemoryBytes: null,
    gpuShared: false,
    tempStorageBytes: null,
  };
  const shape = {
    cpuMilli: 0,
    memoryBytes: 0,
    gpus: 0,
    gpuModel: null,
    gpuMemoryBytes: null,
    tempStorageBytes: 0,
  };

  expect(linesForOrder(order, { spec: "A", shape, prices }, null)).toEqual({ priced: true, lines: prices });
});
