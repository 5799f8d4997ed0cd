/**
 * Rows at random for all tables of the old system: NULL wherever the tables allow it, words that the old system may
 * have written besides its own, ids that meet and ids that point nowhere. Only what the database refused then is left
 * out: second rows of one key.
 */
import * as fc from "fast-check";
import type { Column, OldRow, OldRows, OldTable } from "./old-database.ts";
import { type OldForm, refusesSecondPort } from "./old-form.ts";
import { anyBigint, anyOfType, anyText } from "./old-values.ts";
import { THE_CHANGE } from "./the-change.ts";

const MOST_ROWS = 40;
/** Of the tables that are only carried along. */
const FEW_ROWS = 5;

const MOVED: ReadonlySet<OldTable> = new Set([
  "environments",
  "port_mappings",
  "training_jobs",
  "inference_services",
  "billing_records",
]);

const envId = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 12 }).map((n) => `env-${n}`) },
  { weight: 1, arbitrary: fc.constantFrom("", "0", "ENV-1", " env-1", "环境 1", "e".repeat(64)) },
);
const hostId = fc.constantFrom("host-1", "host-2", "host-3", "gone");
/** The old system's words, and those that hands and other programs may have left. */
const word = (...words: string[]) =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.constantFrom("", "RUNNING", "zombie") },
  );

/** Columns whose values mean more than their type says. */
const MEANT: Record<string, fc.Arbitrary<unknown>> = {
  "hosts.id": hostId,
  "gpus.host_id": hostId,
  "environments.id": envId,
  "environments.host_id": hostId,
  "environments.image": fc.oneof(fc.constantFrom("pytorch:2.1", "busybox"), anyText(256)),
  "environments.status": word("creating", "running", "stopped", "error", "deleting"),
  "port_mappings.env_id": envId,
  "port_mappings.service_type": word("ssh", "rdp", "jupyter", "custom"),
  "port_mappings.external_port": fc.oneof(
    fc.integer({ min: 30_000, max: 30_030 }),
    fc.constantFrom(0, -1, 70_000),
  ),
  "port_mappings.status": word("active", "active", "released", "released", "released"),
  "training_jobs.id": fc.oneof(fc.uuid(), anyText(64)),
  "training_jobs.env_id": envId,
  "training_jobs.dataset_id": anyBigint.filter((id) => id !== "-1"),
  "training_jobs.model_id": anyBigint.filter((id) => id !== "-1"),
  "training_jobs.status": word(
    "pending",
    "running",
    "completed",
    "failed",
    "cancelled",
    "queued",
    "stopping",
  ),
  "inference_services.id": fc.oneof(fc.uuid(), anyText(64)),
  "inference_services.status": word("creating", "running", "stopped", "error"),
  "inference_services.replicas": fc.constantFrom(0, 1, 10, 11, 1000, 2 ** 31 - 1),
  "billing_records.env_id": envId,
  "billing_records.resource_type": word(
    "cpu",
    "memory",
    "gpu",
    "storage",
    "network",
    "environment",
    "training",
    "legacy",
  ),
  "invoices.status": word("pending", "paid", "overdue", "cancelled"),
};

const KEYS: Partial<Record<OldTable, string[][]>> = {
  customers: [["uuid"], ["username"], ["email"]],
  workspaces: [["uuid"]],
  workspace_members: [["workspace_id", "customer_id"]],
  gpus: [["uuid"], ["host_id", "gpu_index"]],
  invoices: [["invoice_no"]],
  datasets: [["uuid"]],
  models: [["uuid"]],
  images: [["name"]],
};

/** Rows of every table for a database of that form. */
export function oldRows(columns: Column[], form: OldForm): fc.Arbitrary<OldRows> {
  const tables = Map.groupBy([...columns, ...columnsByHand(form)], (column) => column.table);
  const rows = [...tables].map(([table, its]): [OldTable, fc.Arbitrary<OldRow[]>] => [
    table,
    rowsOf(table, its, form),
  ]);
  return fc.record(Object.fromEntries(rows));
}

function rowsOf(
  table: OldTable,
  columns: (Column & { value?: fc.Arbitrary<unknown> })[],
  form: OldForm,
): fc.Arbitrary<OldRow[]> {
  const fields = columns.map((column): [string, fc.Arbitrary<unknown>] => {
    const value = column.value ?? MEANT[`${table}.${column.name}`] ?? anyOfType(column.type);
    return [column.name, column.notNull ? value : fc.option(value, { freq: 6 })];
  });
  return fc
    .array(fc.record(Object.fromEntries(fields)), {
      maxLength: MOVED.has(table) ? MOST_ROWS : FEW_ROWS,
      size: "max",
    })
    .map((rows) => withoutSecond(rows, [["id"], ...(KEYS[table] ?? [])], isKey))
    .map((rows) => (table === "port_mappings" ? withoutSecondPort(rows, form) : rows));
}

function columnsByHand(form: OldForm): (Column & { value: fc.Arbitrary<unknown> })[] {
  return THE_CHANGE.filter(({ table, name }) => form.byHand.columns.includes(`${table}.${name}`)).map(
    ({ table, name, type, value }) => ({
      table,
      name,
      type,
      value,
      notNull: form.byHand.style === "required",
    }),
  );
}

/** A NULL in a key makes it none, as in Postgres. */
function isKey(row: OldRow, key: string[]): boolean {
  return key.every((name) => row[name] !== null);
}

/** Where the form has the global unique, every port is a key; two live leases of one port never were. */
function withoutSecondPort(rows: OldRow[], form: OldForm): OldRow[] {
  const counts = (row: OldRow) => refusesSecondPort(form) || row.status !== "released";
  return withoutSecond(rows, [["external_port"]], counts);
}

function withoutSecond(
  rows: OldRow[],
  keys: string[][],
  counts: (row: OldRow, key: string[]) => boolean,
): OldRow[] {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const found = keys
      .filter((key) => counts(row, key))
      .map((key) => JSON.stringify([key, key.map((name) => row[name])]));
    if (found.some((key) => seen.has(key))) return false;
    for (const key of found) seen.add(key);
    return true;
  });
}
