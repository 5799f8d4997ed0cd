/**
 * What the upgrade must make of old rows, said in plain TypeScript from the words of the contract and from nothing of
 * the product: each new row whole, and what the report must say. Values are text as rows-as-text.ts writes them.
 */
import { OLD_TABLES, type OldTable } from "./old-database.ts";
import { minutesBegun } from "./old-times.ts";
import type { TextRow, TextRows } from "./rows-as-text.ts";
import { THE_CHANGE } from "./the-change.ts";

export interface ExpectedFinding {
  finding: "no source" | "differs" | "review" | "changed";
  table_name: OldTable;
  row_id: string;
  column_name: string;
  old_value: string | null;
}

export interface Expected {
  rows: TextRows;
  findings: ExpectedFinding[];
}

const NO_IMAGE = "unknown:migrated";
const WHITE_SPACE = /[ \t\n\v\f\r]/;

/** Columns that are the new system's own, with what every old row gets in them. */
const OUR_OWN: Partial<Record<OldTable, TextRow>> = {
  environments: {
    status_reason: null,
    status_reason_code: null,
    status_reason_params: null,
    status_deadline_at: null,
    storage_pool: null,
    queued_at: null,
    auto_release_hours: null,
  },
  port_mappings: { host_id: null, lease_id: null, generation: null },
  training_jobs: {
    config: null,
    status_reason: null,
    status_reason_code: null,
    status_reason_params: null,
    status_deadline_at: null,
    queued_at: null,
    confirmed_at: null,
    attempt: "1",
    infrastructure_retries: "0",
    program_retries: "0",
    cancel_ordered_at: null,
    placed_at: null,
    group_id: null,
    array_index: null,
    code_id: null,
    mounts_env_code: "false",
  },
  inference_services: {
    config: null,
    status_reason: null,
    status_reason_code: null,
    status_reason_params: null,
    status_deadline_at: null,
    desired_replicas: null,
    replica_failures: "0",
    replace_after: null,
    serving_revision: null,
    previous_revision: null,
    autoscaling_dry_run: "false",
    load_replicas: null,
    woken_at: null,
  },
  billing_records: {
    line: null,
    run_id: null,
    usage_month: null,
    invoice_month: null,
    legacy_resource_type: null,
    transaction_id: null,
  },
  customers: { credit_limit: "0.0000", share_weight: "1" },
  workspaces: { share_weight: "1" },
  workspace_members: { invitation_id: null },
  invoices: {
    invoice_month: null,
    due: null,
    opening_balance: null,
    topups: null,
    refunds: null,
    adjustments: null,
    charges: null,
    closing_balance: null,
  },
  hosts: {
    connection: "never",
    cordoned: "false",
    cordon_reason: null,
    storage_pool: null,
    generation: "0",
    applied_generation: "0",
    applied_term: "0",
    agent_epoch: null,
    boot_id: null,
    agent_version: null,
    protocol_min: null,
    protocol_max: null,
    attach_mode: null,
    simulated: "false",
    degraded: "{}",
    features: "{}",
    observed_digest: null,
    observed_substance: null,
    clock_offset_ms: null,
    agent_upgrade: null,
    target_release: null,
    claimed_storage_pool: null,
    pool_state: "trusted",
    pool_member_since: null,
    pool_proved_at: null,
    pool_proof_due_at: null,
    pool_tried_at: null,
    pool_failure: null,
    pool_failure_code: null,
    pool_failure_params: null,
    seen_addresses: "{}",
    confirmed_address: null,
    own_network: null,
    observed_at: null,
    restore_detected_at: null,
    gateway_port: null,
    status_reason: null,
    status_reason_code: null,
    status_reason_params: null,
    confirmed_stops: null,
    revoked_at: null,
    storage_requested_at: null,
    deleted_at: null,
  },
  gpus: {
    simulated: "false",
    pci_bus_id: null,
    driver_version: null,
    cordoned: "false",
    cordon_reason: null,
    cordon_reason_code: null,
    cordon_reason_params: null,
    memory_used_mib: null,
    utilization_percent: null,
    temperature_c: null,
    power_w: null,
    last_seen_at: null,
    vanished_at: null,
    conflict_host_id: null,
    sharing_mode: null,
    nvlink_island: null,
    memory_split: null,
  },
};

/** `old` may have some of the change's columns already. */
export function expectedAfterUpgrade(old: TextRows): Expected {
  const environments = new Map(old.environments.map((row) => [row.id, row]));
  const findings: ExpectedFinding[] = [];
  const entries = OLD_TABLES.map((table): [OldTable, TextRow[]] => {
    const rows = old[table].map((row) => {
      const report = (finding: ExpectedFinding["finding"], column: string, value: string | null) =>
        findings.push({
          finding,
          table_name: table,
          row_id: row.id ?? "",
          column_name: column,
          old_value: value,
        });
      const of = environments.get(row.env_id ?? null);
      return newRow(table, row, { of, report });
    });
    return [table, rows];
  });
  return { rows: Object.fromEntries(entries) as TextRows, findings };
}

