/**
 * The old system's rows, read back out of the new tables and the record of the upgrade: what stands here is the proof
 * that nothing was lost. SQL of the tests' own, that shares nothing with the product's way back.
 */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { type Column, OLD_TABLES, type OldTable } from "./old-database.ts";
import { byTable, readingText, rowsInOrder, type TextRow, type TextRows } from "./rows-as-text.ts";
import { MOVES } from "./the-change.ts";

/** By table and column, where the column itself is gone, has another meaning, or may have been changed. */
const READ_BACK: Record<string, string> = {
  "training_jobs.script_path": fromFindings(["no source", "differs"], "command", "t.command"),
  "training_jobs.dataset_id": fromFindings(["differs"], "mounted_datasets", "t.mounted_datasets ->> 0"),
  "training_jobs.model_id": fromFindings(["differs"], "mounted_models", "t.mounted_models ->> 0"),
  "training_jobs.status": fromFindings(["changed"], "status", "t.status"),
  "billing_records.env_id": fromFindings(["differs"], "resource_id", "t.resource_id"),
  "billing_records.resource_type": "t.legacy_resource_type",
};

/** What the columns of the old system held, as rowsAsText would have found it. */
export async function oldFromNew(database: Database, columns: Column[]): Promise<TextRows> {
  return await readingText(database, (connection) =>
    byTable((table) => {
      const fields = columns
        .filter((column) => column.table === table)
        .map(
          ({ name, type }) => `${READ_BACK[`${table}.${name}`] ?? inOldType(`t.${name}`, type)} AS ${name}`,
        );
      return rowsInOrder(connection, table, fields);
    }),
  );
}

/**
 * The old system's columns of `rows`, but for those in which the old system (`before`) had nothing and a hand had put a
 * value of its own into the column that takes their place: there is nothing to lose.
 */
export function oldStyle(rows: TextRows, before: TextRows, columns: Column[]): TextRows {
  const entries = OLD_TABLES.map((table): [OldTable, TextRow[]] => {
    const its = columns.filter((column) => column.table === table);
    const found = rows[table].map((row, index) => {
      const old = before[table][index] ?? {};
      const names = its.map(({ name }) => name).filter((name) => !isReplaced(table, name, old));
      return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
    });
    return [table, found];
  });
  return Object.fromEntries(entries) as TextRows;
}

function isReplaced(table: OldTable, name: string, old: TextRow): boolean {
  const move = MOVES.find(({ table: of, from }) => of === table && from === name);
  const byHand = move === undefined ? null : (old[move.to] ?? null);
  return (old[name] ?? "") === "" && byHand !== null && !["", "[]", "[null]"].includes(byHand);
}

/** The value before, where the record of the upgrade has one for this row; else what the new row says. */
function fromFindings(findings: string[], column: string, otherwise: string): string {
  const which = `f.table_name = t.tableoid::regclass::text AND f.row_id = t.id::text AND f.column_name = '${column}'
    AND f.finding IN (${findings.map((finding) => `'${finding}'`).join(", ")})`;
  return `CASE WHEN EXISTS (SELECT FROM upgrade_findings f WHERE ${which})
    THEN (SELECT f.old_value FROM upgrade_findings f WHERE ${which}) ELSE ${otherwise} END`;
}

function inOldType(value: string, type: string): string {
  switch (type) {
    case "timestamp without time zone":
      return `(${value} AT TIME ZONE 'UTC')::text`;
    case "numeric(10,4)":
      // A number that would be rounded here was changed there.
      return `CASE WHEN ${value} = ${value}::numeric(10,4) THEN ${value}::numeric(10,4)::text ELSE ${value}::text END`;
    case "double precision":
      return `${value}::text::double precision::text`;
    default:
      return `${value}::text`;
  }
}
