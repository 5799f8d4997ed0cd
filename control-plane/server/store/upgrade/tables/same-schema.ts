/** Whether a schema is the one that was wanted, and whether rows that were there keep its CHECKs. */
import type { Catalogue } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { MigrationError } from "../migration-error.ts";
import { isOldTable, type OldForm } from "../old-form.ts";

const MAX_NAMED = 20;

/**
 * CHECKs of ours that hold for every row, where a column was there before us; the rest are NOT VALID and leave old rows
 * alone, and what we fill in holds.
 */
export async function assertChecksHold(sql: Connection, model: Catalogue, found: OldForm): Promise<void> {
  for (const { kind, table, name, definition } of model.definitions) {
    if (kind !== "constraint" || !definition.startsWith("CHECK ") || definition.endsWith("NOT VALID"))
      continue;
    if (!isOldTable(table)) continue;
    const words = new Set(definition.match(/\w+/g));
    if (![...(found.get(table) ?? [])].some((column) => words.has(column))) continue;
    const { rows } = await sql.query<{ id: string }>(
      `SELECT id::text AS id FROM ${table} WHERE NOT ${definition.slice("CHECK ".length)} ORDER BY id LIMIT ${MAX_NAMED}`,
    );
    if (rows.length > 0)
      throw new MigrationError(
        `rows of ${table} hold values that ${name} does not allow: ${rows.map(({ id }) => id).join(", ")}; ` +
          "correct them and run this again. Nothing was changed",
      );
  }
}

/** What somebody added under names of their own may stay; what is ours must be there and be the same. */
export function assertSame(present: Catalogue, model: Catalogue): void {
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
