/** The billing vectors through the real store, ingest and hour tick, on Postgres. */
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  BILLING_VECTORS,
  MORE_BILLING_VECTORS,
  readBillingVectors,
} from "../../support/billing/billing-vector.ts";
import { runBillingVector } from "../../vectors/billing-vector-run.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { differences, notCompared } from "../../vectors/differences.ts";

let fresh: FreshDatabase;
const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
});
afterEach(() => fresh.drop());

describe("vectors", () => {
  const vectors = readBillingVectors(BILLING_VECTORS);

  test.each([...vectors, ...readBillingVectors(MORE_BILLING_VECTORS)])("$id: $rule", async (vector) => {
    const result = await runBillingVector(fresh.application, vector);

    expect(differences(vector.expected, result)).toEqual([]);
    expect(notCompared(vector.expected, result)).toEqual([]);
    expect(await trialBalance(fresh.application)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
  });

  test("all 22 are there", () => {
    expect(vectors).toHaveLength(22);
  });
});
