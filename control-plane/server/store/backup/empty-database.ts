/** A backup comes back into an empty database alone, so that no restore overwrites what somebody works with. */
import type { Connection } from "../database/database.ts";

const MAX_NAMED = 5;

export class NotEmptyError extends Error {
  override readonly name = "NotEmptyError";
}

/** @throws NotEmptyError naming what is there; what extensions brought does not count */
export async function assertEmpty(sql: Connection): Promise<void> {
  const { rows } = await sql.query<{ name: string }>(THERE);
  if (rows.length === 0) return;
  const named = rows.slice(0, MAX_NAMED).map(({ name }) => name);
  const more = rows.length > MAX_NAMED ? ` and ${rows.length - MAX_NAMED} more` : "";
  throw new NotEmptyError(
    `the database is not empty: it has ${named.join(", ")}${more}. A backup is restored into an empty database alone; nothing was changed`,
  );
}

const THERE = `
  SELECT c.oid::regclass::text AS name FROM pg_class c
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace
           WHERE nspname = 'information_schema' OR nspname LIKE 'pg\\_%')
     AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
   ORDER BY c.relkind <> 'r', 1`;
