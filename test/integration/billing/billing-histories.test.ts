/**
 * Billing as histories at random: after every step product and model agree on every run, record, balance and state,
 * whatever came late, twice, in pieces, backwards or died amid a statement; and what no model is needed for holds.
 */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import {
  formatPoints,
  formatPrice,
  formatQuantity,
  parsePoints,
  parsePrice,
  parseQuantity,
} from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HISTORY, PlayedHistory } from "../../support/billing/billing-history.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { FleetSimulation } from "../../simulator/fleet.ts";

const HISTORIES = Number(process.env["FUZZ_RUNS"] ?? 25);
/** What all of them did is looked at after each, and they begin again just before the end of a month. */
const HISTORIES_PER_DATABASE = 20;
const HOUR = 3_600_000;
/** Ten days before the end of a month in the billing zone, so that some histories cross it. */
const STARTS_AT = Date.parse("2026-01-31T10:00:00Z");

let fresh: FreshDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(() => fresh.drop());

/** A claim that holds after every commit; it asks for what breaks it. */
const BALANCES = {
  "a balance is the sum of its entries": `SELECT c.id FROM customers c
      LEFT JOIN ledger_entries e ON e.customer_id = c.id AND e.account = 'customer'
     GROUP BY c.id HAVING c.balance <> coalesce(sum(e.amount), 0)`,
};
/** Claims that hold whatever happened, once all has come. */
const INVARIANTS: Record<string, string> = {
  ...BALANCES,
  // Of each of its lines, so that a charged run or line without records is none that was forgotten.
  "the minutes of a run's records are its payable time, rounded up": `SELECT r.id FROM runs r
      JOIN run_lines l ON l.run_id = r.id
      LEFT JOIN (SELECT run_id, line, sum(billing_minutes) AS minutes FROM billing_records GROUP BY run_id, line) b
        ON b.run_id = r.id AND b.line = l.line
     WHERE NOT r.uncharged AND coalesce(b.minutes, 0) <> ceil((r.proven_ms - r.waived_ms) / 60000.0)`,
  "what is billed is at most a minute more than what is payable, and never less once all is charged": `SELECT id FROM runs
     WHERE NOT uncharged AND (billed_minutes * 60000 - (proven_ms - waived_ms)) NOT BETWEEN 0 AND 59999
       AND EXISTS (SELECT FROM run_lines l WHERE l.run_id = runs.id AND l.unit_price IS NOT NULL)`,
  "no charge without proof": `SELECT r.id FROM runs r WHERE r.posted_amount <> 0 AND NOT EXISTS (
       SELECT FROM usage_rows u WHERE u.run_id = r.id AND u.verdict = 'accepted' AND u.proof <> 'unproven')`,
  "nobody gets more back of a run than it was charged": `SELECT r.id FROM runs r
     WHERE r.posted_amount < (SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
             JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
            WHERE t.run_id = r.id AND t.source_kind = 'refund')`,
  "records and ledger say the same of a run": `SELECT r.id FROM runs r
     WHERE r.posted_amount <> (SELECT coalesce(sum(amount), 0) FROM billing_records b WHERE b.run_id = r.id)
        OR r.posted_amount <> -(SELECT coalesce(sum(e.amount), 0) FROM ledger_transactions t
             JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
            WHERE t.run_id = r.id AND t.source_kind IN ('charge', 'credit'))`,
};

async function broken(
  database: Database,
  claims: Readonly<Record<string, string>> = INVARIANTS,
): Promise<string[]> {
  const found: string[] = [];
  for (const [claim, question] of Object.entries(claims)) {
    const { rows } = await database.query<{ id: unknown }>(question);
    found.push(...rows.map(({ id }) => `${claim}: not ${String(id)}`));
  }
  return found;
}

test(
  "histories: product and model agree after every step",
  async () => {
    let startsAt = STARTS_AT;
    let count = 0;
    await fc.assert(
      fc.asyncProperty(HISTORY, async (history) => {
        if (count % HISTORIES_PER_DATABASE === 0) {
          await fresh.drop();
          fresh = await freshDatabase();
          startsAt = STARTS_AT;
        }
        count += 1;
        const played = new PlayedHistory(fresh, { prefix: `h${count}`, startsAt });
        try {
          await played.begin();
          for (const step of history) {
            await played.step(step);
            expect([
              ...(await played.world.differences()),
              ...(await broken(fresh.database, BALANCES)),
            ]).toEqual([]);
          }
          await played.settle();
          expect(await played.world.differences({ all: true })).toEqual([]);
          expect(await broken(fresh.database)).toEqual([]);
        } finally {
          startsAt = Math.ceil(played.now / HOUR) * HOUR + HOUR;
        }
      }),
      { numRuns: HISTORIES, endOnFailure: true },
    );
  },
  Math.max(600_000, HISTORIES * 5_000),
);

test("a day of fifty hosts with faults: product and model agree after every hour", async () => {
  const seed = Math.trunc(Math.random() * 1_000_000);
  const own = await freshDatabase();
  try {
    const fleet = await FleetSimulation.begin(own, { seed, hosts: 50, customers: 40, startsAt: STARTS_AT });
    for (let hour = 0; hour < 24; hour += 1)
      expect({
        seed,
        hour,
        differences: [...(await fleet.hour()), ...(await broken(own.database, BALANCES))],
      }).toEqual({ seed, hour, differences: [] });

    expect({ seed, differences: await fleet.wholeDifferences() }).toEqual({ seed, differences: [] });
    expect(await broken(own.database)).toEqual([]);
    expect(fleet.counts.runs).toBeGreaterThan(20);
  } finally {
    await own.drop();
  }
}, 600_000);

test("money, prices and quantities come back from Postgres and JSON as they were", async () => {
  const points = fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n });
  const price = fc.bigInt({ min: 0n, max: 10n ** 18n - 1n });
  const quantity = fc.bigInt({ min: 0n, max: 10n ** 45n });
  await fc.assert(
    fc.asyncProperty(points, price, quantity, async (amount, unitPrice, counted) => {
      const texts = [formatPoints(amount), formatPrice(unitPrice), formatQuantity(counted)];
      const { rows } = await fresh.database.query<{ points: string; price: string; quantity: string }>(
        "SELECT $1::numeric(20,4) AS points, $2::numeric(18,6) AS price, $3::numeric AS quantity",
        JSON.parse(JSON.stringify(texts)) as string[],
      );

      expect(
        rows.map((row) => [parsePoints(row.points), parsePrice(row.price), parseQuantity(row.quantity)]),
      ).toEqual([[amount, unitPrice, counted]]);
    }),
  );
});
