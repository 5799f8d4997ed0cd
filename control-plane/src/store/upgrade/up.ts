/**
 * The upgrade of a database that has the old system's tables: in one transaction that holds them alone, so that a crash
 * anywhere leaves the old schema whole. Add what is missing, fill it, then the migrations as on a fresh database, and
 * at the end the proof that the schema is the same as theirs.
 */
import { type Catalogue, type Column, type Definition, quoted, readCatalogue, SERIAL } from "../catalogue.ts";
import type { Connection } from "../database.ts";
import { MigrationError } from "../migration-error.ts";
import { assertNothingIsCut } from "./cut-values.ts";
import { FILLS, isChanged, NO_ENVIRONMENT, valueOf, type Fill } from "./fills.ts";
import { modelOf } from "./model.ts";
import { isOld, isOldTable, OLD_TABLES, type OldForm, readForm, type OldTable } from "./old-form.ts";
import { withoutTriggers } from "./others-triggers.ts";
import { withProgress, type Say } from "./progress.ts";
import { assertNothingInTheWay } from "./refusals.ts";
import { derivedValues, findingsSql, NOTHING_TO_REPORT, readFindings, type UpgradeReport } from "./report.ts";

const MAX_NAMED = 20;

/** Old columns that the change takes away after reading them; made where somebody took them away before. */
const READ_AND_DROPPED: readonly Column[] = [
  { table: "training_jobs", name: "script_path", type: "text", isNotNull: false, standard: null },
  { table: "training_jobs", name: "dataset_id", type: "bigint", isNotNull: false, standard: null },
  { table: "training_jobs", name: "model_id", type: "bigint", isNotNull: false, standard: null },
  {
    table: "billing_records",
    name: "env_id",
    type: "character varying(64)",
    isNotNull: false,
    standard: null,
  },
];

/** New columns that old rows have no value for, though new rows have a default. */
const NO_DEFAULT_FOR_OLD_ROWS = new Set(["billing_records.billing_unit"]);

/** Types that 0002 changes itself, in the one rewrite of the table that cannot be spared. */
const LEFT_TO_THE_CHANGE = new Set([
  "billing_records.quantity",
  "billing_records.unit_price",
  "billing_records.amount",
  "invoices.total_amount",
]);

export interface Upgrade {
  /** The texts of the migrations, in order, and the part of them that keeps the record of an upgrade. */
  migrations: readonly string[];
  record: string;
  /** Runs one migration and writes down that it was applied. */
  apply: (connection: Connection, index: number) => Promise<void>;
}

export interface Step {
  title: string;
  rows: number;
}

export interface UpgradeResult {
  steps: Step[];
  report: UpgradeReport;
}

/** @throws MigrationError when something is in the way, or with `strict` when there is anything to report */
export async function upgrade(
  connection: Connection,
  { migrations, record, apply }: Upgrade,
  { say, strict }: { say: Say; strict: boolean },
): Promise<UpgradeResult> {
  const found = await readForm(connection);
  if (!isOld(found)) return { steps: [], report: NOTHING_TO_REPORT };
  await connection.query("SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1");
  await assertNothingInTheWay(connection, found);

  const before = await readCatalogue(connection);
  await connection.query(record);
  const derived = await withProgress(say, "looking at the rows", async () => {
    await connection.query(
      `INSERT INTO upgrade_findings (finding, table_name, row_id, column_name, old_value, new_value, note)
       ${findingsSql(found)}`,
    );
    return await derivedValues(connection, found);
  });
  const report = { derived, findings: await readFindings(connection, "upgrade_findings") };
  if (strict) assertNothingToReport(report);
  await keepDefinitions(connection, before);

  // Tables that an old database lacks are made; on those it has nothing happens.
  await connection.query(migrations[0] ?? "");
  const { steps, model } = await modelOf(connection, migrations, async (wanted) => {
    await assertNothingIsCut(connection, { present: before.columns, wanted: wanted.columns });
    await makeRoom(connection, before, wanted);
    await addColumns(connection, wanted);
    const filled = await withoutTriggers(connection, () => fill(connection, say));
    await assertChecksHold(connection, wanted, found);
    await retype(connection, wanted, say);
    return { steps: filled, model: wanted };
  });
  for (const index of migrations.keys())
    await withProgress(say, `migration ${index + 1} of ${migrations.length}`, () => apply(connection, index));
  await settleDefaults(connection, model);
  assertSame(await readCatalogue(connection), model);
  return { steps, report };
}

