/**
 * The way back to the old schema, in one transaction: old columns are filled from new ones, and then every value that
 * would go is compared with what the way up would make of the old row again. Anything else is a loss, named, and
 * nothing is changed.
 */
import type { EnvVarSeal } from "../../../core/secrets/env-var-seal.ts";
import { withdrawFromApplication } from "../../database/grants.ts";
import { type Catalogue, type TableColumn, type Definition, quoted, readCatalogue } from "../catalogue.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { presentLeader } from "../../database/leader.ts";
import { MigrationError } from "../migration-error.ts";
import { openSealedValues } from "../rows/sealed-values.ts";
import { assertNothingIsLost } from "../rows/losses.ts";
import { modelOf } from "../tables/model.ts";
import { isOldTable, OLD_TABLES } from "../old-form.ts";
import { withoutTriggers } from "../tables/others-triggers.ts";
import { withProgress, type Print } from "../progress.ts";
import { settled, typeChange } from "../tables/columns.ts";
import { linesOf } from "../tables/same-schema.ts";

const MAX_NAMED = 20;

export interface Downgrade {
  /** The migrations that built this schema, and those that build the old one where no names are on record. */
  migrations: readonly string[];
  oldSchema: readonly string[];
  /** Tables of ours whose rows may go. */
  discard: readonly string[];
  /** Opens what was sealed here; null where the keys are elsewhere. */
  envVars: EnvVarSeal | null;
}

/** @throws MigrationError naming what would be lost, or that a control plane runs on this database */
export async function downgrade(
  sql: Transaction,
  { migrations, oldSchema, discard, envVars }: Downgrade,
  print: Print,
): Promise<void> {
  await assertNobodyLeads(sql);
  await sql.query("SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1");
  const ours = await modelOf(sql, migrations, (model) => Promise.resolve(model));
  const target = (await definitionsOnRecord(sql)) ?? (await oldModel(sql, oldSchema));

  await dropOurDefinitions(sql, ours);
  await withProgress(print, "old columns", () =>
    withoutTriggers(sql, async () => {
      await restoreColumns(sql);
      await openSealedValues(sql, target, envVars);
    }),
  );
  await withProgress(print, "looking for what would be lost", () =>
    assertNothingIsLost(sql, { ours, target, discard }),
  );
  await dropOurTables(sql, ours);
  for (const table of OLD_TABLES)
    await withProgress(print, `columns of ${table}`, () => reshape(sql, table, ours, target));
  await withProgress(print, "indexes and constraints", () => restoreDefinitions(sql, ours, target));
  await dropOurFunctions(sql, ours, target);
  await withdrawFromApplication(sql);
  assertIsOld(await readCatalogue(sql), target);
}

async function assertNobodyLeads(sql: Connection): Promise<void> {
  const leader = await presentLeader(sql);
  if (leader !== null)
    throw new MigrationError(
      `a control plane runs on this database (${leader}); stop it and run this again. Nothing was changed`,
    );
}

async function definitionsOnRecord(sql: Connection): Promise<Catalogue | null> {
  const { rows } = await sql.query<Omit<Definition, "kind"> & { kind: Definition["kind"] | "column" }>(
    'SELECT kind, table_name AS "table", name, definition FROM upgrade_definitions ORDER BY id',
  );
  if (rows.length === 0) return null;
  const columns: TableColumn[] = [];
  const definitions: Definition[] = [];
  for (const { kind, table, name, definition } of rows) {
    // Written by the way up, as it is.
    if (kind === "column") columns.push(JSON.parse(definition) as TableColumn);
    else definitions.push({ kind, table, name, definition });
  }
  return { columns, definitions };
}

async function oldModel(sql: Transaction, oldSchema: readonly string[]): Promise<Catalogue> {
  return await modelOf(sql, oldSchema, (model) => Promise.resolve(model));
}

