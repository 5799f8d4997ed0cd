/**
 * What the change makes of old rows, column by column: the one place that says from what a new value is derived. The
 * way up writes these values, the dry run counts them, and the way back asks whether a value is still what the way up
 * would derive again, so that nothing is lost.
 *
 * SQL here speaks of `t`, the row, and `e`, its environment (all NULL where there is none).
 */
import { NO_IMAGE } from "../../../core/training/old-jobs.ts";
import type { OldForm, OldTable } from "../old-form.ts";

export interface Derived {
  type: string;
  /** The value for a row that has none yet, of old columns alone. */
  value: string;
  /** Whether `t`'s own value counts as one; without it the derived value always wins. */
  isFilled: ((column: string) => string) | null;
  /** What a row has where the column is missing and the change adds it. */
  absent?: string;
  /** For the report: where the value comes from. */
  from: string;
  /** The old column that says the same; where both are filled and differ, the new value stays and is reported. */
  pair?: string;
}

export interface Fill {
  table: OldTable;
  /** Old columns that are read, with their type; a missing one reads as NULL. */
  reads: Record<string, string>;
  /** Column of `t` that names the environment, where one is looked up. */
  environmentId: string | null;
  columns: Record<string, Derived>;
}

/** One row that says nothing. */
export const NO_ENVIRONMENT =
  "(SELECT NULL::text AS id, NULL::text AS name, NULL::text AS image, NULL::text AS host_id, NULL::bigint AS workspace_id)";
const UNFINISHED = "(t.status IS NULL OR t.status IN ('pending', 'queued', 'running', 'stopping'))";

const anything = (column: string) => `${column} IS NOT NULL`;
const text = (column: string) => `COALESCE(${column}, '') <> ''`;
/** An eager operator's jsonb_build_array(NULL) says nothing. */
const ids = (column: string) => `COALESCE(${column} NOT IN ('[]', '[null]', 'null'), false)`;

const mounts = (pair: string): Derived => ({
  type: "jsonb",
  value: `CASE WHEN t.${pair} IS NOT NULL THEN jsonb_build_array(t.${pair}) END`,
  isFilled: ids,
  from: pair,
  pair,
});

const constant = (type: string, value: string): Derived => ({
  type,
  value,
  isFilled: anything,
  absent: value,
  from: "the default",
});

/**
 * Minutes begun; unknown where the times make no sense. Seconds are subtracted, not times: Postgres has no interval for
 * all that lies between two times that it has.
 */
const SECONDS = "EXTRACT(epoch FROM t.end_time) - EXTRACT(epoch FROM t.start_time)";
const MINUTES = `CASE WHEN isfinite(t.start_time) AND isfinite(t.end_time) THEN
    CASE WHEN ${SECONDS} BETWEEN 0 AND 2147483647 * 60.0 THEN ceil((${SECONDS}) / 60)::int END END`;

export const FILLS: readonly Fill[] = [
  {
    table: "training_jobs",
    reads: {
      script_path: "text",
      dataset_id: "bigint",
      model_id: "bigint",
      env_id: "text",
    },
    environmentId: "env_id",
    columns: {
      image: {
        type: "text",
        value: `COALESCE(NULLIF(e.image, ''), '${NO_IMAGE}')`,
        isFilled: text,
        from: "the environment's image",
      },
      command: {
        type: "text",
        value: "COALESCE(t.script_path, '')",
        isFilled: text,
        from: "script_path",
        pair: "script_path",
      },
      mounted_datasets: mounts("dataset_id"),
      mounted_models: mounts("model_id"),
      status: {
        type: "text",
        value: `CASE WHEN COALESCE(t.script_path, '') = '' AND COALESCE(t.command, '') = '' AND ${UNFINISHED}
          THEN 'cancelled' ELSE t.status END`,
        isFilled: null,
        from: "a job that has no command and has not ended is cancelled",
      },
    },
  },
  {
    table: "inference_services",
    reads: { replicas: "int" },
    environmentId: null,
    columns: {
      image: { type: "text", value: `'${NO_IMAGE}'`, isFilled: text, from: "nothing" },
      max_replicas: {
        type: "int",
        value: "GREATEST(COALESCE(t.max_replicas, 10), t.replicas)",
        isFilled: null,
        absent: "10",
        from: "raised to replicas",
      },
    },
  },
  {
    table: "port_mappings",
    reads: { env_id: "text" },
    environmentId: "env_id",
    columns: {
      host_id: { type: "text", value: "e.host_id", isFilled: text, from: "the environment's host" },
    },
  },
  {
    table: "billing_records",
    reads: { env_id: "text", start_time: "", end_time: "" },
    environmentId: "env_id",
    columns: {
      resource_id: { type: "text", value: "t.env_id", isFilled: anything, from: "env_id", pair: "env_id" },
      resource_name: { type: "text", value: "e.name", isFilled: text, from: "the environment's name" },
      workspace_id: {
        type: "bigint",
        value: "e.workspace_id",
        isFilled: anything,
        from: "the environment's workspace",
      },
      billing_minutes: { type: "int", value: MINUTES, isFilled: anything, from: "start_time and end_time" },
      legacy_resource_type: {
        type: "text",
        value: "t.resource_type",
        isFilled: anything,
        from: "resource_type",
      },
      resource_type: {
        type: "text",
        value: `CASE WHEN t.env_id IS NOT NULL THEN 'environment'
          WHEN t.resource_type IN ('environment', 'training', 'inference', 'storage') THEN t.resource_type
          ELSE 'legacy' END`,
        isFilled: null,
        from: "env_id and the old resource_type",
      },
    },
  },
  {
    table: "customers",
    reads: {},
    environmentId: null,
    columns: {
      balance: constant("numeric", "0.00"),
      currency: constant("text", "'CNY'"),
      overdue_status: constant("text", "'normal'"),
    },
  },
];

/** The value that stands in the column after the change. */
export function valueOf(column: string, { isFilled, value }: Derived): string {
  return isFilled === null
    ? value
    : `CASE WHEN ${isFilled(`t.${column}`)} THEN t.${column} ELSE ${value} END`;
}

/** True for a row that the change writes to. */
export function isChanged({ columns }: Fill): string {
  return Object.entries(columns)
    .map(([name, derived]) => `t.${name} IS DISTINCT FROM ${parenthesised(valueOf(name, derived))}`)
    .join("\n    OR ");
}

function parenthesised(sql: string): string {
  return `(${sql})`;
}

/** The table's rows as `t` and their environments as `e`, whatever columns are there. A FROM clause. */
export function rowsOf({ table, reads, columns, environmentId }: Fill, form: OldForm): string {
  const there = form.get(table) ?? new Set();
  const read = Object.entries(reads).map(([name, type]) => column(name, type, "NULL", there));
  const derived = Object.entries(columns).map(([name, { type, absent }]) =>
    column(name, type, absent ?? "NULL", there),
  );
  const rows = `(SELECT id::text AS id, ${[...read, ...derived].join(", ")} FROM ${table}) t`;
  if (environmentId === null) return rows;
  const environments = form.has("environments")
    ? "(SELECT id, name, image, host_id, workspace_id FROM environments)"
    : NO_ENVIRONMENT;
  return `${rows} LEFT JOIN ${environments} e ON e.id = t.${environmentId}`;
}

function column(name: string, type: string, absent: string, there: ReadonlySet<string>): string {
  const cast = type === "" ? "" : `::${type}`;
  return there.has(name) ? `${name}${cast} AS ${name}` : `${absent}${cast} AS ${name}`;
}
