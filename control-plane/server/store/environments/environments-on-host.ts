/** The environments that a host's report is about, locked in the order of their ids. */
import type { Transaction } from "../database/database.ts";
import { environmentsById, type EnvironmentRow } from "./environments.ts";

/**
 * Environments with something placed there, in full. Those that only hold leases there are locked with them, since their
 * ports may change.
 */
export async function lockEnvironmentsOn(
  sql: Transaction,
  hostId: string,
): Promise<Map<string, EnvironmentRow>> {
  const placed = `SELECT i.workload_id FROM placements p JOIN instances i ON i.id = p.instance_id
      WHERE p.host_id = $1 AND p.gone_at IS NULL AND i.workload_kind = 'environment'`;
  const { rows } = await sql.query<{ id: string; is_placed: boolean }>(
    `SELECT e.id, e.id IN (${placed}) AS is_placed FROM environments e
      WHERE e.deleted_at IS NULL
        AND e.id IN (${placed} UNION SELECT env_id FROM lease_orders WHERE host_id = $1 AND ended_at IS NULL)
      ORDER BY e.id FOR NO KEY UPDATE OF e`,
    [hostId],
  );
  const placedIds = rows.filter(({ is_placed: isPlaced }) => isPlaced).map(({ id }) => id);
  const found = placedIds.length === 0 ? new Map<string, never>() : await environmentsById(sql, placedIds);
  return new Map(
    placedIds.flatMap((id) => {
      const environment = found.get(id);
      return environment === undefined ? [] : [[id, environment]];
    }),
  );
}