/** Views of ours, and triggers, constraints and indexes of ours on old tables; what an operator added stays. */
async function dropOurDefinitions(sql: Connection, { definitions }: Catalogue): Promise<void> {
  for (const { kind, table, name, definition } of definitions) {
    if (kind === "view") await sql.query(`DROP VIEW IF EXISTS ${quoted(name)}`);
    if (!isOldTable(table)) continue;
    if (kind === "trigger") await sql.query(`DROP TRIGGER IF EXISTS ${quoted(name)} ON ${table}`);
    if (kind === "index") await sql.query(`DROP INDEX IF EXISTS ${quoted(name)}`);
    if (kind === "constraint" && !definition.startsWith("PRIMARY KEY") && !definition.startsWith("UNIQUE"))
      await sql.query(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${quoted(name)}`);
  }
}

/**
 * What the change took away, from what it made of it. A finding "differs" kept the old value; of a missing script the
 * report knows whether it was NULL or empty.
 */
async function restoreColumns(sql: Transaction): Promise<void> {
  await sql.query(`
    ALTER TABLE training_jobs ADD COLUMN script_path text, ADD COLUMN dataset_id bigint, ADD COLUMN model_id bigint;
    ALTER TABLE billing_records ADD COLUMN env_id varchar(64)`);
  await sql.change(`
    UPDATE training_jobs t SET
      script_path = CASE WHEN f.script THEN f.script_path ELSE t.command END,
      dataset_id = CASE WHEN f.dataset THEN f.dataset_id WHEN jsonb_array_length(t.mounted_datasets) = 1 THEN (t.mounted_datasets ->> 0)::bigint END,
      model_id = CASE WHEN f.model THEN f.model_id WHEN jsonb_array_length(t.mounted_models) = 1 THEN (t.mounted_models ->> 0)::bigint END,
      status = CASE WHEN f.cancelled AND t.status = 'cancelled' THEN f.status ELSE t.status END
    FROM training_jobs j LEFT JOIN (
      SELECT row_id,
        bool_or(column_name = 'command' AND finding IN ('differs', 'no source')) AS script,
        min(old_value) FILTER (WHERE column_name = 'command' AND finding IN ('differs', 'no source')) AS script_path,
        bool_or(column_name = 'mounted_datasets' AND finding = 'differs') AS dataset,
        min(old_value) FILTER (WHERE column_name = 'mounted_datasets' AND finding = 'differs')::bigint AS dataset_id,
        bool_or(column_name = 'mounted_models' AND finding = 'differs') AS model,
        min(old_value) FILTER (WHERE column_name = 'mounted_models' AND finding = 'differs')::bigint AS model_id,
        bool_or(column_name = 'status') AS cancelled,
        min(old_value) FILTER (WHERE column_name = 'status') AS status
      FROM upgrade_findings WHERE table_name = 'training_jobs' GROUP BY row_id
    ) f ON f.row_id = j.id
    WHERE j.id = t.id`);
  await sql.change(`
    UPDATE billing_records b SET env_id = CASE WHEN f.row_id IS NULL THEN b.resource_id ELSE f.old_value END,
      resource_type = COALESCE(b.legacy_resource_type, b.resource_type)
    FROM billing_records r LEFT JOIN upgrade_findings f
      ON f.table_name = 'billing_records' AND f.finding = 'differs' AND f.column_name = 'resource_id' AND f.row_id = r.id::text
    WHERE r.id = b.id`);
}

async function dropOurTables(sql: Connection, { columns }: Catalogue): Promise<void> {
  const tables = [...new Set(columns.map(({ table }) => table))].filter((table) => !isOldTable(table));
  await sql.query(`DROP TABLE IF EXISTS ${[...tables, "schema_migrations"].map(quoted).join(", ")}`);
}

/** Our columns go, the old ones get the type, the default and the nullability that they had. */
async function reshape(sql: Connection, table: string, ours: Catalogue, target: Catalogue): Promise<void> {
  const wanted = new Map(
    target.columns.filter((column) => column.table === table).map((column) => [column.name, column]),
  );
  const present = (await readCatalogue(sql)).columns.filter((column) => column.table === table);
  if (wanted.size === 0) {
    await sql.query(`DROP TABLE ${table}`);
    return;
  }
  const isOurs = new Set(ours.columns.filter((column) => column.table === table).map(({ name }) => name));
  const actions = present.flatMap((column) => {
    const old = wanted.get(column.name);
    if (old === undefined) return isOurs.has(column.name) ? [`DROP COLUMN ${quoted(column.name)}`] : [];
    return [
      ...typeChange(column, old.type, `${quoted(column.name)}::text`),
      ...settled(retypedColumn(column, old), old),
    ];
  });
  if (actions.length > 0) await sql.query(`ALTER TABLE ${table} ${actions.join(", ")}`);
}

/** What a change of type leaves: a column without a default. */
function retypedColumn(column: TableColumn, { type }: TableColumn): TableColumn {
  return column.type === type ? column : { ...column, type, standard: null };
}

async function restoreDefinitions(sql: Connection, ours: Catalogue, target: Catalogue): Promise<void> {
  for (const { definition } of target.definitions.filter(({ kind }) => kind === "function"))
    await sql.query(definition);
  await dropOurKeys(sql, ours, target);
  const order: Definition["kind"][] = ["constraint", "index", "trigger"];
  for (const kind of order) await restoreKind(sql, kind, target);
}

/** Keys first, since foreign keys need them. */
async function restoreKind(sql: Connection, kind: Definition["kind"], target: Catalogue): Promise<void> {
  const present = (await readCatalogue(sql)).definitions.filter(
    (each) => each.kind === kind && isOldTable(each.table),
  );
  const wanted = target.definitions.filter((each) => each.kind === kind && isOldTable(each.table));
  const there = new Set(present.map(keyOf));
  for (const each of [...wanted].sort((a, b) => Number(isKey(b)) - Number(isKey(a)))) {
    if (there.has(keyOf(each))) continue;
    const alike = present.find(
      ({ table, definition }) =>
        kind === "constraint" && table === each.table && definition === each.definition,
    );
    if (alike !== undefined && isKey(each))
      await sql.query(
        `ALTER TABLE ${each.table} RENAME CONSTRAINT ${quoted(alike.name)} TO ${quoted(each.name)}`,
      );
    else if (kind === "constraint")
      await sql.query(`ALTER TABLE ${each.table} ADD CONSTRAINT ${quoted(each.name)} ${each.definition}`);
    else await sql.query(each.definition);
  }
}

/** Keys of ours whose definition the old schema does not have. */
async function dropOurKeys(sql: Connection, ours: Catalogue, target: Catalogue): Promise<void> {
  for (const key of ours.definitions.filter(({ table }) => isOldTable(table)).filter(isKey)) {
    const { table, name, definition } = key;
    if (!target.definitions.some((each) => each.table === table && each.definition === definition))
      await sql.query(`ALTER TABLE IF EXISTS ${table} DROP CONSTRAINT IF EXISTS ${quoted(name)}`);
  }
}

function isKey({ kind, definition }: Definition): boolean {
  return kind === "constraint" && /^(PRIMARY KEY|UNIQUE)/.test(definition);
}

async function dropOurFunctions(sql: Connection, ours: Catalogue, target: Catalogue): Promise<void> {
  const stays = new Set(target.definitions.filter(({ kind }) => kind === "function").map(({ name }) => name));
  for (const { kind, name } of ours.definitions)
    if (kind === "function" && !stays.has(name)) await sql.query(`DROP FUNCTION IF EXISTS ${name}`);
}

function assertIsOld(present: Catalogue, target: Catalogue): void {
  const lines = new Set([...linesOf(present)].map(withoutCasts));
  const missing = [...linesOf(target)].filter((line) => !lines.has(withoutCasts(line)));
  if (missing.length > 0)
    throw new MigrationError(
      `the schema would not be the old one again; nothing was changed. It lacks:\n${missing.slice(0, MAX_NAMED).join("\n")}`,
    );
}

function keyOf({ table, name, definition }: Definition): string {
  return [table, name, definition].join(" ");
}

/** A CHECK that was read back and made again has more casts and parentheses than before, and the same meaning. */
function withoutCasts(line: string): string {
  return line.startsWith("constraint ")
    ? line.replaceAll(/::(character varying|text)(\[\])?|[()]/g, "")
    : line;
}