function assertNothingToReport({ findings }: UpgradeReport): void {
  if (findings.length === 0) return;
  const kinds = findings.map(
    ({ finding, table, column, rows }) => `${finding}: ${table}.${column} (${rows})`,
  );
  throw new MigrationError(
    `the upgrade has something to report, and --strict asks for nothing: ${kinds.join(", ")}; nothing was changed. ` +
      "See them with --dry-run",
  );
}

/** For the way back: the names and definitions that this database had. */
async function keepDefinitions(connection: Connection, { columns, definitions }: Catalogue): Promise<void> {
  const kept: Definition[] = definitions.filter(
    ({ kind, table }) => kind === "function" || isOldTable(table),
  );
  const rows = [
    ...columns
      .filter(({ table }) => isOldTable(table))
      .map((column) => ({
        kind: "column",
        table: column.table,
        name: column.name,
        definition: JSON.stringify(column),
      })),
    ...kept,
  ];
  await connection.query(
    `INSERT INTO upgrade_definitions (kind, table_name, name, definition)
     SELECT kind, "table", name, definition FROM jsonb_to_recordset($1::jsonb)
       AS d (kind text, "table" text, name text, definition text)`,
    [JSON.stringify(rows)],
  );
}

/** What would slow the filling down, change updated_at, or stand there in another form under a name of ours. */
async function makeRoom(connection: Connection, before: Catalogue, model: Catalogue): Promise<void> {
  const ours = new Set(model.definitions.filter(({ kind }) => kind === "index").map(({ name }) => name));
  for (const { kind, table, name, definition } of before.definitions) {
    if (!isOldTable(table)) continue;
    if (kind === "index" && (ours.has(name) || name === "idx_billing_records_env"))
      await connection.query(`DROP INDEX ${quoted(name)}`);
    if (kind === "trigger" && (await keepsUpdatedAt(connection, table, name, definition)))
      await connection.query(`DROP TRIGGER ${quoted(name)} ON ${table}`);
    if (kind === "constraint" && (definition.startsWith("CHECK") || definition.startsWith("FOREIGN KEY")))
      await connection.query(`ALTER TABLE ${table} DROP CONSTRAINT ${quoted(name)}`);
  }
  for (const [index, { table, name }] of keysInTheWay(before, model).entries())
    await connection.query(`ALTER TABLE ${table} RENAME CONSTRAINT ${quoted(name)} TO "remotegpu ${index}"`);
  for (const { kind, name, definition } of before.definitions) {
    if (kind !== "function" || !/RETURNS trigger/.test(definition) || !/updated_at/i.test(definition))
      continue;
    const { rows } = await connection.query("SELECT FROM pg_trigger WHERE tgfoid = $1::regprocedure", [name]);
    if (rows.length === 0) await connection.query(`DROP FUNCTION ${name}`);
  }
}

/** Keys under a name that one of ours, on other columns, is about to get. */
function keysInTheWay(before: Catalogue, model: Catalogue): Definition[] {
  const ours = new Map(model.definitions.map((each) => [each.name, each]));
  return before.definitions.filter(({ kind, table, name, definition }) => {
    const wanted = ours.get(name);
    if (kind !== "constraint" || !isOldTable(table) || !/^(PRIMARY KEY|UNIQUE)/.test(definition))
      return false;
    return wanted !== undefined && (wanted.table !== table || !wanted.definition.startsWith(definition));
  });
}

async function keepsUpdatedAt(
  connection: Connection,
  table: string,
  name: string,
  definition: string,
): Promise<boolean> {
  const { rows } = await connection.query<{ source: string }>(
    `SELECT p.prosrc AS source FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = $1::regclass AND t.tgname = $2`,
    [table, name],
  );
  return /updated_at/i.test(`${definition} ${rows[0]?.source ?? ""}`);
}

