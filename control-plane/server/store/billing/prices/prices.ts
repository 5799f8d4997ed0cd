/**
 * The catalogue: specs with their shapes, and price lines that hold from a moment until a later entry of the same
 * spec and line. Entries are only added.
 */
import { parsePrice } from "@remotegpu/shared/values/money";
import { MS_PER_MINUTE, THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { CataloguePrice, SpecPrices, SpecShape } from "../../../core/orders/prices/price-lines.ts";
import type { BillingUnit } from "../../../core/billing/rating.ts";
import type { Connection, Transaction } from "../../database/database.ts";

/** The shape as the API has it: cores and bytes. */
export interface ShapeRow {
  cpu: number;
  memory: number;
  gpu?: number;
  gpu_model?: string | null;
  gpu_memory?: number | null;
  temp_storage?: number;
}

export interface SpecRow {
  spec: string;
  shape: ShapeRow | null;
  description: string | null;
  /** Null while new orders may use it. */
  retired_at: Date | null;
  /** Lines at which nothing new starts, by name. */
  retired_lines: string[];
  created_at: Date;
  updated_at: Date;
}

export interface PriceRow {
  id: number;
  spec: string;
  line: string;
  unit_price: string;
  billing_unit: BillingUnit;
  effective_from: Date;
  created_by: number | null;
  created_at: Date;
}

export interface NewPrice {
  readonly spec: string;
  readonly line: string;
  /** A plain decimal with at most 6 decimals. */
  readonly unitPrice: string;
  readonly billingUnit: BillingUnit;
  readonly effectiveFrom: Date;
  readonly createdBy: number | null;
}

/** The lines of a spec that hold at a moment; none for a spec nobody priced. */
export async function pricesInForce(
  sql: Connection,
  moment: { spec: string; at: Date },
): Promise<CataloguePrice[]> {
  const [prices] = await pricesInForceAt(sql, [moment]);
  return prices ?? [];
}

/** The same for several specs, each at a moment of its own, in their order. */
export async function pricesInForceAt(
  sql: Connection,
  moments: readonly { spec: string; at: Date }[],
): Promise<CataloguePrice[][]> {
  const { rows } = await sql.query<Pick<PriceRow, "line" | "unit_price" | "billing_unit"> & { nth: number }>(
    `SELECT DISTINCT ON (m.nth, p.line) m.nth, p.line, p.unit_price, p.billing_unit
       FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY m (spec, at, nth)
       JOIN prices p ON p.spec = m.spec AND p.effective_from <= m.at
      ORDER BY m.nth, p.line, p.effective_from DESC`,
    [moments.map(({ spec }) => spec), moments.map(({ at }) => at)],
  );
  const ofMoments = Map.groupBy(rows, ({ nth }) => nth);
  return moments.map((_, index) => (ofMoments.get(index + 1) ?? []).map(cataloguePrice));
}

/** Keeps the specs' prices as they are to the end of the transaction; several may hold them at once. */
export async function holdPrices(sql: Transaction, specs: readonly string[]): Promise<void> {
  await sql.query("SELECT FROM specs WHERE spec = ANY($1::text[]) ORDER BY spec FOR SHARE", [specs]);
}

export interface CatalogueSpec extends SpecPrices {
  /** No new order may use it; its prices hold for what was ordered before. */
  readonly isRetired: boolean;
}

/** What linesForOrder and dearestLines of core/orders/prices/price-lines.ts take, by spec: for what is yet to start. */
export async function specPricesOf(
  sql: Connection,
  { specs, at }: { specs: readonly string[]; at: Date },
): Promise<Map<string, CatalogueSpec>> {
  const { rows } = await sql.query<
    Pick<PriceRow, "spec" | "line" | "unit_price" | "billing_unit"> & {
      shape: ShapeRow | null;
      is_retired: boolean;
      is_line_retired: boolean;
    }
  >(
    `SELECT DISTINCT ON (p.spec, p.line) p.spec, s.shape, s.retired_at IS NOT NULL AS is_retired, p.line, p.unit_price,
            p.billing_unit, coalesce(p.line = ANY(s.retired_lines), false) AS is_line_retired
       FROM prices p LEFT JOIN specs s ON s.spec = p.spec
      WHERE p.spec = ANY($1::text[]) AND p.effective_from <= $2 ORDER BY p.spec, p.line, p.effective_from DESC`,
    [[...new Set(specs)], at],
  );
  return new Map(
    [...Map.groupBy(rows, ({ spec }) => spec)].map(([spec, lines]) => {
      const [first] = lines;
      const shape = first?.shape ?? null;
      return [
        spec,
        {
          spec,
          shape: shape && shapeOf(shape),
          prices: lines.map((line) => ({
            ...cataloguePrice(line),
            ...(line.is_line_retired && { isRetired: true }),
          })),
          isRetired: first?.is_retired === true,
        },
      ];
    }),
  );
}

/** Without prices a spec's shape says nothing. */
export function unpriced(spec: string): CatalogueSpec {
  return { spec, shape: null, prices: [], isRetired: false };
}

/**
 * `taken`: one stands at that moment already. `past`: the moment is over, and no run waits for this price. `moves-a-run`:
 * a run that has begun would cost something else.
 */
export type PriceObstacle = "taken" | "past" | "moves-a-run";
export type PriceAdded = { added: PriceRow } | { added: null; reason: PriceObstacle };

/** As far as clocks may differ: what is meant to hold from now on, by the clock of whoever asks. */
const CLOCKS_APART_MS = MS_PER_MINUTE;

/** What a line `l` of a run `r` counts, and the names under which the catalogue may price it. */
const COUNTED = "split_part(l.line, ':', 1)";
const ITS_NAMES = `(${COUNTED}, ${COUNTED} || ':' || r.gpu_model)`;

/**
 * What speaks against an entry. From a past moment on a line gets a price only where a run of then waits uncharged, since
 * the catalogue had none for it, and this entry is one; no run that has its price is touched.
 */
export async function priceObstacle(
  sql: Connection,
  { spec, line, effectiveFrom }: Pick<NewPrice, "spec" | "line" | "effectiveFrom">,
  now: Date,
): Promise<PriceObstacle | null> {
  const { rows } = await sql.query<{ taken: boolean; awaited: boolean; moves: boolean }>(
    `SELECT EXISTS (SELECT FROM prices WHERE spec = $1 AND line = $2 AND effective_from = $3) AS taken,
            EXISTS (SELECT FROM runs r JOIN run_lines l ON l.run_id = r.id
                     WHERE r.spec = $1 AND r.first_proven_at >= $3 AND l.unit_price IS NULL AND $2 IN ${ITS_NAMES}
                       AND NOT EXISTS (SELECT FROM prices p WHERE p.spec = $1 AND p.line IN ${ITS_NAMES}
                             AND p.effective_from <= r.first_proven_at)) AS awaited,
            EXISTS (SELECT FROM runs r JOIN run_lines l ON l.run_id = r.id
                     WHERE r.spec = $1 AND r.first_proven_at >= $3 AND l.unit_price IS NOT NULL
                       AND ${COUNTED} = split_part($2, ':', 1)
                       AND NOT EXISTS (SELECT FROM prices p WHERE p.spec = $1 AND p.line = $2
                             AND p.effective_from > $3 AND p.effective_from <= r.first_proven_at)) AS moves`,
    [spec, line, effectiveFrom],
  );
  const found = rows[0];
  if (found?.taken === true) return "taken";
  const isPast = effectiveFrom.getTime() < now.getTime() - CLOCKS_APART_MS;
  if (isPast && found?.awaited !== true) return "past";
  return found?.moves === true ? "moves-a-run" : null;
}

/**
 * Adds an entry, unless something speaks against it. The transaction then holds the spec: prices of a run
 * are frozen before this entry or with it.
 */
export async function addPrice(sql: Transaction, price: NewPrice, now: Date): Promise<PriceAdded> {
  await sql.change("INSERT INTO specs (spec) VALUES ($1) ON CONFLICT DO NOTHING", [price.spec]);
  await sql.query("SELECT FROM specs WHERE spec = $1 FOR UPDATE", [price.spec]);
  const obstacle = await priceObstacle(sql, price, now);
  if (obstacle !== null) return { added: null, reason: obstacle };
  const { rows } = await sql.change<PriceRow>(
    `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from, created_by)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING *`,
    [price.spec, price.line, price.unitPrice, price.billingUnit, price.effectiveFrom, price.createdBy],
    { makes: "price" },
  );
  const [added] = rows;
  return added === undefined ? { added: null, reason: "taken" } : { added };
}

/** Newest first. */
export async function listPrices(
  sql: Connection,
  { spec, page }: { spec: string | null; page: { limit: number; after: number | null } },
): Promise<PriceRow[]> {
  const { rows } = await sql.query<PriceRow>(
    `SELECT * FROM prices WHERE ($1::text IS NULL OR spec = $1) AND ($2::bigint IS NULL OR id < $2)
      ORDER BY id DESC LIMIT $3`,
    [spec, page.after, page.limit + 1],
  );
  return rows;
}

export async function specByName(sql: Connection, spec: string): Promise<SpecRow | null> {
  const { rows } = await sql.query<SpecRow>("SELECT * FROM specs WHERE spec = $1", [spec]);
  return rows[0] ?? null;
}

/** Those of them that are in the catalogue. */
export async function specsByName(sql: Connection, specs: readonly string[]): Promise<Map<string, SpecRow>> {
  const { rows } = await sql.query<SpecRow>("SELECT * FROM specs WHERE spec = ANY($1::text[])", [specs]);
  return new Map(rows.map((row) => [row.spec, row]));
}

/** By name. `after` is the last name of the page before. */
export async function listSpecs(
  sql: Connection,
  page: { limit: number; after: string | null },
): Promise<SpecRow[]> {
  const { rows } = await sql.query<SpecRow>(
    "SELECT * FROM specs WHERE ($1::text IS NULL OR spec > $1) ORDER BY spec LIMIT $2",
    [page.after, page.limit + 1],
  );
  return rows;
}

/** Makes the spec or replaces its shape and description. */
export async function putSpec(
  sql: Connection,
  spec: { spec: string; shape: ShapeRow | null; description: string | null },
): Promise<SpecRow> {
  const { rows } = await sql.change<SpecRow>(
    `INSERT INTO specs (spec, shape, description) VALUES ($1, $2, $3)
     ON CONFLICT (spec) DO UPDATE SET shape = EXCLUDED.shape, description = EXCLUDED.description RETURNING *`,
    [spec.spec, spec.shape === null ? null : JSON.stringify(spec.shape), spec.description],
  );
  return rows[0] as SpecRow;
}

/** Null where there is no such spec. One that was retired before keeps the moment. */
export async function setRetired(
  sql: Connection,
  { spec, at }: { spec: string; at: Date | null },
): Promise<SpecRow | null> {
  const { rows } = await sql.change<SpecRow>(
    `UPDATE specs SET retired_at = CASE WHEN $2::timestamptz IS NULL THEN NULL ELSE coalesce(retired_at, $2) END
      WHERE spec = $1 RETURNING *`,
    [spec, at],
  );
  return rows[0] ?? null;
}

/** Null where the spec has no such line. Twice is once. */
export async function setLineRetired(
  sql: Connection,
  { spec, line, isRetired }: { spec: string; line: string; isRetired: boolean },
): Promise<SpecRow | null> {
  const { rows } = await sql.change<SpecRow>(
    `UPDATE specs SET retired_lines = CASE WHEN $3 THEN array_append(array_remove(retired_lines, $2), $2)
                                           ELSE array_remove(retired_lines, $2) END
      WHERE spec = $1 AND EXISTS (SELECT FROM prices p WHERE p.spec = $1 AND p.line = $2) RETURNING *`,
    [spec, line, isRetired],
  );
  return rows[0] ?? null;
}

function cataloguePrice(row: Pick<PriceRow, "line" | "unit_price" | "billing_unit">): CataloguePrice {
  return { line: row.line, unitPrice: parsePrice(row.unit_price), billingUnit: row.billing_unit };
}

function shapeOf(row: ShapeRow): SpecShape {
  return {
    cpuMilli: row.cpu * THOUSANDTHS,
    memoryBytes: row.memory,
    gpus: row.gpu ?? 0,
    gpuModel: row.gpu_model ?? null,
    gpuMemoryBytes: row.gpu_memory ?? null,
    tempStorageBytes: row.temp_storage ?? 0,
  };
}
