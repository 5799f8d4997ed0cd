/** Puts example specs with their prices into the catalogue. What is there already stays as it is. */
import type { ExampleSpec } from "../../../core/orders/prices/example-prices.ts";
import type { Transaction } from "../../database/database.ts";

/** The specs that were made; the others were there. */
export async function addExamples(
  sql: Transaction,
  examples: readonly ExampleSpec[],
  { now, createdBy }: { now: Date; createdBy: number },
): Promise<string[]> {
  const { rows } = await sql.change<{ spec: string }>(
    `INSERT INTO specs (spec, shape, description)
     SELECT spec, shape, description FROM jsonb_to_recordset($1::jsonb) AS e (spec text, shape jsonb, description text)
     ON CONFLICT (spec) DO NOTHING RETURNING spec`,
    [JSON.stringify(examples)],
  );
  const made = rows.map(({ spec }) => spec);
  const priced = examples.filter(({ spec }) => made.includes(spec));
  await sql.change(
    `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from, created_by)
     SELECT e.spec, 'spec', e.price, 'hour', $3, $4 FROM unnest($1::text[], $2::numeric[]) AS e (spec, price)`,
    [priced.map(({ spec }) => spec), priced.map(({ unitPrice }) => unitPrice), now, createdBy],
  );
  return priced.map(({ spec }) => spec);
}