async function addColumns(connection: Connection, model: Catalogue): Promise<void> {
  const form = await readForm(connection);
  const mine = await readCatalogue(connection);
  const isNew = newColumnsOf(model);
  for (const table of OLD_TABLES) {
    const there = form.get(table) ?? new Set();
    const actions = [...model.columns, ...READ_AND_DROPPED]
      .filter((column) => column.table === table)
      .flatMap((column) => {
        if (!there.has(column.name)) return [`ADD COLUMN ${declared(column)}`];
        const present = mine.columns.find(({ table: of, name }) => of === table && name === column.name);
        if (!isNew(column) || present === undefined) return [];
        // By hand a column may have been made NOT NULL; where nothing is known, NULL is written.
        const mayBeNull = present.isNotNull && !column.isNotNull;
        return [
          ...typed(present, column),
          ...(mayBeNull ? [`ALTER COLUMN ${quoted(column.name)} DROP NOT NULL`] : []),
        ];
      });
    await alter(connection, table, actions);
  }
}

/** Not null only where there is a default to give to old rows; the rest is settled after the filling. */
function declared({ table, name, type, isNotNull, standard }: Column): string {
  if (standard === null || NO_DEFAULT_FOR_OLD_ROWS.has(`${table}.${name}`)) return `${quoted(name)} ${type}`;
  return `${quoted(name)} ${type}${isNotNull ? " NOT NULL" : ""} DEFAULT ${standard}`;
}

/** Columns that the old system did not have: their values may be brought to their type before the filling. */
function newColumnsOf(model: Catalogue): (column: Column) => boolean {
  const filled = new Set(
    FILLS.flatMap(({ table, columns }) => Object.keys(columns).map((name) => `${table}.${name}`)),
  );
  const json = new Set(
    model.columns.filter(({ type }) => type === "jsonb").map(({ table, name }) => `${table}.${name}`),
  );
  return ({ table, name }) => filled.has(`${table}.${name}`) || json.has(`${table}.${name}`);
}

function typed(present: Column, { table, name, type }: Column): string[] {
  if (present.type === type || LEFT_TO_THE_CHANGE.has(`${table}.${name}`)) return [];
  const column = quoted(name);
  const noDefault = present.standard === null ? [] : [`ALTER COLUMN ${column} DROP DEFAULT`];
  // Without USING, Postgres sees that a TIMESTAMP read as UTC is already stored as the timestamptz it becomes.
  const isStoredAlike = present.type.startsWith("timestamp") && type.startsWith("timestamp");
  return [
    ...noDefault,
    `ALTER COLUMN ${column} TYPE ${type}${isStoredAlike ? "" : ` USING ${column}::${type}`}`,
  ];
}

async function fill(connection: Connection, say: Say): Promise<Step[]> {
  const steps: Step[] = [];
  for (const each of FILLS) {
    const title = titleOf(each);
    steps.push({ title, rows: await withProgress(say, title, () => write(connection, each)) });
  }
  return steps;
}

export function titleOf({ table, columns }: Fill): string {
  return `fill ${table}: ${Object.keys(columns).join(", ")}`;
}

async function write(connection: Connection, one: Fill): Promise<number> {
  const { table, columns, environmentId } = one;
  const set = Object.entries(columns)
    .map(([name, derived]) => `${name} = ${valueOf(name, derived)}`)
    .join(",\n  ");
  if (environmentId === null) {
    const { rowCount } = await connection.query(`UPDATE ${table} t SET ${set} WHERE ${isChanged(one)}`);
    return rowCount;
  }
  const withOne = await connection.query(
    `UPDATE ${table} t SET ${set} FROM environments e WHERE e.id = t.${environmentId} AND (${isChanged(one)})`,
  );
  const without = await connection.query(
    `UPDATE ${table} t SET ${set}
     FROM ${NO_ENVIRONMENT} e
     WHERE NOT EXISTS (SELECT FROM environments WHERE id = t.${environmentId}) AND (${isChanged(one)})`,
  );
  return withOne.rowCount + without.rowCount;
}

