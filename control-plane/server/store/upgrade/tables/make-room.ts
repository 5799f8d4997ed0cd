/** What has to go from the old tables before they are filled and brought to their new form. */
import { type Catalogue, type Definition, quoted } from "../catalogue.ts";
import type { Connection } from "../../database/database.ts";
import { isOldTable } from "../old-form.ts";

/** What would slow the filling down, change updated_at, or stand there in another form under a name of ours. */
export async function makeRoom(sql: Connection, before: Catalogue, model: Catalogue): Promise<void> {
  const ours = new Set(model.definitions.filter(({ kind }) => kind === "index").map(({ name }) => name));
  for (const { kind, table, name, definition } of before.definitions) {
    if (!isOldTable(table)) continue;
    if (kind === "index" && (ours.has(name) || name === "idx_billing_records_env"))
      await sql.query(`DROP INDEX ${quoted(name)}`);
    if (kind === "trigger" && (await keepsUpdatedAt(sql, table, name, definition)))
      await sql.query(`DROP TRIGGER ${quoted(name)} ON ${table}`);
    if (kind === "constraint" && (definition.startsWith("CHECK") || definition.startsWith("FOREIGN KEY")))
      await sql.query(`ALTER TABLE ${table} DROP CONSTRAINT ${quoted(name)}`);
  }
  for (const [index, { table, name }] of conflictingKeys(before, model).entries())
    await sql.query(`ALTER TABLE ${table} RENAME CONSTRAINT ${quoted(name)} TO "remotegpu ${index}"`);
  for (const { kind, name, definition } of before.definitions) {
    if (kind !== "function" || !/RETURNS trigger/.test(definition) || !/updated_at/i.test(definition))
      continue;
    const { rows } = await sql.query("SELECT FROM pg_trigger WHERE tgfoid = $1::regprocedure", [name]);
    if (rows.length === 0) await sql.query(`DROP FUNCTION ${name}`);
  }
}

/** Keys under a name that one of ours, on other columns, is about to get. */
function conflictingKeys(before: Catalogue, model: Catalogue): Definition[] {
  const ours = new Map(model.definitions.map((each) => [each.name, each]));
  return before.definitions.filter(({ kind, table, name, definition }) => {
    const wanted = ours.get(name);
    if (kind !== "constraint" || !isOldTable(table) || !/^(PRIMARY KEY|UNIQUE)/.test(definition))
      return false;
    return wanted !== undefined && (wanted.table !== table || !wanted.definition.startsWith(definition));
  });
}

async function keepsUpdatedAt(
  sql: Connection,
  table: string,
  name: string,
  definition: string,
): Promise<boolean> {
  const { rows } = await sql.query<{ source: string }>(
    `SELECT p.prosrc AS source FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = $1::regclass AND t.tgname = $2`,
    [table, name],
  );
  return /updated_at/i.test(`${definition} ${rows[0]?.source ?? ""}`);
}
