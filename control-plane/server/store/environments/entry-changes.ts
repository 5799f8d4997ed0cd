/**
 * Changes of who may enter environments, and with which keys: the hosts concerned are told in the transaction of the
 * change, which holds the environments first (the order of locks everywhere) and raises the hosts' generations last. So
 * are the environments' people where somebody lost a way in.
 */
import { type Doors, lostEntries } from "../../core/environments/access/lost-entries.ts";
import { sshDoor } from "../../core/leases/ssh-server.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvents } from "../events/events.ts";
import { SERVES_SSH } from "../hosts/host-features.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { personOfSet } from "../../core/environments/entrants.ts";
import { entrants } from "./entrants.ts";
import { servedEnvironments } from "./served-environments.ts";

/** What changes: one person's rights or keys, several people's in one workspace, one door; or nothing after all. */
export type EntryConcern =
  | { customerId: number }
  | { workspaceId: number }
  | { environmentId: string }
  | "nothing";

/** The environments that may be concerned, and which keys opened them before. */
export interface Entered {
  environmentIds: string[];
  doors: Doors;
}

/**
 * The environments that may be concerned, before the change and after it. Shared, so that many may change at once; but
 * a placement that is under way is waited for, since its host would not be found by now.
 */
export async function holdEntered(sql: Transaction, concern: EntryConcern): Promise<Entered> {
  if (concern === "nothing") return { environmentIds: [], doors: new Map() };
  const { ids, of } = concernedIds(concern);
  const { rows } = await sql.query<{ id: string }>(
    `SELECT e.id FROM environments e WHERE e.id IN (${ids}) AND e.deleted_at IS NULL ORDER BY e.id FOR SHARE OF e`,
    [of],
  );
  const environmentIds = rows.map((row) => row.id);
  // What is done to one door is told by whoever does it.
  const isOfPeople = !("environmentId" in concern);
  return { environmentIds, doors: isOfPeople ? await doorsOf(sql, environmentIds) : new Map() };
}

/** The doors of environments that run where SSH is served. */
async function doorsOf(sql: Connection, environmentIds: readonly string[]): Promise<Doors> {
  if (environmentIds.length === 0) return new Map();
  const served = await servedEnvironments(sql, { environmentIds });
  const open = served.filter((environment) => sshDoor(environment) === "open");
  if (open.length === 0) return new Map();
  const { keySetsOf, keySets } = await entrants(sql, open);
  const keysOf = (setId: string) => new Set(keySets.get(setId)?.keys.map(({ id }) => id));
  return new Map(
    open.map((environment) => [
      environment.id,
      new Map(keySetsOf(environment).map((setId) => [setId, keysOf(setId)])),
    ]),
  );
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
export async function notifyEntered(
  sql: Transaction,
  { environmentIds, doors }: Entered,
  by: { actor: string; now: Date },
): Promise<string[]> {
  if (doors.size > 0) await reportLosses(sql, doors, by);
  const hostIds = await hostsServing(sql, environmentIds);
  return [...(await raiseGenerations(sql, hostIds)).keys()];
}

async function reportLosses(
  sql: Transaction,
  before: Doors,
  { actor, now }: { actor: string; now: Date },
): Promise<void> {
  const after = await doorsOf(sql, [...before.keys()]);
  const customers = await customersOf(sql, [...before.keys()]);
  await appendEvents(
    sql,
    lostEntries(before, after, personOfSet).map(({ environmentId, reason }) => {
      const customerId = customers.get(environmentId);
      return {
        at: now,
        kind: "entry-revoked",
        workloadKind: "environment" as const,
        workloadId: environmentId,
        ...(customerId !== undefined && { customerId }),
        actor,
        reason,
      };
    }),
  );
}

async function customersOf(
  sql: Connection,
  environmentIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql.query<{ id: string; customer_id: number }>(
    "SELECT id, customer_id FROM environments WHERE id = ANY($1::text[])",
    [environmentIds],
  );
  return new Map(rows.map((row) => [row.id, row.customer_id]));
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
