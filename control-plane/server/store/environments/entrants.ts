/** Who may enter environments by SSH, and with which keys, by the same few queries for one environment or hundreds. */
import { type AccessKey, type KeySet, MAX_KEYS_OF_SET } from "@remotegpu/shared/instance/ssh-access";
import { WORKLOAD_MANAGERS } from "../../core/accounts/access-rights.ts";
import {
  type Enterable,
  entrantsOf,
  keyLine,
  keySetIds,
  keySetId,
  type Member,
} from "../../core/environments/entrants.ts";
import { LIVE, roleOf } from "../accounts/workspaces.ts";
import type { Connection } from "../database/database.ts";

export interface Entrants {
  /** The sets that open each environment, in their order. */
  keySetsOf: (environment: Enterable) => string[];
  /** By their ids, none empty. */
  keySets: ReadonlyMap<string, KeySet>;
}

export async function entrants(sql: Connection, environments: readonly Enterable[]): Promise<Entrants> {
  const people = await peopleOf(sql, environments);
  const keySets = await keySetsOf(sql, [...new Set(environments.flatMap(people))]);
  const hasKeys = (customerId: number) => keySets.has(keySetId(customerId));
  return { keySetsOf: (environment) => keySetIds(people(environment), hasKeys), keySets };
}

/** Those who may enter each, with a key or without one. */
export async function peopleOf(
  sql: Connection,
  environments: readonly Enterable[],
): Promise<(environment: Enterable) => number[]> {
  const members = await membersOf(sql, environments);
  return (environment) =>
    entrantsOf(
      environment,
      environment.workspaceId === null ? [] : (members.get(environment.workspaceId) ?? []),
    );
}

/** By workspace: those whose role manages all of its workloads, and whoever ordered one of these environments. */
async function membersOf(
  sql: Connection,
  environments: readonly Enterable[],
): Promise<ReadonlyMap<number, Member[]>> {
  const workspaceIds = new Set(environments.flatMap(({ workspaceId }) => workspaceId ?? []));
  if (workspaceIds.size === 0) return new Map();
  const { rows } = await sql.query<Member>(
    `WITH person AS (
       SELECT w.id AS workspace_id, w.owner_id AS customer_id FROM workspaces w WHERE w.id = ANY($1::bigint[])
       UNION
       SELECT m.workspace_id, m.customer_id FROM workspace_members m
        WHERE m.workspace_id = ANY($1::bigint[]) AND (m.role = ANY($3::text[]) OR m.customer_id = ANY($2::bigint[])))
     SELECT workspace_id AS "workspaceId", customer_id AS "customerId", role
       FROM (SELECT person.*, ${roleOf("person.customer_id")} AS role
               FROM person JOIN workspaces w ON w.id = person.workspace_id WHERE ${LIVE}) standing
      WHERE role IS NOT NULL`,
    [[...workspaceIds], environments.map(({ customerId }) => customerId), WORKLOAD_MANAGERS],
  );
  return Map.groupBy(rows, ({ workspaceId }) => workspaceId);
}

/** The key sets of accounts that are neither suspended nor gone. */
async function keySetsOf(
  sql: Connection,
  customerIds: readonly number[],
): Promise<ReadonlyMap<string, KeySet>> {
  const { rows } = await sql.query<{ id: number; customer_id: number; public_key: string }>(
    `SELECT k.id, k.customer_id, k.public_key FROM ssh_keys k JOIN customers c ON c.id = k.customer_id
      WHERE k.customer_id = ANY($1::bigint[]) AND c.deleted_at IS NULL AND coalesce(c.status, 'active') = 'active'
      ORDER BY k.customer_id, k.id`,
    [customerIds],
  );
  const sets = new Map<string, KeySet>();
  for (const [customerId, keys] of Map.groupBy(rows, (row) => row.customer_id)) {
    const id = keySetId(customerId);
    const reported = keys.flatMap(({ id: keyId, public_key }): AccessKey[] => {
      const line = keyLine(public_key);
      return line === null ? [] : [{ id: keyId, line }];
    });
    if (reported.length > 0) sets.set(id, { id, keys: reported.slice(0, MAX_KEYS_OF_SET) });
  }
  return sets;
}
