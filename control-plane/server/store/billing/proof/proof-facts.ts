/**
 * All that the charges of a run came from but its journal rows (proof-rows.ts), read as it stands at one moment: the
 * run and its waived time, prices, boots, keys, records and ledger.
 */
import { PROOF_FORMAT, type ProofDocument } from "../../../proof/proof-document.ts";
import { countedOf } from "../../../core/orders/prices/price-lines.ts";
import type { Connection } from "../../database/database.ts";

/** What the record says of itself before anybody may see it. */
export interface ProvenRecord {
  readonly id: number;
  readonly customer_id: number;
  readonly workspace_id: number | null;
  readonly run_id: string | null;
  readonly resource_type: string;
  readonly resource_id: string | null;
  readonly quantity: string;
  /** Null for a record of the old system. */
  readonly usage_month: string | null;
  readonly amount: string;
}

export async function provenRecord(sql: Connection, id: number): Promise<ProvenRecord | null> {
  const { rows } = await sql.query<ProvenRecord>(
    `SELECT id, customer_id, workspace_id, run_id, resource_type, resource_id, quantity, usage_month, amount
       FROM billing_records WHERE id = $1`,
    [id],
  );
  return rows[0] ?? null;
}

export type ProofFacts = Omit<ProofDocument, "segments" | "run"> & {
  readonly run: Omit<ProofDocument["run"], "rows">;
};

/** Ask in a transaction that sees one moment. */
export async function proofFacts(
  snapshot: Connection,
  requested: { recordId: number; runId: string; utcOffsetMinutes: number; now: Date },
): Promise<ProofFacts> {
  const run = await runOf(snapshot, requested.runId);
  const records = await recordsOf(snapshot, run.id);
  const lines = await linesOf(snapshot, run.id);
  return {
    format: PROOF_FORMAT,
    made_at: requested.now.toISOString(),
    record_id: requested.recordId,
    billing_utc_offset_minutes: requested.utcOffsetMinutes,
    run,
    waivers: await waiversOf(snapshot, run.id),
    lines,
    catalogue: await catalogueOf(snapshot, run.spec, [...lines, ...records]),
    boots: await bootsOf(snapshot, run),
    host_keys: await keysOf(snapshot, run.host_id),
    records,
    ledger: await ledgerOf(snapshot, run.id),
    set_aside: await setAsideOf(snapshot, run),
  };
}

/** SQL for a moment as the document has it. */
function iso(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column.split(".").at(-1)}`;
}

async function runOf(snapshot: Connection, runId: string): Promise<ProofFacts["run"]> {
  const { rows } = await snapshot.query<ProofFacts["run"]>(
    `SELECT id, host_id, instance_id, epoch AS placement_epoch, customer_id, workspace_id, resource_type, resource_id,
            resource_name, spec, gpu_model, ${iso("ordered_at")}, ${iso("first_proven_at")}, ${iso("closed_at")},
            ${iso("waive_from")}, waive_reason, proven_ms, waived_ms, billed_minutes, posted_amount AS amount,
            uncharged AS is_charge_due
       FROM runs WHERE id = $1`,
    [runId],
  );
  const run = rows[0];
  if (run === undefined) throw new Error(`run ${runId} has records and does not exist`);
  return run;
}

async function waiversOf(snapshot: Connection, runId: string): Promise<ProofFacts["waivers"]> {
  const { rows } = await snapshot.query<ProofFacts["waivers"][number]>(
    `SELECT reason, ${iso("w.from_at")}, ${iso("w.to_at")}, evidence FROM run_waivers w
      WHERE run_id = $1 ORDER BY w.from_at, id`,
    [runId],
  );
  return rows;
}

async function linesOf(snapshot: Connection, runId: string): Promise<ProofFacts["lines"]> {
  const { rows } = await snapshot.query<ProofFacts["lines"][number]>(
    "SELECT line, quantity, unit_price, billing_unit FROM run_lines WHERE run_id = $1 ORDER BY line",
    [runId],
  );
  return rows;
}

/** Every price that these lines have had; a price of one model may have stood in for the general one. */
async function catalogueOf(
  snapshot: Connection,
  spec: string,
  lines: readonly { line: string }[],
): Promise<ProofFacts["catalogue"]> {
  const names = new Set(lines.flatMap(({ line }) => [line, countedOf(line)]));
  const { rows } = await snapshot.query<ProofFacts["catalogue"][number]>(
    `SELECT id, line, unit_price, billing_unit, ${iso("p.effective_from")} FROM prices p
      WHERE spec = $1 AND line = ANY($2::text[]) ORDER BY line, p.effective_from`,
    [spec, [...names]],
  );
  return rows;
}

async function bootsOf(snapshot: Connection, run: ProofFacts["run"]): Promise<ProofFacts["boots"]> {
  const { rows } = await snapshot.query<ProofFacts["boots"][number]>(
    `SELECT boot_id, ${iso("b.utc_at_zero")}, ${iso("measured_at")} FROM host_boots b
      WHERE host_id = $1 AND boot_id IN (SELECT u.boot_id FROM usage_rows u WHERE u.run_id = $2 AND u.host_id = $1)
      ORDER BY b.utc_at_zero`,
    [run.host_id, run.id],
  );
  return rows;
}

/** Those that were revoked too: they have signed what came before. */
async function keysOf(snapshot: Connection, hostId: string): Promise<ProofFacts["host_keys"]> {
  const { rows } = await snapshot.query<ProofFacts["host_keys"][number]>(
    `SELECT nkey, ${iso("k.issued_at")}, ${iso("revoked_at")} FROM host_credentials k
      WHERE host_id = $1 ORDER BY k.issued_at, nkey`,
    [hostId],
  );
  return rows;
}

async function recordsOf(snapshot: Connection, runId: string): Promise<ProofFacts["records"]> {
  const { rows } = await snapshot.query<ProofFacts["records"][number]>(
    `SELECT id, customer_id, line, quantity, unit_price, billing_unit, billing_minutes, amount, currency, ${iso("start_time")},
            ${iso("end_time")}, to_char(usage_month, 'YYYY-MM') AS usage_month,
            to_char(invoice_month, 'YYYY-MM') AS invoice_month, transaction_id, ${iso("created_at")}
       FROM billing_records WHERE run_id = $1 ORDER BY id`,
    [runId],
  );
  return rows;
}

async function ledgerOf(snapshot: Connection, runId: string): Promise<ProofFacts["ledger"]> {
  const { rows } = await snapshot.query<ProofFacts["ledger"][number]>(
    `SELECT t.id, t.source_kind, t.source_id, t.reason, ${iso("t.at")},
            jsonb_agg(jsonb_build_object('account', e.account, 'customer_id', e.customer_id,
                                         'amount', e.amount::text) ORDER BY e.id) AS entries
       FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
      WHERE t.run_id = $1 GROUP BY t.id ORDER BY t.id`,
    [runId],
  );
  return rows;
}

/** The rows that the run's own host sent; what others claimed of it is none of the payer's affair. */
async function setAsideOf(snapshot: Connection, run: ProofFacts["run"]): Promise<ProofFacts["set_aside"]> {
  const { rows } = await snapshot.query<ProofFacts["set_aside"][number]>(
    `SELECT journal_id, seq, reason, excess_ms, entry, ${iso("at")} FROM quarantine
      WHERE run_id = $1 AND host_id = $2 ORDER BY id`,
    [run.id, run.host_id],
  );
  return rows;
}
