/**
 * A schema built beside the real one, for as long as a question about it takes: what the migrations make of nothing.
 * The upgrade brings old tables to that form and proves at its end that they have it, so that there is no second list
 * of columns to keep true.
 */
import { readCatalogue, type Catalogue } from "../catalogue.ts";
import type { Connection, Transaction } from "../../database/database.ts";

const SCHEMA = "remotegpu_model";

/**
 * What `migrations` build, and what `ask` finds while that stands beside the real tables, which come first by name.
 * While it is built nothing but it is in sight: a migration that drops an index must not find a real one.
 */
export async function modelOf<T>(
  sql: Transaction,
  migrations: readonly string[],
  request: (model: Catalogue) => Promise<T>,
): Promise<T> {
  const { rows } = await sql.query<{ path: string }>("SELECT current_setting('search_path') AS path");
  const path = rows[0]?.path ?? "public";
  await sql.query(EXTENSION);
  await sql.query(`CREATE SCHEMA ${SCHEMA}`);
  await sql.query(EXTENSION_IN_SIGHT);
  await setSearchPath(sql, SCHEMA);
  for (const migration of migrations) await sql.query(migration);
  const model = withoutStandIn(await readCatalogue(sql));
  await setSearchPath(sql, `${path}, ${SCHEMA}`);
  const answer = await request(model);
  await setSearchPath(sql, path);
  await sql.query(`SET LOCAL client_min_messages = warning; DROP SCHEMA ${SCHEMA} CASCADE`);
  return answer;
}

/** In the real schema, before the first migration would make it in the model's. */
const EXTENSION = `
  SET LOCAL client_min_messages = warning;
  CREATE EXTENSION IF NOT EXISTS "uuid-ossp"; CREATE EXTENSION IF NOT EXISTS pgcrypto`;

/** Stands in for the one function of an extension that our tables name, wherever that lives. */
const STAND_IN = "uuid_generate_v4()";
const EXTENSION_IN_SIGHT = `
  DO $$ BEGIN
    EXECUTE (
      SELECT format('CREATE FUNCTION ${SCHEMA}.${STAND_IN} RETURNS uuid LANGUAGE sql AS %L', format('SELECT %I.uuid_generate_v4()', p.pronamespace::regnamespace))
      FROM pg_proc p WHERE p.proname = 'uuid_generate_v4' AND p.pronargs = 0 ORDER BY p.oid LIMIT 1
    );
  END $$`;

function withoutStandIn({ columns, definitions }: Catalogue): Catalogue {
  return { columns, definitions: definitions.filter(({ name }) => name !== STAND_IN) };
}

async function setSearchPath(sql: Connection, path: string): Promise<void> {
  await sql.query("SELECT set_config('search_path', $1, true)", [path]);
}
