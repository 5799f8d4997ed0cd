/** Generated passwords of environments: the newest of each, as its hash. */
import type { Connection, Transaction } from "../database/database.ts";

export interface NewSshPassword {
  environmentId: string;
  /** As crypt(3) writes it. */
  hash: string;
  actor: string;
  now: Date;
}

/** In place of whichever there was. */
export async function setSshPassword(
  sql: Transaction,
  { environmentId, hash, actor, now }: NewSshPassword,
): Promise<void> {
  await sql.change(
    `INSERT INTO ssh_passwords (env_id, hash, set_by, set_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (env_id) DO UPDATE SET hash = excluded.hash, set_by = excluded.set_by, set_at = excluded.set_at`,
    [environmentId, hash, actor, now],
  );
}

/** False where there was none. */
export async function removeSshPassword(sql: Connection, environmentId: string): Promise<boolean> {
  const { rowCount } = await sql.change("DELETE FROM ssh_passwords WHERE env_id = $1", [environmentId]);
  return rowCount > 0;
}

/** Null where there is none. */
export async function sshPasswordSetAt(sql: Connection, environmentId: string): Promise<Date | null> {
  const { rows } = await sql.query<{ set_at: Date }>("SELECT set_at FROM ssh_passwords WHERE env_id = $1", [
    environmentId,
  ]);
  return rows[0]?.set_at ?? null;
}
