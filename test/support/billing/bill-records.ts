/** Billing records as a test wants them, written past rating: of any customer, month and amount. */
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";

export interface RecordOptions {
  customer_id: number;
  amount: string;
  /** The first day; null for a record of the old system. */
  invoice_month: string | null;
  usage_month?: string | null;
  workspace_id?: number | null;
  resource_type?: string;
  legacy_resource_type?: string | null;
  resource_id?: string | null;
  resource_name?: string | null;
  run_id?: string | null;
  line?: string | null;
  quantity?: string;
  unit_price?: string;
  billing_unit?: string | null;
  billing_minutes?: number | null;
  start_time?: string;
  end_time?: string;
}

const ORDINARY = {
  workspace_id: null,
  resource_type: "environment",
  legacy_resource_type: null,
  resource_id: "env-1",
  resource_name: "work",
  run_id: null,
  line: "spec",
  quantity: "1",
  unit_price: "6",
  billing_unit: "hour",
  billing_minutes: 1,
  start_time: "2026-03-10T02:00:00Z",
  end_time: "2026-03-10T03:00:00Z",
};

/** In this order. */
export async function insertRecords(
  connection: Connection,
  requests: readonly RecordOptions[],
): Promise<void> {
  const rows = requests.map((options) => ({
    ...ORDINARY,
    usage_month: options.invoice_month,
    currency: "CNY",
    created_at: options.end_time ?? ORDINARY.end_time,
    ...options,
  }));
  await connection.query(
    `INSERT INTO billing_records (customer_id, workspace_id, resource_type, legacy_resource_type, resource_id, resource_name,
       run_id, line, quantity, unit_price, billing_unit, billing_minutes, amount, currency, start_time, end_time, usage_month,
       invoice_month, created_at)
     SELECT r.customer_id, r.workspace_id, r.resource_type, r.legacy_resource_type, r.resource_id, r.resource_name, r.run_id,
            r.line, r.quantity, r.unit_price, r.billing_unit, r.billing_minutes, r.amount, r.currency, r.start_time,
            r.end_time, r.usage_month, r.invoice_month, r.created_at
       FROM jsonb_populate_recordset(NULL::billing_records, $1::jsonb) WITH ORDINALITY AS r ORDER BY r.ordinality`,
    [JSON.stringify(rows)],
  );
}

/** A run that somebody ordered, with nothing behind it. */
export async function insertRun(
  connection: Connection,
  run: { id: string; customerId: number; orderedBy: number },
): Promise<void> {
  await connection.query(
    "INSERT INTO hosts (id, name, ip_address) VALUES ('host-1', 'one', '10.0.0.1') ON CONFLICT DO NOTHING",
  );
  await connection.query(
    `WITH instance AS (
       INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state)
       VALUES ('i-' || $1, 'environment', 'env-1', 1, 'stopped')
     ), placement AS (
       INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
       VALUES ('i-' || $1, 1, 'host-1', 'stopped', $1, '{}', '', 0, 0)
     )
     INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, ordered_by, resource_type, resource_id, spec)
     VALUES ($1, 'i-' || $1, 1, 'host-1', $2, $3, 'environment', 'env-1', 'A')`,
    [run.id, run.customerId, run.orderedBy],
  );
}
