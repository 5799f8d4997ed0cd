/**
 * The price lines of runs: open until a run's first proven moment, frozen from then on; and what an hour of a payer's
 * runs costs.
 */
import { formatPrice, parsePrice, parseQuantity, type Points } from "@remotegpu/shared/money";
import { countedOf, hourlyPrice, priceFor } from "../../core/price-lines.ts";
import type { BillingUnit, PricedLine } from "../../core/rating.ts";
import type { Connection } from "../database.ts";
import { holdPrices, pricesInForce } from "./prices.ts";
import type { Run } from "./runs.ts";

/** Lines with their frozen prices; null while one has none. */
export async function frozenLines(connection: Connection, runId: string): Promise<PricedLine[] | null> {
  const lines = await runLines(connection, runId);
  return lines.every(isPriced) ? lines : null;
}

/**
 * Takes the prices in force at the run's first proven moment. When an earlier moment is proven later on, they are
 * taken again, so that the order of messages does not matter. A line without a price stays open: the run is kept
 * uncharged until the catalogue has one.
 */
export async function freezePrices(
  transaction: Connection,
  run: Pick<Run, "id" | "spec" | "gpuModel">,
  at: Date,
): Promise<void> {
  await holdPrices(transaction, run.spec);
  const prices = await pricesInForce(transaction, { spec: run.spec, at });
  for (const line of await runLines(transaction, run.id)) {
    const price = priceFor(countedOf(line.line), prices, run.gpuModel);
    await transaction.query(
      "UPDATE run_lines SET line = $3, unit_price = $4, billing_unit = $5 WHERE run_id = $1 AND line = $2",
      [
        run.id,
        line.line,
        price?.line ?? line.line,
        price === null ? null : formatPrice(price.unitPrice),
        price?.billingUnit ?? null,
      ],
    );
  }
}

/**
 * What an hour of everything costs that the payer has running or on its way, for the start rule. A run that has not
 * begun counts at the prices of `at`; the instance being placed counts once its run is opened.
 */
export async function startCost(
  connection: Connection,
  { customerId, at }: { customerId: number; at: Date },
): Promise<Points> {
  const { rows } = await connection.query<OpenRunRow>(
    `SELECT r.id, r.spec, r.gpu_model FROM runs r JOIN placements p ON p.run_id = r.id
      WHERE r.customer_id = $1 AND r.closed_at IS NULL AND p.want = 'running' AND p.resources_released_at IS NULL`,
    [customerId],
  );
  return hourlyOf(connection, rows, at);
}

/** What an hour of the payer's running instances costs: begun, not over, and not ordered to stop. */
export async function burnPerHour(
  connection: Connection,
  { customerId, at }: { customerId: number; at: Date },
): Promise<Points> {
  const { rows } = await connection.query<OpenRunRow>(
    `SELECT id, spec, gpu_model FROM runs
      WHERE customer_id = $1 AND closed_at IS NULL AND first_proven_at IS NOT NULL
        AND (waive_from IS NULL OR waive_from > $2)`,
    [customerId, at],
  );
  return hourlyOf(connection, rows, at);
}

interface OpenRunRow {
  id: string;
  spec: string;
  gpu_model: string | null;
}

async function hourlyOf(connection: Connection, runs: readonly OpenRunRow[], at: Date): Promise<Points> {
  let sum = 0n;
  for (const run of runs) {
    const lines = await runLines(connection, run.id);
    const prices = lines.every(isPriced) ? [] : await pricesInForce(connection, { spec: run.spec, at });
    sum += hourlyPrice(
      lines.flatMap((line) => {
        if (isPriced(line)) return [line];
        const price = priceFor(countedOf(line.line), prices, run.gpu_model);
        return price === null ? [] : [{ ...price, quantity: line.quantity }];
      }),
    );
  }
  return sum;
}

type RunLine = Omit<PricedLine, "unitPrice" | "billingUnit"> & {
  readonly unitPrice: PricedLine["unitPrice"] | null;
  readonly billingUnit: BillingUnit | null;
};

function isPriced(line: RunLine): line is PricedLine {
  return line.unitPrice !== null && line.billingUnit !== null;
}

async function runLines(connection: Connection, runId: string): Promise<RunLine[]> {
  const { rows } = await connection.query<{
    line: string;
    quantity: string;
    unit_price: string | null;
    billing_unit: BillingUnit | null;
  }>("SELECT line, quantity, unit_price, billing_unit FROM run_lines WHERE run_id = $1 ORDER BY line", [
    runId,
  ]);
  return rows.map((row) => ({
    line: row.line,
    quantity: parseQuantity(row.quantity),
    unitPrice: row.unit_price === null ? null : parsePrice(row.unit_price),
    billingUnit: row.billing_unit,
  }));
}
