/**
 * Values of variables that were sealed here, where the old schema had the column already: put there by hand before the
 * upgrade, they are to be found plain again.
 */
import type { EnvVarSeal, StoredEnvVars } from "../../../core/secrets/env-var-seal.ts";
import type { Transaction } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import type { Catalogue } from "../catalogue.ts";
import { MigrationError } from "../migration-error.ts";

const TABLES = ["environments", "training_jobs", "inference_services"];
const AT_ONCE = 1_000;

/** @throws MigrationError naming the first row that does not open; without keys, the first that is sealed */
export async function openSealedValues(
  sql: Transaction,
  target: Catalogue,
  envVars: EnvVarSeal | null,
): Promise<void> {
  for (const table of TABLES) {
    // Where the column goes, that it holds anything is a loss, sealed or not.
    if (!target.columns.some((column) => column.table === table && column.name === "env_vars")) continue;
    let after: string | null = "";
    while (after !== null) after = await openSome(sql, { table, after, envVars });
  }
}

async function openSome(
  sql: Transaction,
  { table, after, envVars }: { table: string; after: string; envVars: EnvVarSeal | null },
): Promise<string | null> {
  const { rows } = await sql.query<{ id: string; customer_id: number; env_vars: StoredEnvVars }>(
    `SELECT id, ${safeBigint("customer_id")} AS customer_id, env_vars FROM ${table}
      WHERE id > $1 AND jsonb_path_exists(env_vars, '$.*.sealed') ORDER BY id LIMIT $2`,
    [after, AT_ONCE],
  );
  const opened = rows.map(({ id, customer_id: customerId, env_vars: vars }) => {
    const plain = envVars?.open(vars, { customerId }) ?? null;
    if (plain === null)
      throw new MigrationError(
        `values of env_vars are sealed (${table} ${id}), and the key is not here: name the folder with the fleet's operator.json (--state-dir). Nothing was changed`,
      );
    return JSON.stringify(plain);
  });
  await sql.change(
    `UPDATE ${table} SET env_vars = n.vars FROM unnest($1::text[], $2::jsonb[]) AS n(row_id, vars) WHERE id = n.row_id`,
    [rows.map(({ id }) => id), opened],
  );
  return rows.at(-1)?.id ?? null;
}