/**
 * CHECKs of ours that hold for every row, where a column was there before us; the rest are NOT VALID and leave old rows
 * alone, and what we fill in holds.
 */
async function assertChecksHold(connection: Connection, model: Catalogue, found: OldForm): Promise<void> {
  for (const { kind, table, name, definition } of model.definitions) {
    if (kind !== "constraint" || !definition.startsWith("CHECK ") || definition.endsWith("NOT VALID"))
      continue;
    if (!isOldTable(table)) continue;
    const words = new Set(definition.match(/\w+/g));
    if (![...(found.get(table) ?? [])].some((column) => words.has(column))) continue;
    const { rows } = await connection.query<{ id: string }>(
      `SELECT id::text AS id FROM ${table} WHERE NOT ${definition.slice("CHECK ".length)} ORDER BY id LIMIT ${MAX_NAMED}`,
    );
    if (rows.length > 0)
      throw new MigrationError(
        `rows of ${table} hold values that ${name} does not allow: ${rows.map(({ id }) => id).join(", ")}; ` +
          "correct them and run this again. Nothing was changed",
      );
  }
}

async function retype(connection: Connection, model: Catalogue, say: Say): Promise<void> {
  const present = (await readCatalogue(connection)).columns;
  for (const table of OLD_TABLES) {
    const actions = model.columns
      .filter((column) => column.table === table)
      .flatMap((column) => {
        const mine = present.find(({ table: of, name }) => of === table && name === column.name);
        return mine === undefined ? [] : typed(mine, column);
      });
    await withProgress(say, `types of ${table}`, () => alter(connection, table, actions));
  }
}

/** Defaults and NOT NULL, wherever an old table or somebody's hand had others. */
async function settleDefaults(connection: Connection, model: Catalogue): Promise<void> {
  const present = (await readCatalogue(connection)).columns;
  for (const table of OLD_TABLES) {
    const actions = model.columns
      .filter((column) => column.table === table)
      .flatMap((column) => {
        const mine = present.find(({ table: of, name }) => of === table && name === column.name);
        return mine === undefined ? [] : settled(mine, column);
      });
    await alter(connection, table, actions);
  }
}

export function settled(present: Column, wanted: Column): string[] {
  const column = `ALTER COLUMN ${quoted(wanted.name)}`;
  const actions: string[] = [];
  if (present.standard !== wanted.standard && wanted.standard !== SERIAL)
    actions.push(
      wanted.standard === null ? `${column} DROP DEFAULT` : `${column} SET DEFAULT ${wanted.standard}`,
    );
  if (present.isNotNull !== wanted.isNotNull)
    actions.push(`${column} ${wanted.isNotNull ? "SET" : "DROP"} NOT NULL`);
  return actions;
}

async function alter(connection: Connection, table: OldTable, actions: readonly string[]): Promise<void> {
  if (actions.length > 0) await connection.query(`ALTER TABLE ${table} ${actions.join(", ")}`);
}

/** What somebody added under names of their own may stay; what is ours must be there and be the same. */
function assertSame(present: Catalogue, model: Catalogue): void {
  const lines = linesOf(present);
  const missing = [...linesOf(model)].filter((line) => !lines.has(line));
  if (missing.length > 0)
    throw new MigrationError(
      `the upgraded schema is not that of a fresh database; nothing was changed. It lacks:\n${missing.slice(0, MAX_NAMED).join("\n")}`,
    );
}

export function linesOf({ columns, definitions }: Catalogue): Set<string> {
  return new Set([
    ...columns.map(
      ({ table, name, type, isNotNull, standard }) =>
        `${table}.${name} ${type}${isNotNull ? " not null" : ""}${standard === null ? "" : ` default ${standard}`}`,
    ),
    ...definitions.map(({ kind, table, name, definition }) => `${kind} ${name} of ${table}: ${definition}`),
  ]);
}
