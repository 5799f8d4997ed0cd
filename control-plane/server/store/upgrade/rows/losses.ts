/** What the way back to the old schema would lose: asked after the old columns are filled, before anything is dropped. */
import type { Catalogue, TableColumn } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { MigrationError } from "../migration-error.ts";
import { type Derived, FILLS, type Fill } from "./fills.ts";
import { isOldTable } from "../old-form.ts";

const MAX_NAMED = 20;

/** Tables of ours that only keep house, each with the rows that tell something. */
const HOUSEKEEPING: Record<string, string> = {
  cluster_state: "false",
  leader: "false",
  upgrade_findings: "false",
  upgrade_definitions: "false",
  hour_ticks: "COALESCE(amount, 0) <> 0",
  invoice_closings: "invoices <> 0",
  events: "reason IS DISTINCT FROM 'from the old system'",
};

/** What comes and goes by itself: explanations, and since when something waits that does not wait any more. */
const TRANSIENT = new Set([
  "environments.status_reason",
  "environments.status_deadline_at",
  "environments.queued_at",
  "training_jobs.status_reason",
  "training_jobs.status_deadline_at",
  "training_jobs.queued_at",
  "training_jobs.confirmed_at",
  "inference_services.status_reason",
  "inference_services.status_deadline_at",
]);

/** Words that the old system does not know. */
const NEW_WORDS: { table: string; column: string; words: string[] }[] = [
  { table: "environments", column: "status", words: ["queued", "stopping", "restarting"] },
  { table: "training_jobs", column: "status", words: ["queued", "stopping"] },
  { table: "inference_services", column: "status", words: ["stopping"] },
  { table: "port_mappings", column: "service_type", words: ["tensorboard"] },
];

interface Loss {
  table: string;
  where: string;
  explanation: string;
  /** FROM clause; the table as `t` where nothing is said. */
  from?: string;
}

/** @throws MigrationError naming everything that would be lost, each with its rows */
export async function assertNothingIsLost(
  sql: Connection,
  { ours, target, discard }: { ours: Catalogue; target: Catalogue; discard: readonly string[] },
): Promise<void> {
  const losses = [
    ...newTables(ours, target, discard),
    ...newValues(ours, target),
    ...narrowing(ours, target),
    ...missingValues(ours, target),
    ...newWords(),
  ];
  const found: string[] = [];
  for (const { table, where, explanation, from } of losses) {
    const { rows } = await sql.query<{ id: string | null; count: number }>(
      `SELECT ${idOf(table, ours)} AS id, count(*) OVER () AS count FROM ${from ?? `${table} t`} WHERE ${where} ORDER BY 1 LIMIT ${MAX_NAMED}`,
    );
    const [first] = rows;
    if (first === undefined) continue;
    const names = rows.flatMap(({ id }) => (id === null ? [] : [id]));
    const more = first.count > rows.length ? ` and ${first.count - rows.length} more` : "";
    found.push(`${explanation}: ${table} ${names.join(", ")}${more}`);
  }
  const doubled = isPortUnique(target) ? await doubledPorts(sql) : [];
  if (doubled.length > 0)
    found.push(`several leases of one port, which was unique: port_mappings ${doubled.join(", ")}`);
  if (found.length > 0)
    throw new MigrationError(
      `the old schema has no place for this; nothing was changed.\n${found.join("\n")}\n` +
        "Rows of new tables may be given up with --discard <table>",
    );
}

function idOf(table: string, { columns }: Catalogue): string {
  const names = columns.filter((column) => column.table === table).map(({ name }) => name);
  return names.includes("id") ? "t.id::text" : "t::text";
}

function newTables(ours: Catalogue, target: Catalogue, discard: readonly string[]): Loss[] {
  const old = new Set(target.columns.map(({ table }) => table));
  return [...new Set(ours.columns.map(({ table }) => table))]
    .filter((table) => !old.has(table) && !discard.includes(table))
    .map((table) => ({ table, where: HOUSEKEEPING[table] ?? "true", explanation: "rows of a new table" }));
}