interface Around {
  /** The row's environment, where there is one. */
  of: TextRow | undefined;
  report: (finding: ExpectedFinding["finding"], column: string, value: string | null) => void;
}

function newRow(table: OldTable, old: TextRow, around: Around): TextRow {
  const row = { ...OUR_OWN[table], ...columnsOfTheChange(table), ...old };
  if (table === "training_jobs") return trainingJob(row, around);
  if (table === "inference_services") return inferenceService(row, around);
  if (table === "billing_records") return billingRecord(row, "billing_unit" in old, around);
  if (table === "port_mappings") return { ...row, host_id: around.of?.host_id ?? null };
  if (table === "customers") return customer(row);
  return row;
}

function customer(row: TextRow): TextRow {
  return {
    ...row,
    balance: row.balance ?? "0.0000",
    currency: row.currency ?? "CNY",
    overdue_status: row.overdue_status ?? "normal",
  };
}

/** A column that is added gives every row its default, as Postgres writes it. */
function columnsOfTheChange(table: OldTable): TextRow {
  const columns = THE_CHANGE.filter((column) => column.table === table);
  return Object.fromEntries(
    columns.map((column) => [
      column.name,
      column.name === "balance" ? "0.0000" : (column.default?.replaceAll("'", "") ?? null),
    ]),
  );
}

function trainingJob(
  { script_path: script, dataset_id: dataset, model_id: model, ...row }: TextRow,
  { of, report }: Around,
): TextRow {
  const mounts = (
    column: "mounted_datasets" | "mounted_models",
    id: string | null | undefined,
  ): string | null => {
    const byHand = row[column] ?? null;
    if (byHand === null || byHand === "[]" || byHand === "[null]") return id == null ? null : `[${id}]`;
    if (id != null && byHand !== `[${id}]`) report("differs", column, id);
    return byHand;
  };
  const isFilled = isReported(row.command);
  const command = isFilled ? (row.command ?? "") : (script ?? "");
  if (isFilled && isReported(script) && script !== row.command) report("differs", "command", script);
  if (!isFilled && WHITE_SPACE.test(script ?? "")) report("review", "command", script ?? null);
  let status = row.status ?? null;
  if (command === "") {
    report("no source", "command", script ?? null);
    if (status === null || ["pending", "queued", "running", "stopping"].includes(status)) {
      report("changed", "status", status);
      status = "cancelled";
    }
  }
  return {
    ...row,
    command,
    status,
    image: imageOf(row.image, of?.image, report),
    mounted_datasets: mounts("mounted_datasets", dataset),
    mounted_models: mounts("mounted_models", model),
  };
}

function imageOf(
  byHand: string | null | undefined,
  ofEnvironment: string | null | undefined,
  report: Around["report"],
): string {
  if (isReported(byHand)) return byHand;
  if (isReported(ofEnvironment)) return ofEnvironment;
  report("no source", "image", null);
  return NO_IMAGE;
}

function inferenceService(row: TextRow, { report }: Around): TextRow {
  const most = Number(row.max_replicas ?? 10);
  const replicas = Number(row.replicas ?? 0);
  if (replicas > most) report("changed", "max_replicas", row.max_replicas ?? null);
  return { ...row, image: imageOf(row.image, null, report), max_replicas: String(Math.max(most, replicas)) };
}

function billingRecord({ env_id: env, ...row }: TextRow, hasUnit: boolean, { of, report }: Around): TextRow {
  if (row.resource_id !== null && isReported(env) && row.resource_id !== env)
    report("differs", "resource_id", env);
  const kind = row.resource_type ?? "";
  const minutes = row.billing_minutes ?? minutesBegun(row.start_time ?? "", row.end_time ?? "");
  if (minutes === null) report("no source", "billing_minutes", null);
  const stays = ["environment", "training", "inference", "storage"].includes(kind);
  return {
    ...row,
    quantity: plainNumber(row.quantity ?? ""),
    unit_price: row.unit_price === "NaN" ? "NaN" : `${row.unit_price}00`,
    resource_id: row.resource_id ?? env ?? null,
    resource_name: isReported(row.resource_name) ? row.resource_name : (of?.name ?? null),
    workspace_id: row.workspace_id ?? of?.workspace_id ?? null,
    billing_unit: hasUnit ? (row.billing_unit ?? null) : null,
    billing_minutes: minutes,
    legacy_resource_type: row.resource_type ?? null,
    resource_type: env != null ? "environment" : stays ? kind : "legacy",
  };
}

function isReported(text: string | null | undefined): text is string {
  return text !== null && text !== undefined && text !== "";
}

/** A float's shortest text as a numeric writes it: 1.5e-07 becomes 0.00000015. */
function plainNumber(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = ""] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return `${sign}${digits}${"0".repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
