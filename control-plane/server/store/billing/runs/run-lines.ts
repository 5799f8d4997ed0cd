/**
 * The price lines of runs: open until a run's first proven moment, frozen from then on; and what an hour of a payer's
 * runs costs.
 */
import { formatPrice, parsePrice, parseQuantity, type Points } from "@remotegpu/shared/values/money";
import { type Burn, burnOf } from "../../../core/billing/burn.ts";
import {
  countedOf,
  hourlyPrice,
  priceFor,
  type SpecPrices,
} from "../../../core/orders/prices/price-lines.ts";
import { BEFORE_RULES } from "../../../core/billing/stop-waiver.ts";
import type { BillingUnit, PricedLine } from "../../../core/billing/rating.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection, Transaction } from "../../database/database.ts";
import { freeLoadingRuns } from "./free-loading.ts";
import { holdPrices, pricesInForceAt, specPricesOf, unpriced } from "../prices/prices.ts";
import { ruleOfStop } from "./run-waivers.ts";
import type { Run } from "./runs.ts";

const SECONDS_PER_HOUR = 3_600n;

/** Lines of runs with their frozen prices; a run is missing while one of its lines has none. */
export async function frozenLinesOf(
  sql: Connection,
  runIds: readonly string[],
): Promise<Map<string, PricedLine[]>> {
  const lines = await runLinesOf(sql, runIds);
  const frozen = new Map<string, PricedLine[]>();
  for (const runId of runIds) {
    const ofRun = lines.get(runId) ?? [];
    if (ofRun.every(isPriced)) frozen.set(runId, ofRun);
  }
  return frozen;
}

/** A run whose prices are to be those of a moment: its first proven one. */
export interface PriceTaking {
  readonly run: Pick<Run, "id" | "spec" | "gpuModel">;
  readonly at: Date;
}

/**
 * Takes the prices in force at each run's first proven moment. When an earlier moment is proven later on, they are
 * taken again, so that the order of messages does not matter. A line without a price stays open: the run is kept
 * uncharged until the catalogue has one.
 */
export async function freezePrices(sql: Transaction, takings: readonly PriceTaking[]): Promise<void> {
  if (takings.length === 0) return;
  await holdPrices(sql, [...new Set(takings.map(({ run }) => run.spec))]);
  const moments = takings.map(({ run, at }) => ({ spec: run.spec, at }));
  const inForce = await pricesInForceAt(sql, moments);
  const lines = await runLinesOf(
    sql,
    takings.map(({ run }) => run.id),
  );
  const taken = takings.flatMap(({ run }, index) =>
    (lines.get(run.id) ?? []).map(({ line }) => {
      return { runId: run.id, line, price: priceFor(countedOf(line), inForce[index] ?? [], run.gpuModel) };
    }),
  );
  await sql.change(
    `UPDATE run_lines l SET line = d.priced_line, unit_price = d.unit_price, billing_unit = d.billing_unit
       FROM unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::text[])
         d (run_id, line, priced_line, unit_price, billing_unit)
      WHERE l.run_id = d.run_id AND l.line = d.line`,
    [
      taken.map(({ runId }) => runId),
      taken.map(({ line }) => line),
      taken.map(({ line, price }) => price?.line ?? line),
      taken.map(({ price }) => (price === null ? null : formatPrice(price.unitPrice))),
      taken.map(({ price }) => price?.billingUnit ?? null),
    ],
  );
}

/**
 * What an hour of everything costs that each payer has running or on its way, for the start rule. A run that has not
 * begun counts at the prices of `at`; an instance being placed counts once its run is opened.
 */
export async function startCosts(
  sql: Connection,
  { customerIds, at }: { customerIds: readonly number[]; at: Date },
): Promise<Map<number, Points>> {
  const { rows } = await sql.query<HourlyLineRow>(`${hourlyLines("0")} ${WANTED} ${PER_LINE}`, [customerIds]);
  const costs = await costsByPayer(sql, rows, at);
  return new Map([...costs].map(([customerId, { hourly }]) => [customerId, hourly]));
}

export interface WantedCosts {
  readonly hourly: Points;
  /** What it may have cost since its hosts were last heard, as far as that was not so just now. */
  readonly unheard: Points;
}

/** The same, with what may have been used meanwhile on hosts of which nothing is heard. */
export async function wantedCosts(
  sql: Connection,
  { customerIds, at }: { customerIds: readonly number[]; at: Date },
): Promise<Map<number, WantedCosts>> {
  const { rows } = await sql.query<HourlyLineRow>(
    `${hourlyLines("sum(greatest(0, extract(epoch FROM $2 - greatest(h.last_heartbeat, r.ordered_at))))::bigint")}
       JOIN hosts h ON h.id = r.host_id ${WANTED} ${PER_LINE}`,
    [customerIds, at],
  );
  return await costsByPayer(sql, rows, at);
}