/** A new column may go where it holds what the way up would put there again. */
function newValues(ours: Catalogue, target: Catalogue): Loss[] {
  const old = new Set(target.columns.map(keyOf));
  // A table that the old schema lacked is judged by its rows.
  const tables = new Set(target.columns.map(({ table }) => table));
  return ours.columns
    .filter(
      (column) =>
        isOldTable(column.table) &&
        tables.has(column.table) &&
        !old.has(keyOf(column)) &&
        !TRANSIENT.has(keyOf(column)),
    )
    .map((column) => {
      const { table, name } = column;
      const fill = FILLS.find((each) => each.table === table);
      const derived = fill?.columns[name];
      return {
        table,
        from: fill === undefined ? `${table} t` : rowsWithEnvironment(fill),
        where: `t.${name} IS DISTINCT FROM (${derived === undefined ? standardOf(column) : againOf(name, derived)})`,
        explanation: `${name} holds what the old schema cannot say`,
      };
    });
}

/** What the way up would put there, had the row no such value. */
function againOf(name: string, { isFilled, absent, value }: Derived): string {
  return isFilled === null && absent !== undefined
    ? value.replace(`t.${name}`, () => absent)
    : (absent ?? value);
}

function rowsWithEnvironment({ table, environmentId }: Fill): string {
  return environmentId === null
    ? `${table} t`
    : `${table} t LEFT JOIN environments e ON e.id = t.${environmentId}`;
}

function standardOf({ table, name, standard }: TableColumn): string {
  return `${table}.${name}` === "billing_records.billing_unit" ? "NULL" : (standard ?? "NULL");
}

/** Numbers and texts that the old type would cut. */
function narrowing(ours: Catalogue, target: Catalogue): Loss[] {
  const now = new Map(ours.columns.map((column) => [keyOf(column), column]));
  return target.columns.flatMap((old): Loss[] => {
    const present = now.get(keyOf(old));
    const type = present?.type ?? (old.name === "script_path" ? "text" : undefined);
    if (type === undefined || type === old.type) return [];
    const explanation = `${old.name} does not fit ${old.type}`;
    const number = /^numeric\((\d+),(\d+)\)$/.exec(old.type);
    if (number !== null) {
      const [precision, scale] = [Number(number[1]), Number(number[2])];
      const value = `t.${old.name}`;
      return [
        {
          table: old.table,
          where: `${value} <> 'NaN' AND (abs(${value}) >= 1e${precision - scale} OR ${value} <> round(${value}, ${scale}))`,
          explanation,
        },
      ];
    }
    if (old.type === "double precision")
      return [
        {
          table: old.table,
          where: `t.${old.name} IS DISTINCT FROM (t.${old.name}::float8)::text::numeric`,
          explanation,
        },
      ];
    const text = /^character varying\((\d+)\)$/.exec(old.type);
    return text === null
      ? []
      : [{ table: old.table, where: `length(t.${old.name}) > ${text[1]}`, explanation }];
  });
}

function missingValues(ours: Catalogue, target: Catalogue): Loss[] {
  const now = new Map(ours.columns.map((column) => [keyOf(column), column]));
  return target.columns
    .filter((old) => old.isNotNull && now.get(keyOf(old))?.isNotNull === false)
    .map(({ table, name }) => ({
      table,
      where: `t.${name} IS NULL`,
      explanation: `${name} must have a value`,
    }));
}

function newWords(): Loss[] {
  return NEW_WORDS.map(({ table, column, words }) => ({
    table,
    where: `t.${column} IN (${words.map((word) => `'${word}'`).join(", ")})`,
    explanation: `a ${column} that the old system does not know`,
  }));
}

/** An old database may have lost its global unique before. */
function isPortUnique({ definitions }: Catalogue): boolean {
  return definitions.some(
    ({ table, definition }) =>
      table === "port_mappings" && /^(UNIQUE|CREATE UNIQUE INDEX).* ?\(external_port\)$/.test(definition),
  );
}

async function doubledPorts(sql: Connection): Promise<string[]> {
  const { rows } = await sql.query<{ ids: string }>(
    `SELECT string_agg(id::text, ' and ' ORDER BY id) AS ids FROM port_mappings
     GROUP BY external_port HAVING count(*) > 1 ORDER BY min(id) LIMIT ${MAX_NAMED}`,
  );
  return rows.map(({ ids }) => ids);
}

function keyOf({ table, name }: TableColumn): string {
  return `${table}.${name}`;
}
