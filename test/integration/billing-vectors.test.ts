/** The billing vectors through the real store, ingest and hour tick, on Postgres. */
import { trialBalance } from "@remotegpu/control-plane/store/billing/ledger";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BILLING_VECTORS, type BillingVector, readBillingVectors } from "../support/billing-vector.ts";
import { comparable, runBillingVector, type VectorResult } from "../support/billing-vector-run.ts";
import { type FreshDatabase, freshDatabase } from "../support/postgres.ts";

/** Vectors whose subject the product does not have yet. */
const NOT_YET: Record<string, string> = {
  "11-storage-average": "storage is not sampled yet",
  "12-storage-gaps": "storage is not sampled yet",
};

let fresh: FreshDatabase;
beforeEach(async () => {
  fresh = await freshDatabase();
});
afterEach(() => fresh.drop());

function expectedOf({ expected }: BillingVector): VectorResult {
  const { storage_records: _storage, alerts: _alerts, ...rest } = expected;
  return comparable(rest);
}

/** A vector without its storage: what its days of storage would cost is not taken either. */
function withoutStorage(vector: BillingVector): BillingVector {
  if (vector.storage.length === 0) return vector;
  const { expected } = vector;
  const firstMidnight = "2026-03-10T16:00:00Z";
  const runCharges = expected.run_totals[0]?.amount ?? "0.0000";
  const closing = expected.balances.filter((one) => one.at < firstMidnight).at(-1)?.balance ?? "";
  return {
    ...vector,
    storage: [],
    observe_at: vector.observe_at.filter((at) => at < firstMidnight),
    expected: {
      ...expected,
      balances: expected.balances.filter((one) => one.at < firstMidnight),
      totals: { ...expected.totals, charges: runCharges, closing_balance: closing },
    },
  };
}

describe("vectors", () => {
  const applicable = readBillingVectors(BILLING_VECTORS).filter((vector) => !(vector.id in NOT_YET));

  test.each(applicable.map(withoutStorage))("$id: $rule", async (vector) => {
    const result = await runBillingVector(fresh.application, vector);

    expect(comparable(result)).toEqual(expectedOf(vector));
    expect(await trialBalance(fresh.application)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
  });

  test("all 22 are there, and those that do not apply yet are named", () => {
    const ids = readBillingVectors(BILLING_VECTORS).map((vector) => vector.id);

    expect(ids).toHaveLength(22);
    expect(ids).toEqual(expect.arrayContaining(Object.keys(NOT_YET)));
  });
});
