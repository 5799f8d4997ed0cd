/** What the product has of a vector at its end, by the vector's names: read from its tables, nothing calculated. */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import type { VectorResult } from "../support/billing/billing-vector.ts";
import { NOT_IN_FORCE } from "./catalogue.ts";
import type { Journals } from "./journals.ts";
import type { Names } from "./names.ts";

export interface VectorNames {
  readonly runs: Names;
  readonly lines: Names;
  readonly workspaces: Names;
  readonly journals: Journals;
}

/** As the vectors write it: no fraction where there is none. */
export function timeText(at: Date): string {
  return at.toISOString().replace(".000Z", "Z");
}

export async function runTotals(
  database: Database,
  { runs, workspaces }: VectorNames,
): Promise<VectorResult["run_totals"]> {
  const { rows } = await database.query<VectorResult["run_totals"][number]>(
    `SELECT r.id AS run, w.name AS workspace, proven_ms AS metered_ms, waived_ms, billed_minutes AS minutes,
            posted_amount AS amount
       FROM runs r JOIN workspaces w ON w.id = r.workspace_id ORDER BY r.id`,
  );
  return rows.map((row) => ({
    ...row,
    run: runs.nameOf(row.run),
    workspace: workspaces.nameOf(row.workspace),
  }));
}

const OF_NO_LINE = `unit_price = ${NOT_IN_FORCE.unitPrice} AND billing_unit = '${NOT_IN_FORCE.billingUnit}'`;

export async function records(
  database: Database,
  { runs, lines }: VectorNames,
): Promise<VectorResult["records"]> {
  const { rows } = await database.query<VectorResult["records"][number]>(
    `SELECT run_id AS run, line, to_char(usage_month, 'YYYY-MM') AS usage_month,
            to_char(invoice_month, 'YYYY-MM') AS invoice_month,
            sum(billing_minutes) AS minutes, sum(amount)::numeric(20,4) AS amount
       FROM billing_records b
      WHERE run_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM run_lines l WHERE l.run_id = b.run_id AND l.line = b.line AND ${OF_NO_LINE})
      GROUP BY 1, 2, 3, 4`,
  );
  return rows.map((row) => ({ ...row, run: runs.nameOf(row.run), line: lines.nameOf(row.line) }));
}

export async function charges(database: Database, { runs }: VectorNames): Promise<VectorResult["charges"]> {
  const { rows } = await database.query<{ at: Date; run: string; minutes: number; amount: string }>(
    `SELECT at, run, max(minutes) AS minutes, sum(amount)::numeric(20,4) AS amount
       FROM (SELECT created_at AS at, run_id AS run, line, sum(billing_minutes) AS minutes, sum(amount) AS amount
               FROM billing_records WHERE run_id IS NOT NULL AND NOT (${OF_NO_LINE} AND amount = 0)
              GROUP BY 1, 2, 3) lines
      GROUP BY at, run`,
  );
  return rows.map((row) => ({ ...row, run: runs.nameOf(row.run), at: timeText(row.at) }));
}

export async function storageRecords(
  database: Database,
  { workspaces }: VectorNames,
): Promise<VectorResult["storage_records"]> {
  const { rows } = await database.query<VectorResult["storage_records"][number]>(
    `SELECT w.name AS workspace, d.day, d.samples, d.average_gb, d.billable_gb, d.amount
       FROM storage_days d JOIN workspaces w ON w.id = d.workspace_id`,
  );
  return rows.map((row) => ({ ...row, workspace: workspaces.nameOf(row.workspace) }));
}

export async function stateChanges(database: Database): Promise<VectorResult["state_changes"]> {
  return (await events(database, "account-status")).map(({ at, text }) => ({ at, to: text }));
}

export async function stopOrders(
  database: Database,
  { runs }: VectorNames,
): Promise<VectorResult["stop_orders"]> {
  return (await events(database, "stop-ordered")).map(({ at, text }) => ({
    at,
    run: runs.nameOf(text),
  }));
}

async function events(database: Database, kind: string): Promise<{ at: string; text: string }[]> {
  const { rows } = await database.query<{ at: Date; text: string }>(
    "SELECT at, new AS text FROM events WHERE kind = $1 ORDER BY id",
    [kind],
  );
  return rows.map(({ at, text }) => ({ at: timeText(at), text }));
}

export async function alerts(database: Database): Promise<VectorResult["alerts"]> {
  const { rows } = await database.query<{ at: Date; threshold: string }>(
    "SELECT fired_at AS at, threshold FROM alerts WHERE kind = 'low-balance' ORDER BY id",
  );
  return rows.map((row) => ({ ...row, at: timeText(row.at) }));
}

export async function quarantined(
  database: Database,
  { journals }: VectorNames,
): Promise<VectorResult["rejected"]> {
  const { rows } = await database.query<{ journal_id: string; seq: number; reason: string; at: Date }>(
    "SELECT journal_id, seq, reason, at FROM quarantine ORDER BY id",
  );
  return rows.map(({ journal_id, seq, reason, at }) => ({
    id: journals.keyOf(journal_id, seq),
    at: timeText(at),
    reason,
  }));
}

/** By the ledger; a credit is a charge that gives back. */
export async function totals(database: Database, customerId: number): Promise<VectorResult["totals"]> {
  const { rows } = await database.query<VectorResult["totals"]>(
    `SELECT (${sumOf("topup")}) AS topups, -(${sumOf("charge", "credit", "storage")}) AS charges,
            (${sumOf("refund")}) AS refunds, (${sumOf("adjustment")}) AS adjustments,
            (SELECT balance FROM customers WHERE id = $1) AS closing_balance`,
    [customerId],
  );
  return rows[0]!;
}

function sumOf(...kinds: string[]): string {
  const named = kinds.map((kind) => `'${kind}'`).join(", ");
  return `SELECT coalesce(sum(e.amount), 0)::numeric(20,4) FROM ledger_entries e JOIN ledger_transactions t
    ON t.id = e.transaction_id WHERE e.account = 'customer' AND t.source_kind IN (${named})`;
}
