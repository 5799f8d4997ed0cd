/**
 * The schema as the catalogue of a database has it, written down as plain SQL for readers, since the embedded
 * Postgres ships no pg_dump. Tables are sorted by name, their columns are in their order; the text is the same on
 * every version of Postgres we promise, and running it in an empty database makes the same schema again.
 */
import type { Connection } from "./database/database.ts";
import { MIGRATIONS } from "./migrate.ts";

/** Kept in the repository beside the migrations that build it. */
export const SNAPSHOT = new URL("schema-snapshot.sql", MIGRATIONS);

const HEAD =
  "-- The schema that the migrations build, read back from the catalogue. Generated: see README.md, do not edit.";

/** The connection's current schema ("public") but for what extensions brought. */
export async function schemaSnapshot(sql: Connection): Promise<string> {
  const keysAndChecks = await linesByTable(
    sql,
    constraintsWhere("contype IN ('p', 'u', 'c', 'x') AND convalidated"),
  );
  // Postgres takes NOT VALID only from ALTER TABLE.
  const notValid = await linesByTable(sql, constraintsWhere("contype = 'c' AND NOT convalidated"));
  const indexes = await linesByTable(sql, INDEXES);
  const triggers = await linesByTable(sql, TRIGGERS);

  const tables = [...(await linesByTable(sql, COLUMNS))].map(([table, columns]) => {
    const body = [...columns, ...(keysAndChecks.get(table) ?? [])];
    return [
      `CREATE TABLE ${table} (\n  ${body.join(",\n  ")}\n);`,
      ...addTo(table, notValid.get(table) ?? []),
      ...[...(indexes.get(table) ?? []), ...(triggers.get(table) ?? [])].map((line) => `${line};`),
    ].join("\n");
  });
  const foreignKeys = await linesByTable(sql, constraintsWhere("contype = 'f'"));
  const references = [...foreignKeys].flatMap(([table, constraints]) => addTo(table, constraints));

  const extensions = (await lines(sql, EXTENSIONS)).join("\n");
  const functions = await lines(sql, FUNCTIONS);
  const views = await lines(sql, VIEWS);
  return `${[HEAD, extensions, ...functions, ...tables, ...references, ...views].join("\n\n")}\n`;
}

function addTo(table: string, constraints: string[]): string[] {
  if (constraints.length === 0) return [];
  return [`ALTER TABLE ${table}\n  ADD ${constraints.join(",\n  ADD ")};`];
}

async function lines(sql: Connection, question: string): Promise<string[]> {
  const { rows } = await sql.query<{ line: string }>(question);
  return rows.map(({ line }) => readable(line));
}

async function linesByTable(sql: Connection, question: string): Promise<Map<string, string[]>> {
  const { rows } = await sql.query<{ table_name: string; line: string }>(question);
  const found = new Map<string, string[]>();
  for (const { table_name: table, line } of rows)
    found.set(table, [...(found.get(table) ?? []), readable(line)]);
  return found;
}

/**
 * The catalogue's long forms, written as the migrations write them. Postgres would read a list of values back from its own
 * long form as another one.
 */
export function readable(line: string): string {
  return line
    .replaceAll(
      /\(\((\w+)\)::text = ANY \(\(ARRAY\[([^\]]*)\]\)::text\[\]\)\)/g,
      (_, column: string, values: string) =>
        `(${column} IN (${values.replaceAll("::character varying", "")}))`,
    )
    .replace(/(DEFAULT '[^']*')::(character varying|text|jsonb|text\[\])$/, "$1")
    .replace(/^(\w+ )character varying/, "$1varchar")
    .replace(/^(\w+ )timestamp with time zone/, "$1timestamptz");
}

// Names are sorted byte by byte, whatever language a database has.

const OUR_TABLES = `(
    SELECT oid, format('%I', relname) AS table_name FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
  ) t`;

const EXTENSIONS = `
  SELECT format('CREATE EXTENSION IF NOT EXISTS %I;', extname) AS line
  FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname COLLATE "C"`;

const FUNCTIONS = `
  SELECT replace(rtrim(pg_get_functiondef(p.oid), E'\\n'), ' FUNCTION ' || current_schema() || '.', ' FUNCTION ') || ';' AS line
  FROM pg_proc p
  WHERE p.pronamespace = current_schema()::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
  ORDER BY p.proname COLLATE "C", p.oid::regprocedure::text COLLATE "C"`;

const VIEWS = `
  SELECT format('CREATE VIEW %I AS', v.relname) || E'\\n' || pg_get_viewdef(v.oid) AS line
  FROM pg_class v WHERE v.relnamespace = current_schema()::regnamespace AND v.relkind = 'v'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = v.oid AND deptype = 'e')
  ORDER BY v.relname COLLATE "C"`;

/** A column that counts by its own sequence is written as the serial type it was declared with. */
const COLUMNS = `
  SELECT t.table_name,
    CASE WHEN written.value LIKE 'nextval(%' THEN concat_ws(' ', a.attname, CASE type.name WHEN 'bigint' THEN 'bigserial' ELSE 'serial' END)
    ELSE concat_ws(' ', format('%I', a.attname), type.name, CASE WHEN a.attnotnull THEN 'NOT NULL' END, 'DEFAULT ' || written.value)
    END AS line
  FROM ${OUR_TABLES}
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    CROSS JOIN LATERAL format_type(a.atttypid, a.atttypmod) AS type (name)
    CROSS JOIN LATERAL pg_get_expr(d.adbin, d.adrelid) AS written (value)
  ORDER BY t.table_name COLLATE "C", a.attnum`;

const INDEXES = `
  SELECT t.table_name, replace(pg_get_indexdef(i.indexrelid), ' ON ' || current_schema() || '.', ' ON ') AS line
  FROM ${OUR_TABLES} JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class ic ON ic.oid = i.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND conrelid = t.oid)
  ORDER BY t.table_name COLLATE "C", ic.relname COLLATE "C"`;

const TRIGGERS = `
  SELECT t.table_name, replace(pg_get_triggerdef(g.oid), ' ON ' || current_schema() || '.', ' ON ') AS line
  FROM ${OUR_TABLES} JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
  ORDER BY t.table_name COLLATE "C", g.tgname COLLATE "C"`;

/** Primary keys first, then by name. */
function constraintsWhere(condition: string): string {
  return `
    SELECT t.table_name, format('CONSTRAINT %I %s', conname, pg_get_constraintdef(k.oid)) AS line
    FROM ${OUR_TABLES} JOIN pg_constraint k ON k.conrelid = t.oid
    WHERE ${condition}
    ORDER BY t.table_name COLLATE "C", contype <> 'p', conname COLLATE "C"`;
}