/**
 * Of a run `r`: its time is counted by now, or its host reports that it is ready, which opens its meter. The first
 * proof of that comes up to a minute later, and much later from a host that is cut off.
 */
export const HAS_BEGUN = `(r.first_proven_at IS NOT NULL
  OR EXISTS (SELECT FROM placements p WHERE p.run_id = r.id AND p.state = 'ready'))`;

/** Whether a run `r` costs at the moment $1: begun, not over, and not broken just now. */
const IS_BURNING = `r.closed_at IS NULL AND ${HAS_BEGUN} AND (r.waive_from IS NULL OR r.waive_from > $1)
  AND NOT EXISTS (SELECT FROM run_waivers w WHERE w.run_id = r.id AND w.to_at IS NULL)`;

export interface PayerBurn {
  /** As the bill of an hour would have it, each line rounded by itself. */
  readonly perHour: Points;
  readonly exact: Burn;
}

/**
 * What the payer's running instances cost: begun, not over, not ordered to stop, and not broken just now. Those of which
 * nothing is proven yet count at the prices of `at`.
 */
export async function burnOfPayer(
  sql: Connection,
  { customerId, at }: { customerId: number; at: Date },
): Promise<PayerBurn> {
  const { rows } = await sql.query<HourlyLineRow>(
    `${hourlyLines("0")} WHERE ${IS_BURNING} AND r.customer_id = $2 ${PER_LINE}`,
    [at, customerId],
  );
  const priced = await pricedRows(sql, rows, at);
  return priced.reduce<PayerBurn>(
    ({ perHour, exact }, { row, line }) => ({
      perHour: perHour + hourlyPrice([line]) * BigInt(row.runs),
      exact: exact + burnOf(line) * BigInt(row.runs),
    }),
    { perHour: 0n, exact: 0n },
  );
}

/** What runs of a workload costs now. */
export interface WorkloadBurn {
  /** As the bill of an hour would have it; runs that load are in it, since only minutes of an hour of that are free. */
  readonly perHour: Points;
  /** What is free at this moment, by the name of the rule that makes it so. */
  readonly freeNow: ReadonlyMap<string, FreeRuns>;
}

interface FreeRuns {
  readonly runs: number;
  /** What an hour of them would be charged without the rule. */
  readonly perHour: Points;
}

/** The rule by which a run's (`r`) time is not charged at the moment $1; null where it is. */
const RULE_NOW = `CASE WHEN r.waive_from <= $1 THEN ${ruleOfStop("r.waive_reason")}
  ELSE coalesce((SELECT min(w.reason) FROM run_waivers w WHERE w.run_id = r.id AND w.to_at IS NULL),
                CASE WHEN r.id = ANY($4::text[]) THEN 'loading' END) END`;

/** The cost of each of these workloads, as the bill of an hour would have it; one of which nothing runs is missing. */
export async function burnOfWorkloads(
  sql: Connection,
  { kind, ids, at }: { kind: WorkloadKind; ids: readonly string[]; at: Date },
): Promise<Map<string, WorkloadBurn>> {
  const loading = await freeLoadingRuns(sql, { kind, ids, at });
  const { rows } = await sql.query<WorkloadLineRow>(
    `SELECT o.resource_id, o.rule, o.customer_id, o.spec, o.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit,
            count(*) AS runs, 0 AS unheard_seconds
       FROM (SELECT r.*, ${RULE_NOW} AS rule
               FROM unnest($3::text[]) w (id) JOIN runs r ON r.resource_id = w.id AND r.resource_type = $2
              WHERE r.closed_at IS NULL AND ${HAS_BEGUN}) o
       JOIN LATERAL (SELECT * FROM run_lines l WHERE l.run_id = o.id OFFSET 0) l ON true
      GROUP BY o.resource_id, o.rule, o.customer_id, o.spec, o.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit`,
    [at, kind, ids, loading],
  );
  const priced = Map.groupBy(await pricedRows(sql, rows, at), ({ row }) => row.resource_id);
  return new Map([...priced].map(([id, lines]) => [id, workloadBurn(lines)]));
}

interface WorkloadLineRow extends HourlyLineRow {
  resource_id: string;
  rule: string | null;
}

interface PricedRow<Row> {
  row: Row;
  line: PricedLine;
}

