/**
 * What the connection's current schema is made of, as the catalogue has it: columns, and everything that has a name and
 * a definition. Names are left out of definitions where they are the schema's own, so that two schemas with the same
 * tables read alike. What extensions brought is left out.
 */
import type { Connection } from "../database/database.ts";

export interface TableColumn {
  table: string;
  name: string;
  /** As SQL writes it, e.g. "numeric(20,4)". */
  type: string;
  isNotNull: boolean;
  /** The default's expression; SERIAL where the column counts by a sequence of its own, whatever that is called. */
  standard: string | null;
}

export const SERIAL = "nextval";

export interface Definition {
  kind: "constraint" | "index" | "trigger" | "function" | "view";
  /** Empty for a function and a view. */
  table: string;
  name: string;
  /** A constraint's clause; else the whole statement that makes it. */
  definition: string;
}

export interface Catalogue {
  columns: TableColumn[];
  definitions: Definition[];
}

export async function readCatalogue(sql: Connection): Promise<Catalogue> {
  const columns = await sql.query<TableColumn & { standard: string | null }>(COLUMNS);
  const definitions = await sql.query<Definition>(DEFINITIONS);
  return {
    columns: columns.rows.map((column) => ({
      ...column,
      standard: column.standard?.startsWith("nextval(") === true ? SERIAL : column.standard,
    })),
    definitions: definitions.rows,
  };
}

/** A name as SQL takes it, whatever characters it has. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const TABLES = `(
    SELECT oid, relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
  ) t`;

const COLUMNS = `
  SELECT t.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "isNotNull",
    pg_get_expr(d.adbin, d.adrelid) AS standard
  FROM ${TABLES}
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  ORDER BY t.relname COLLATE "C", a.attnum`;

const DEFINITIONS = `
  SELECT * FROM (
    SELECT 'constraint' AS kind, t.relname AS table, k.conname AS name, pg_get_constraintdef(k.oid) AS definition
    FROM ${TABLES} JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'c', 'f', 'x')
    UNION ALL
    SELECT 'index', t.relname, ic.relname, replace(pg_get_indexdef(i.indexrelid), ' ON ' || current_schema() || '.', ' ON ')
    FROM ${TABLES} JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class ic ON ic.oid = i.indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND conrelid = t.oid)
    UNION ALL
    SELECT 'trigger', t.relname, g.tgname, replace(pg_get_triggerdef(g.oid), ' ON ' || current_schema() || '.', ' ON ')
    FROM ${TABLES} JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT 'function', '', p.oid::regprocedure::text,
      replace(rtrim(pg_get_functiondef(p.oid), E'\\n'), ' FUNCTION ' || current_schema() || '.', ' FUNCTION ')
    FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
    UNION ALL
    SELECT 'view', '', v.relname, pg_get_viewdef(v.oid)
    FROM pg_class v WHERE v.relnamespace = current_schema()::regnamespace AND v.relkind = 'v'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = v.oid AND deptype = 'e')
  ) d
  ORDER BY kind, "table" COLLATE "C", name COLLATE "C"`;
