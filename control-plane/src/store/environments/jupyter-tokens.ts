/**
 * Tokens of JupyterLab: each start has one of its own (environment-moves.ts makes it), which opens it until its end.
 * Apart from an environment's row, so that none comes into an answer, event or entry by the way.
 */
import type { InstanceId } from "@remotegpu/shared/ids";
import type { Connection } from "../database/database.ts";

/** Of the environment `e`; null for none, and for what an old system may have written there. */
const TOKEN = "CASE WHEN e.jupyter_token ~ '^[0-9a-f]{64}$' THEN e.jupyter_token END";

/** Of the run that is there or on its way; null where it has none. */
export async function jupyterTokenOf(sql: Connection, environmentId: string): Promise<string | null> {
  const { rows } = await sql.query<{ token: string | null }>(
    `SELECT ${TOKEN} AS token FROM environments e WHERE e.id = $1`,
    [environmentId],
  );
  return rows[0]?.token ?? null;
}

/** Of all environments that are to run on this host, and were ordered with Jupyter when their run began. */
export async function jupyterTokensOn(
  sql: Connection,
  hostId: string,
): Promise<ReadonlyMap<InstanceId, string>> {
  const { rows } = await sql.query<{ instance_id: InstanceId; token: string }>(
    `SELECT p.instance_id, ${TOKEN} AS token
       FROM placements p JOIN instances i ON i.id = p.instance_id AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL AND p.want = 'running' AND (p.spec ->> 'jupyter')::boolean
        AND ${TOKEN} IS NOT NULL`,
    [hostId],
  );
  return new Map(rows.map(({ instance_id: id, token }) => [id, token]));
}
