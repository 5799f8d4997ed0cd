/** Generated passwords of runs by RDP: the newest of each environment, as its hash. Of a run before it opens nothing. */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { Connection, Transaction } from "../database/database.ts";

type Rdp = NonNullable<DesiredInstance["live"]["rdp"]>;

export interface NewRdpPassword {
  environmentId: string;
  runId: string;
  /** As crypt(3) writes it. */
  hash: string;
  actor: string;
  now: Date;
}

/** In place of whichever there was. */
export async function setRdpPassword(
  sql: Transaction,
  { environmentId, runId, hash, actor, now }: NewRdpPassword,
): Promise<void> {
  await sql.change(
    `INSERT INTO rdp_passwords (env_id, run_id, hash, set_by, set_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (env_id) DO UPDATE SET run_id = excluded.run_id, hash = excluded.hash, set_by = excluded.set_by,
       set_at = excluded.set_at`,
    [environmentId, runId, hash, actor, now],
  );
}

/** The password's time, of the run that is there or pending; null where none was generated for it. */
export async function rdpPasswordSetAt(sql: Connection, environmentId: string): Promise<Date | null> {
  const { rows } = await sql.query<{ set_at: Date }>(
    `SELECT r.set_at FROM rdp_passwords r
       JOIN placements p ON p.run_id = r.run_id AND p.gone_at IS NULL AND p.want = 'running'
      WHERE r.env_id = $1`,
    [environmentId],
  );
  return rows[0]?.set_at ?? null;
}

/** The access to all environments that are to run on this host and have RDP switched on. */
export async function rdpAccessOn(sql: Connection, hostId: string): Promise<ReadonlyMap<InstanceId, Rdp>> {
  const { rows } = await sql.query<{ instance_id: InstanceId; hash: string | null }>(
    `SELECT p.instance_id, r.hash
       FROM placements p JOIN instances i ON i.id = p.instance_id AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id AND e.rdp_enabled AND e.deleted_at IS NULL
       LEFT JOIN rdp_passwords r ON r.env_id = e.id AND r.run_id = p.run_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL AND p.want = 'running'`,
    [hostId],
  );
  return new Map(rows.map(({ instance_id: id, hash }) => [id, { passwordHash: hash }]));
}
