/** What a preview of new prices asks: what runs under their specs, and which entries of the catalogue they stand between. */
import { parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import type { RunningLine } from "../../../core/orders/prices/price-preview.ts";
import type { BillingUnit } from "../../../core/billing/rating.ts";
import { HAS_BEGUN } from "./run-lines.ts";
import type { NewPrice } from "../prices/prices.ts";
import type { Connection } from "../../database/database.ts";

/** Lines of runs that have begun, are not over and not ordered to stop: what burns now. */
export async function runningLines(
  sql: Connection,
  { specs, at }: { specs: readonly string[]; at: Date },
): Promise<RunningLine[]> {
  const { rows } = await sql.query<{
    spec: string;
    resource_type: string;
    customer_id: number;
    gpu_model: string | null;
    line: string;
    quantity: string;
    unit_price: string | null;
    billing_unit: BillingUnit | null;
    runs: number;
  }>(
    `SELECT r.spec, r.resource_type, r.customer_id, r.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit,
            count(*) AS runs
       FROM runs r JOIN run_lines l ON l.run_id = r.id
      WHERE r.spec = ANY($1::text[]) AND r.closed_at IS NULL AND ${HAS_BEGUN}
        AND (r.waive_from IS NULL OR r.waive_from > $2)
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5`,
    [specs, at],
  );
  return rows.map(({ unit_price, billing_unit, ...row }) => ({
    spec: row.spec,
    resourceType: row.resource_type,
    customerId: row.customer_id,
    gpuModel: row.gpu_model,
    line: row.line,
    quantity: parseQuantity(row.quantity),
    frozen:
      unit_price === null || billing_unit === null
        ? null
        : { line: row.line, unitPrice: parsePrice(unit_price), billingUnit: billing_unit },
    runs: row.runs,
  }));
}

export interface OpenRuns {
  spec: string;
  resource_type: string;
  /** They keep the price that they began with. */
  keeping: number;
  /** Placed and not begun: theirs is the price in force when they do. */
  not_begun: number;
}

export async function openRunsOf(sql: Connection, specs: readonly string[]): Promise<OpenRuns[]> {
  const { rows } = await sql.query<OpenRuns>(
    `SELECT spec, resource_type, count(*) FILTER (WHERE first_proven_at IS NOT NULL) AS keeping,
            count(*) FILTER (WHERE first_proven_at IS NULL) AS not_begun
       FROM runs WHERE spec = ANY($1::text[]) AND closed_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`,
    [specs],
  );
  return rows;
}

export interface CatalogueEntry {
  unit_price: string;
  billing_unit: BillingUnit;
  effective_from: Date;
}

export interface Neighbours {
  /** What holds at that moment today, and ends with the new entry; it may lie in the future itself. */
  supersedes: CatalogueEntry | null;
  /** Entries after it that are planned already, the next one first. */
  supersededBy: CatalogueEntry[];
}

const MAX_NEIGHBOURS = 20;

export async function neighboursOf(
  sql: Connection,
  { spec, line, effectiveFrom }: Pick<NewPrice, "spec" | "line" | "effectiveFrom">,
): Promise<Neighbours> {
  const before = await sql.query<CatalogueEntry>(
    `SELECT unit_price, billing_unit, effective_from FROM prices
      WHERE spec = $1 AND line = $2 AND effective_from <= $3 ORDER BY effective_from DESC LIMIT 1`,
    [spec, line, effectiveFrom],
  );
  const after = await sql.query<CatalogueEntry>(
    `SELECT unit_price, billing_unit, effective_from FROM prices
      WHERE spec = $1 AND line = $2 AND effective_from > $3 ORDER BY effective_from LIMIT ${MAX_NEIGHBOURS}`,
    [spec, line, effectiveFrom],
  );
  return { supersedes: before.rows[0] ?? null, supersededBy: after.rows };
}

export async function usernamesOf(
  sql: Connection,
  customerIds: readonly number[],
): Promise<Map<number, string>> {
  const { rows } = await sql.query<{ id: number; username: string }>(
    "SELECT id, username FROM customers WHERE id = ANY($1::bigint[])",
    [customerIds],
  );
  return new Map(rows.map(({ id, username }) => [id, username]));
}
