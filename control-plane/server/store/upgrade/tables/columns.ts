/** The columns of the old tables: made where they are missing, and given the type, default and NOT NULL of the model. */
import { type Catalogue, type TableColumn, quoted, readCatalogue, SERIAL } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { FILLS } from "../rows/fills.ts";
import { OLD_TABLES, type OldTable, readForm } from "../old-form.ts";
import { type Print, withProgress } from "../progress.ts";

/** Old columns that the change takes away after reading them; made where somebody took them away before. */
const READ_AND_DROPPED: readonly TableColumn[] = [
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
const NO_DEFAULT_FOR_OLD_ROWS = new Set(["billing_records.billing_unit", "training_jobs.confirmed_at"]);

/** Types that 0002 changes itself, in the one rewrite of the table that cannot be spared. */
const LEFT_TO_THE_CHANGE = new Set([
  "billing_records.quantity",
  "billing_records.unit_price",
  "billing_records.amount",
  "invoices.total_amount",
]);

/** Before the filling: every column that it reads or writes. */
export async function addColumns(sql: Connection, model: Catalogue): Promise<void> {
  const form = await readForm(sql);
  const mine = await readCatalogue(sql);
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
    await alter(sql, table, actions);
  }
}

/** Not null only where there is a default to give to old rows; the rest is settled after the filling. */
function declared({ table, name, type, isNotNull, standard }: TableColumn): string {
  if (standard === null || NO_DEFAULT_FOR_OLD_ROWS.has(`${table}.${name}`)) return `${quoted(name)} ${type}`;
  return `${quoted(name)} ${type}${isNotNull ? " NOT NULL" : ""} DEFAULT ${standard}`;
}

/** Columns that the old system did not have: their values may be brought to their type before the filling. */
function newColumnsOf(model: Catalogue): (column: TableColumn) => boolean {
  const filled = new Set(
    FILLS.flatMap(({ table, columns }) => Object.keys(columns).map((name) => `${table}.${name}`)),
  );
  const json = new Set(
    model.columns.filter(({ type }) => type === "jsonb").map(({ table, name }) => `${table}.${name}`),
  );
  return ({ table, name }) => filled.has(`${table}.${name}`) || json.has(`${table}.${name}`);
}

function typed(present: TableColumn, { table, name, type }: TableColumn): string[] {
  return LEFT_TO_THE_CHANGE.has(`${table}.${name}`) ? [] : typeChange(present, type, quoted(name));
}

/** The column takes another type, and `value` says how, in SQL; it is left without a default. */
export function typeChange(present: TableColumn, type: string, value: string): string[] {
  if (present.type === type) return [];
  const column = `ALTER COLUMN ${quoted(present.name)}`;
  // Without USING, Postgres sees that a TIMESTAMP read as UTC is stored as the timestamptz of that moment.
  const isStoredAlike = present.type.startsWith("timestamp") && type.startsWith("timestamp");
  return [
    ...(present.standard === null ? [] : [`${column} DROP DEFAULT`]),
    `${column} TYPE ${type}${isStoredAlike ? "" : ` USING ${value}::${type}`}`,
  ];
}

/** After the filling: the types of the old columns. */
export async function retype(sql: Connection, model: Catalogue, print: Print): Promise<void> {
  const present = (await readCatalogue(sql)).columns;
  for (const table of OLD_TABLES) {
    const actions = model.columns
      .filter((column) => column.table === table)
      .flatMap((column) => {
        const mine = present.find(({ table: of, name }) => of === table && name === column.name);
        return mine === undefined ? [] : typed(mine, column);
      });
    await withProgress(print, `types of ${table}`, () => alter(sql, table, actions));
  }
}

/** At the end: defaults and NOT NULL, wherever an old table or somebody's hand had others. */
export async function settleDefaults(sql: Connection, model: Catalogue): Promise<void> {
  const present = (await readCatalogue(sql)).columns;
  for (const table of OLD_TABLES) {
    const actions = model.columns
      .filter((column) => column.table === table)
      .flatMap((column) => {
        const mine = present.find(({ table: of, name }) => of === table && name === column.name);
        return mine === undefined ? [] : settled(mine, column);
      });
    await alter(sql, table, actions);
  }
}

export function settled(present: TableColumn, wanted: TableColumn): string[] {
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

async function alter(sql: Connection, table: OldTable, actions: readonly string[]): Promise<void> {
  if (actions.length > 0) await sql.query(`ALTER TABLE ${table} ${actions.join(", ")}`);
}
