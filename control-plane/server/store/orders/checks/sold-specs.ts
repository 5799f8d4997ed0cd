/** What new orders may use of the catalogue, and why they may not use the rest. What runs already is none of its concern. */
import { DEFAULT_SPEC, type Resources } from "../../../core/orders/order.ts";
import type { SpecPrices } from "../../../core/orders/prices/price-lines.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { unsoldReason } from "../../../core/orders/prices/spec-sale.ts";
import type { Connection } from "../../database/database.ts";
import type { OrderPrices } from "./order-prices.ts";
import { specPricesOf, specsByName } from "../../billing/prices/prices.ts";

/** Storage is sampled and charged by the day; no order names it. */
const STORAGE_SPEC = "storage";

/** Two that are there by their meaning, before anybody makes them: what an order without a spec has, and storage. */
const ALWAYS_KNOWN: readonly string[] = [DEFAULT_SPEC, STORAGE_SPEC];

/** More are neither listed nor named. */
const MAX_SOLD = 200;

/** With a price in force, neither of them retired, by name. */
async function soldNames(sql: Connection, at: Date): Promise<string[]> {
  const { rows } = await sql.query<{ spec: string }>(
    `SELECT DISTINCT p.spec FROM prices p LEFT JOIN specs s ON s.spec = p.spec
      WHERE p.effective_from <= $1 AND s.retired_at IS NULL AND p.spec <> $2
        AND p.line <> ALL(coalesce(s.retired_lines, '{}')) ORDER BY p.spec LIMIT ${MAX_SOLD}`,
    [at, STORAGE_SPEC],
  );
  return rows.map(({ spec }) => spec);
}

export async function soldSpecs(sql: Connection, at: Date): Promise<SpecPrices[]> {
  const prices = await specPricesOf(sql, { specs: await soldNames(sql, at), at });
  return [...prices.values()];
}

/** By spec the reason of those of new orders that are not sold; most orders' are, and nothing is read for them. */
export async function unsoldSpecs(
  sql: Connection,
  orders: readonly Resources[],
  { prices, now }: { prices: Pick<OrderPrices, "status">; now: Date },
): Promise<ReadonlyMap<string, Reason>> {
  const unsold = orders.flatMap((order) => {
    const status = prices.status(order);
    return status === "sold" ? [] : [{ spec: order.spec, status }];
  });
  if (unsold.length === 0) return new Map();
  const known = await knownSpecs(
    sql,
    unsold.map(({ spec }) => spec),
  );
  const sold = await soldNames(sql, now);
  return new Map(
    unsold.map(({ spec, status }) => [spec, unsoldReason(spec, known.has(spec) ? status : "unknown", sold)]),
  );
}

/** Why this spec cannot have a price; null where it is in the catalogue. */
export async function unknownSpec(sql: Connection, spec: string, now: Date): Promise<Reason | null> {
  if ((await knownSpecs(sql, [spec])).has(spec)) return null;
  return unsoldReason(spec, "unknown", await soldNames(sql, now));
}

async function knownSpecs(sql: Connection, specs: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set([...ALWAYS_KNOWN, ...(await specsByName(sql, specs)).keys()]);
}
