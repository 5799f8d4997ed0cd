/**
 * What the old system's tables look like in a given database: which are there, with which columns, and whether the
 * change has been made to them. Somebody may have added new columns by hand or taken old ones away.
 */
import type { Connection } from "../database/database.ts";

export const OLD_TABLES = [
  "customers",
  "workspaces",
  "workspace_members",
  "resource_quotas",
  "hosts",
  "gpus",
  "environments",
  "port_mappings",
  "training_jobs",
  "inference_services",
  "billing_records",
  "invoices",
  "datasets",
  "dataset_versions",
  "models",
  "model_versions",
  "images",
] as const;
export type OldTable = (typeof OLD_TABLES)[number];

/** A column of our own for each table that the change extends: a table without it is still the old one. */
const MARKS: Partial<Record<OldTable, string>> = {
  customers: "credit_limit",
  hosts: "connection",
  gpus: "sharing_mode",
  environments: "status_deadline_at",
  port_mappings: "lease_id",
  training_jobs: "status_deadline_at",
  inference_services: "status_deadline_at",
  billing_records: "run_id",
};

/** The columns of each old table that is there. */
export type OldForm = ReadonlyMap<OldTable, ReadonlySet<string>>;

export async function readForm(sql: Connection): Promise<OldForm> {
  const { rows } = await sql.query<{ table: OldTable; columns: string[] }>(
    `SELECT table_name AS table, array_agg(column_name::text) AS columns FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = ANY ($1) GROUP BY table_name`,
    [OLD_TABLES],
  );
  return new Map(rows.map(({ table, columns }) => [table, new Set(columns)]));
}

/** True when there is something to upgrade: a table of the old system to which the change has not been made. */
export function isOld(form: OldForm): boolean {
  return [...form].some(([table, columns]) => {
    const mark = MARKS[table];
    return mark !== undefined && !columns.has(mark);
  });
}

export function isOldTable(table: string): table is OldTable {
  return OLD_TABLES.some((old) => old === table);
}
