/**
 * Tokens of JupyterLab: each start has one of its own (environment-moves.ts makes it), which opens it until its end.
 * Apart from an environment's row, so that none comes into an answer, event or entry by the way.
 */
import type { InstanceId } from "@remotegpu/shared/values/ids";
import type { JupyterTokens } from "../../core/environments/jupyter-tokens.ts";
import type { Connection } from "../database/database.ts";

/**
 * The root of the token of the environment `e`, or the token itself where an earlier version made it. Null for none,
 * and for what an old system may have written there.
 */
const STORED = "CASE WHEN e.jupyter_token ~ '^([0-9a-f]{64}|r[0-9a-f]{62})$' THEN e.jupyter_token END";

/** The token of the run that is there or pending; null where it has none. */
export async function jupyterTokenOf(
  sql: Connection,
  tokens: JupyterTokens,
  environmentId: string,
): Promise<string | null> {
  const { rows } = await sql.query<{ stored: string | null }>(
    `SELECT ${STORED} AS stored FROM environments e WHERE e.id = $1`,
    [environmentId],
  );
  const stored = rows[0]?.stored ?? null;
  return stored && tokens.tokenOf(stored);
}

/** The tokens of all environments that are to run on this host, and were ordered with Jupyter when their run began. */
export async function jupyterTokensOn(
  sql: Connection,
  tokens: JupyterTokens,
  hostId: string,
): Promise<ReadonlyMap<InstanceId, string>> {
  const { rows } = await sql.query<{ instance_id: InstanceId; stored: string }>(
    `SELECT p.instance_id, ${STORED} AS stored
       FROM placements p JOIN instances i ON i.id = p.instance_id AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL AND p.want = 'running' AND (p.spec ->> 'jupyter')::boolean
        AND ${STORED} IS NOT NULL`,
    [hostId],
  );
  return new Map(rows.map(({ instance_id: id, stored }) => [id, tokens.tokenOf(stored)]));
}
