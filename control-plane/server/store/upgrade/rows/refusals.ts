/** What an upgrade cannot take along, looked for before anything is touched. */
import type { Connection } from "../../database/database.ts";
import { MigrationError } from "../migration-error.ts";
import type { OldForm, OldTable } from "../old-form.ts";

const MAX_NAMED = 20;

interface Refusal {
  table: OldTable;
  /** The columns it speaks of; asked only where all are there. */
  columns: readonly string[];
  /** A query for what is in the way, one text `id` a row. */
  sql: string;
  explanation: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    table: "training_jobs",
    columns: ["dataset_id"],
    sql: "SELECT id::text AS id FROM training_jobs WHERE dataset_id < 0",
    explanation: "a dataset_id below zero can be no mount",
  },
  {
    table: "training_jobs",
    columns: ["model_id"],
    sql: "SELECT id::text AS id FROM training_jobs WHERE model_id < 0",
    explanation: "a model_id below zero can be no mount",
  },
  {
    table: "port_mappings",
    columns: ["env_id", "external_port", "status"],
    sql: `SELECT string_agg(p.id::text, ' and ' ORDER BY p.id) AS id
      FROM port_mappings p JOIN environments e ON e.id = p.env_id
      WHERE p.status IS DISTINCT FROM 'released' GROUP BY e.host_id, p.external_port HAVING count(*) > 1`,
    explanation: "two leases that are not released hold one port of one host",
  },
];

/** @throws MigrationError naming the rows, or the views, that are in the way */
export async function assertNoObstacle(sql: Connection, form: OldForm): Promise<void> {
  await assertNoViews(sql, form);
  for (const { table, columns, sql: question, explanation } of REFUSALS) {
    const there = form.get(table);
    if (there === undefined || !columns.every((column) => there.has(column))) continue;
    const { rows } = await sql.query<{ id: string }>(`${question} ORDER BY 1 LIMIT ${MAX_NAMED}`);
    if (rows.length > 0)
      throw new MigrationError(
        `${table} ${rows.map(({ id }) => id).join(", ")}: ${explanation}; correct them and run this again. Nothing was changed`,
      );
  }
}

/** Postgres changes no type of a column that a view shows. */
async function assertNoViews(sql: Connection, form: OldForm): Promise<void> {
  const { rows } = await sql.query<{ view: string }>(
    `SELECT DISTINCT v.oid::regclass::text || ' (of ' || t.relname || ')' AS view
     FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class JOIN pg_class t ON t.oid = d.refobjid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND v.oid <> t.oid
       AND t.relnamespace = current_schema()::regnamespace AND t.relname = ANY ($1) ORDER BY 1 LIMIT ${MAX_NAMED}`,
    [[...form.keys()]],
  );
  if (rows.length > 0)
    throw new MigrationError(
      `views show the old tables, whose columns change: ${rows.map(({ view }) => view).join(", ")}; ` +
        "drop them, run this again and make them anew. Nothing was changed",
    );
}