function workloadBurn(lines: readonly PricedRow<WorkloadLineRow>[]): WorkloadBurn {
  const free = Map.groupBy(
    lines.filter(({ row }) => row.rule !== null),
    ({ row }) => row.rule ?? BEFORE_RULES,
  );
  return {
    perHour: hourOf(lines.filter(({ row }) => row.rule === null || row.rule === "loading")),
    freeNow: new Map(
      [...free].map(([rule, ofRule]) => [rule, { runs: runsOf(ofRule), perHour: hourOf(ofRule) }]),
    ),
  };
}

function hourOf(lines: readonly PricedRow<HourlyLineRow>[]): Points {
  return lines.reduce((sum, { row, line }) => sum + hourlyPrice([line]) * BigInt(row.runs), 0n);
}

/** No run has two lines of one name, and `cpu` all of them: the name with the most lines has one of each run. */
function runsOf(lines: readonly PricedRow<HourlyLineRow>[]): number {
  const byName = Map.groupBy(lines, ({ row }) => row.line);
  return Math.max(...[...byName.values()].map((named) => named.reduce((sum, { row }) => sum + row.runs, 0)));
}

/** Lines of runs that are alike in all that makes their price, with how many they are. */
interface HourlyLineRow extends RunLineRow {
  customer_id: number;
  spec: string;
  gpu_model: string | null;
  runs: number;
  /** The seconds of all of them together. */
  unheard_seconds: number;
}

function hourlyLines(unheardSeconds: string): string {
  return `SELECT r.customer_id, r.spec, r.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit, count(*) AS runs,
        ${unheardSeconds} AS unheard_seconds FROM runs r JOIN run_lines l ON l.run_id = r.id`;
}
const WANTED = `JOIN placements p ON p.run_id = r.id
      WHERE r.customer_id = ANY($1::bigint[]) AND r.closed_at IS NULL AND p.want = 'running'
        AND p.resources_released_at IS NULL`;
const PER_LINE =
  "GROUP BY r.customer_id, r.spec, r.gpu_model, l.line, l.quantity, l.unit_price, l.billing_unit";

/** Each line is rounded by itself, so that many runs cost what the sum of their bills will say. */
async function costsByPayer(
  sql: Connection,
  rows: readonly HourlyLineRow[],
  at: Date,
): Promise<Map<number, WantedCosts>> {
  const sums = new Map<number, WantedCosts>();
  for (const { row, line } of await pricedRows(sql, rows, at)) {
    const ofOne = hourlyPrice([line]);
    const sum = sums.get(row.customer_id) ?? { hourly: 0n, unheard: 0n };
    sums.set(row.customer_id, {
      hourly: sum.hourly + ofOne * BigInt(row.runs),
      unheard: sum.unheard + (ofOne * BigInt(row.unheard_seconds)) / SECONDS_PER_HOUR,
    });
  }
  return sums;
}

/** Each with its frozen price, else the one in force at `at`; a row without either is left out. */
async function pricedRows<Row extends HourlyLineRow>(
  sql: Connection,
  rows: readonly Row[],
  at: Date,
): Promise<PricedRow<Row>[]> {
  const open = rows.filter(({ unit_price }) => unit_price === null).map(({ spec }) => spec);
  const inForce =
    open.length === 0 ? new Map<string, SpecPrices>() : await specPricesOf(sql, { specs: open, at });
  return rows.flatMap((row) => {
    const line = runLine(row);
    const catalogue = (inForce.get(row.spec) ?? unpriced(row.spec)).prices;
    const price = isPriced(line) ? line : priceFor(countedOf(line.line), catalogue, row.gpu_model);
    return price === null ? [] : [{ row, line: { ...price, quantity: line.quantity } }];
  });
}

/**
 * Of a run `r`, by the index: some thousand runs of millions are few, and a plan that joins them otherwise reads all lines
 * that there ever were.
 */
const LINES_OF_RUN = "LATERAL (SELECT * FROM run_lines l WHERE l.run_id = r.id OFFSET 0) l";

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

async function runLinesOf(sql: Connection, runIds: readonly string[]): Promise<Map<string, RunLine[]>> {
  const { rows } = await sql.query<RunLineRow & { run_id: string }>(
    `SELECT l.run_id, l.line, l.quantity, l.unit_price, l.billing_unit
       FROM unnest($1::text[]) r (id) JOIN ${LINES_OF_RUN} ON true ORDER BY l.run_id, l.line`,
    [runIds],
  );
  const ofRuns = Map.groupBy(rows, (row) => row.run_id);
  return new Map([...ofRuns].map(([runId, lines]) => [runId, lines.map(runLine)]));
}

function runLine(row: RunLineRow): RunLine {
  return {
    line: row.line,
    quantity: parseQuantity(row.quantity),
    unitPrice: row.unit_price === null ? null : parsePrice(row.unit_price),
    billingUnit: row.billing_unit,
  };
}
