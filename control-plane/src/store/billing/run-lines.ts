/**
 * The price lines of runs: open until a run's first proven moment, frozen from then on; and what an hour of a payer's
 * runs costs.
 */
import { formatPrice, parsePrice, parseQuantity, type Points } from "@remotegpu/shared/money";
import { countedOf, hourlyPrice, priceFor, type SpecPrices } from "../../core/price-lines.ts";
import type { BillingUnit, PricedLine } from "../../core/rating.ts";
import type { Connection } from "../database.ts";
import { holdPrices, pricesInForce, specPricesOf, unpriced } from "./prices.ts";
import type { Run } from "./runs.ts";

const SECONDS_PER_HOUR = 3_600n;

/** Lines with their frozen prices; null while one has none. */
export async function frozenLines(connection: Connection, runId: string): Promise<PricedLine[] | null> {
  const lines = await runLines(connection, runId);
  return lines.every(isPriced) ? lines : null;
}

/** The same of several runs; one of which a line has no price is missing. */
export async function frozenLinesOf(
  connection: Connection,
  runIds: readonly string[],
): Promise<Map<string, PricedLine[]>> {
  const { rows } = await connection.query<RunLineRow & { run_id: string }>(
    "SELECT run_id, line, quantity, unit_price, billing_unit FROM run_lines WHERE run_id = ANY($1::text[])",
    [runIds],
  );
  const byRun = Map.groupBy(rows, ({ run_id }) => run_id);
  const frozen = new Map<string, PricedLine[]>();
  for (const [runId, ofRun] of byRun) {
    const lines = ofRun.map(runLine);
    if (lines.every(isPriced)) frozen.set(runId, lines);
  }
  return frozen;
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
 * What an hour of everything costs that each payer has running or on its way, for the start rule. A run that has not
 * begun counts at the prices of `at`; an instance being placed counts once its run is opened.
 */
export async function startCosts(
  connection: Connection,
  { customerIds, at }: { customerIds: readonly number[]; at: Date },
): Promise<Map<number, Points>> {
  const costs = await wantedCosts(connection, { customerIds, at });
  return new Map([...costs].map(([customerId, { hourly }]) => [customerId, hourly]));
}

export interface WantedCosts {
  readonly hourly: Points;
  /** What it may have cost since its hosts were last heard, as far as that was not so just now. */
  readonly unheard: Points;
}

/** The same, with what may have been used meanwhile on hosts of which nothing is heard. */
export async function wantedCosts(
  connection: Connection,
  { customerIds, at }: { customerIds: readonly number[]; at: Date },
): Promise<Map<number, WantedCosts>> {
  const { rows } = await connection.query<HourlyLineRow>(
    `${hourlyLines("sum(greatest(0, extract(epoch FROM $2 - greatest(h.last_heartbeat, r.ordered_at))))::bigint")}
       JOIN placements p ON p.run_id = r.id JOIN hosts h ON h.id = r.host_id
      WHERE r.customer_id = ANY($1::bigint[]) AND r.closed_at IS NULL AND p.want = 'running'
        AND p.resources_released_at IS NULL ${PER_LINE}`,
    [customerIds, at],
  );
  return await costsByPayer(connection, rows, at);
}

/** What an hour of the payer's running instances costs: begun, not over, and not ordered to stop. */
export async function burnPerHour(
  connection: Connection,
  { customerId, at }: { customerId: number; at: Date },
): Promise<Points> {
  const { rows } = await connection.query<HourlyLineRow>(
    `${hourlyLines("0")}
      WHERE r.customer_id = $1 AND r.closed_at IS NULL AND r.first_proven_at IS NOT NULL
        AND (r.waive_from IS NULL OR r.waive_from > $2) ${PER_LINE}`,
    [customerId, at],
  );
  return (await costsByPayer(connection, rows, at)).get(customerId)?.hourly ?? 0n;
}

/** Lines of runs that are alike in all that makes their price, with how many they are. */
interface HourlyLineRow extends RunLineRow {
  customer_id: number;
  spec: string;
  gpu_model: string | null;
  runs: number;
  /** Of all of them together. */
  unheard_seconds: number;
}

function hourlyLines(unheardSeconds: string): string {
  return `SELECT r.customer_id, r.spec, r.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit, count(*) AS runs,
        ${unheardSeconds} AS unheard_seconds FROM runs r JOIN run_lines l ON l.run_id = r.id`;
}
const PER_LINE =
  "GROUP BY r.customer_id, r.spec, r.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit";

/** Each line is rounded by itself, so that many runs cost what the sum of their bills will say. */
async function costsByPayer(
  connection: Connection,
  rows: readonly HourlyLineRow[],
  at: Date,
): Promise<Map<number, WantedCosts>> {
  const open = rows.filter(({ unit_price }) => unit_price === null).map(({ spec }) => spec);
  const inForce =
    open.length === 0 ? new Map<string, SpecPrices>() : await specPricesOf(connection, { specs: open, at });
  const sums = new Map<number, WantedCosts>();
  for (const row of rows) {
    const line = runLine(row);
    const catalogue = (inForce.get(row.spec) ?? unpriced(row.spec)).prices;
    const price = isPriced(line) ? line : priceFor(countedOf(line.line), catalogue, row.gpu_model);
    if (price === null) continue;
    const ofOne = hourlyPrice([{ ...price, quantity: line.quantity }]);
    const sum = sums.get(row.customer_id) ?? { hourly: 0n, unheard: 0n };
    sums.set(row.customer_id, {
      hourly: sum.hourly + ofOne * BigInt(row.runs),
      unheard: sum.unheard + (ofOne * BigInt(row.unheard_seconds)) / SECONDS_PER_HOUR,
    });
  }
  return sums;
}

type RunLine = Omit<PricedLine, "unitPrice" | "billingUnit"> & {
  readonly unitPrice: PricedLine["unitPrice"] | null;
  readonly billingUnit: BillingUnit | null;
};

function isPriced(line: RunLine): line is PricedLine {
  return line.unitPrice !== null && line.billingUnit !== null;
}

interface RunLineRow {
  line: string;
  quantity: string;
  unit_price: string | null;
  billing_unit: BillingUnit | null;
}

async function runLines(connection: Connection, runId: string): Promise<RunLine[]> {
  const { rows } = await connection.query<RunLineRow>(
    "SELECT line, quantity, unit_price, billing_unit FROM run_lines WHERE run_id = $1 ORDER BY line",
    [runId],
  );
  return rows.map(runLine);
}

function runLine(row: RunLineRow): RunLine {
  return {
    line: row.line,
    quantity: parseQuantity(row.quantity),
    unitPrice: row.unit_price === null ? null : parsePrice(row.unit_price),
    billingUnit: row.billing_unit,
  };
}
