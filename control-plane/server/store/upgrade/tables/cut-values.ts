/** Values of old columns that the new type would cut short or round, where somebody had made the column wider. */
import type { TableColumn } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { MigrationError } from "../migration-error.ts";
import { isOldTable } from "../old-form.ts";

const MAX_NAMED = 20;

/** @throws MigrationError naming the rows */
export async function assertNothingIsCut(
  sql: Connection,
  { present, wanted }: { present: readonly TableColumn[]; wanted: readonly TableColumn[] },
): Promise<void> {
  for (const { table, name, type } of wanted) {
    const old = present.find((column) => column.table === table && column.name === name);
    const where = old === undefined || !isOldTable(table) ? null : isCut(name, old.type, type);
    if (where === null) continue;
    const { rows } = await sql.query<{ id: string }>(
      `SELECT id::text AS id FROM ${table} WHERE ${where} ORDER BY 1 LIMIT ${MAX_NAMED}`,
    );
    if (rows.length > 0)
      throw new MigrationError(
        `${table} ${rows.map(({ id }) => id).join(", ")}: ${name} does not fit ${type}; ` +
          "correct them and run this again. Nothing was changed",
      );
  }
}

/** SQL; null where the type takes every value, or refuses by itself what it does not take. */
function isCut(column: string, from: string, to: string): string | null {
  const length = /^character varying\((\d+)\)$/.exec(to)?.[1];
  if (length !== undefined) {
    const now = /^character varying\((\d+)\)$/.exec(from)?.[1];
    return now !== undefined && Number(now) <= Number(length)
      ? null
      : `char_length(${column}::text) > ${length}`;
  }
  const scale = /^numeric\(\d+,(\d+)\)$/.exec(to)?.[1];
  if (scale === undefined || !/^(numeric|double precision|real)/.test(from)) return null;
  const now = /^numeric\(\d+,(\d+)\)$/.exec(from)?.[1];
  return now !== undefined && Number(now) <= Number(scale)
    ? null
    : `${column}::text::numeric <> round(${column}::text::numeric, ${scale})`;
}
