/**
 * Changes of who may enter environments, and with which keys: the hosts concerned are told in the transaction of the
 * change, which holds the environments first (the order of locks everywhere) and raises the hosts' generations last.
 */
import type { Connection, Transaction } from "../database/database.ts";
import { SERVES_SSH } from "../hosts/host-features.ts";
import { raiseGenerations } from "../hosts/hosts.ts";

/** What changes: one person's rights or keys, several people's in one workspace, one door; or nothing after all. */
export type EntryConcern =
  | { customerId: number }
  | { workspaceId: number }
  | { environmentId: string }
  | "nothing";

/**
 * The environments that may be concerned, before the change and after it. Shared, so that many may change at once; but
 * a placement that is under way is waited for, since its host would not be found by now.
 */
export async function holdEntered(sql: Transaction, concern: EntryConcern): Promise<string[]> {
  if (concern === "nothing") return [];
  const { ids, of } = concernedIds(concern);
  const { rows } = await sql.query<{ id: string }>(
    `SELECT e.id FROM environments e WHERE e.id IN (${ids}) AND e.deleted_at IS NULL ORDER BY e.id FOR SHARE OF e`,
    [of],
  );
  return rows.map((row) => row.id);
}

function concernedIds(concern: Exclude<EntryConcern, "nothing">): { ids: string; of: string | number } {
  if ("customerId" in concern) return { ids: OF_CUSTOMER, of: concern.customerId };
  if ("environmentId" in concern) return { ids: "SELECT $1::text", of: concern.environmentId };
  return { ids: "SELECT id FROM environments WHERE workspace_id = $1", of: concern.workspaceId };
}

/** Their own, and all of workspaces that they have to do with: what they may do there is not asked. */
const OF_CUSTOMER = `SELECT id FROM environments WHERE customer_id = $1
  UNION SELECT id FROM environments WHERE workspace_id IN (
    SELECT w.id FROM workspaces w WHERE w.owner_id = $1
    UNION SELECT m.workspace_id FROM workspace_members m WHERE m.customer_id = $1)`;

/** Answers the hosts to nudge once it is committed. */
export async function tellEntered(sql: Transaction, environmentIds: readonly string[]): Promise<string[]> {
  const hostIds = await hostsServing(sql, environmentIds);
  return [...(await raiseGenerations(sql, hostIds)).keys()];
}

async function hostsServing(sql: Connection, environmentIds: readonly string[]): Promise<string[]> {
  if (environmentIds.length === 0) return [];
  const { rows } = await sql.query<{ id: string }>(
    `SELECT DISTINCT h.id FROM instances i
       JOIN placements p ON p.instance_id = i.id AND p.gone_at IS NULL AND p.want = 'running'
       JOIN hosts h ON h.id = p.host_id AND ${SERVES_SSH}
      WHERE i.workload_kind = 'environment' AND i.workload_id = ANY($1::text[])`,
    [environmentIds],
  );
  return rows.map(({ id }) => id);
}
