/** Sums over rows that were added since the reading before, for counters: of money and of refused usage. */
import type { RowRange } from "../../../core/metrics/row-range.ts";
import type { Connection } from "../../database/database.ts";

/** The highest id of each table that only grows. */
export interface TableHeads {
  readonly billing_records: number;
  readonly ledger_entries: number;
  readonly quarantine: number;
  readonly events: number;
  readonly agent_upgrade_results: number;
}

export interface Summed {
  readonly value: string;
  readonly sum: number;
}

export async function tableHeads(sql: Connection): Promise<TableHeads> {
  const { rows } = await sql.query<{
    billing_records: number;
    ledger_entries: number;
    quarantine: number;
    events: number;
    agent_upgrade_results: number;
  }>(
    `SELECT coalesce((SELECT max(id) FROM billing_records), 0) AS billing_records,
            coalesce((SELECT max(id) FROM ledger_entries), 0) AS ledger_entries,
            coalesce((SELECT max(id) FROM quarantine), 0) AS quarantine,
            coalesce((SELECT max(id) FROM events), 0) AS events,
            coalesce((SELECT max(id) FROM agent_upgrade_results), 0) AS agent_upgrade_results`,
  );
  return (
    rows[0] ?? { billing_records: 0, ledger_entries: 0, quarantine: 0, events: 0, agent_upgrade_results: 0 }
  );
}

/** By what the line counts, whatever the model that it may name. */
export async function chargedPoints(sql: Connection, { after, upTo }: RowRange): Promise<Summed[]> {
  return await summed(
    sql,
    `SELECT split_part(coalesce(line, ''), ':', 1) AS value, sum(amount)::float8 AS sum FROM billing_records
      WHERE id > $1 AND id <= $2 AND amount > 0 GROUP BY 1`,
    [after, upTo],
  );
}

export async function creditedPoints(sql: Connection, { after, upTo }: RowRange): Promise<Summed[]> {
  return await summed(
    sql,
    `SELECT t.source_kind AS value, sum(e.amount)::float8 AS sum
       FROM ledger_entries e JOIN ledger_transactions t ON t.id = e.transaction_id
      WHERE e.id > $1 AND e.id <= $2 AND e.account = 'customer' AND e.amount > 0 GROUP BY 1`,
    [after, upTo],
  );
}

export async function refusedRows(sql: Connection, { after, upTo }: RowRange): Promise<Summed[]> {
  return await summed(
    sql,
    "SELECT reason AS value, count(*)::float8 AS sum FROM quarantine WHERE id > $1 AND id <= $2 GROUP BY 1",
    [after, upTo],
  );
}

async function summed(sql: Connection, text: string, values: readonly unknown[]): Promise<Summed[]> {
  const { rows } = await sql.query<{ value: string; sum: number }>(text, values);
  return rows;
}
