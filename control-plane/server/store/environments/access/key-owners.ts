/**
 * Whose keys they are that logins are told with: found by fingerprint among those of who may enter the environment, and
 * among the tickets of administrators for it. A container that makes a login up can name nobody else.
 */
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { peopleOf } from "../entrants.ts";

export interface KeyOwner {
  customerId: number;
  /** The name of the key; null of a ticket's. */
  name: string | null;
  ticketId: number | null;
}

export interface ReportedKey {
  environmentId: string;
  fingerprint: string;
}

/** Null for a key that is nobody's who might have entered. */
export async function keyOwners(
  sql: Connection,
  reported: readonly ReportedKey[],
): Promise<(key: ReportedKey) => KeyOwner | null> {
  if (reported.length === 0) return () => null;
  const environments = await enterableOf(sql, [
    ...new Set(reported.map(({ environmentId }) => environmentId)),
  ]);
  const people = await peopleOf(sql, environments);
  const mayEnter = new Map(environments.map((environment) => [environment.id, people(environment)]));
  const fingerprints = [...new Set(reported.map(({ fingerprint }) => fingerprint))];
  const [keys, tickets] = await Promise.all([
    keysOf(sql, { fingerprints, customerIds: [...new Set([...mayEnter.values()].flat())] }),
    ticketsOf(sql, { fingerprints, environmentIds: [...mayEnter.keys()] }),
  ]);
  return ({ environmentId, fingerprint }) => {
    for (const customerId of mayEnter.get(environmentId) ?? []) {
      const name = keys.get(`${customerId} ${fingerprint}`);
      if (name !== undefined) return { customerId, name, ticketId: null };
    }
    return tickets.get(`${environmentId} ${fingerprint}`) ?? null;
  };
}

async function enterableOf(
  sql: Connection,
  ids: readonly string[],
): Promise<{ id: string; customerId: number; workspaceId: number | null }[]> {
  const { rows } = await sql.query<{ id: string; customerId: number; workspaceId: number | null }>(
    `SELECT e.id, ${safeBigint("e.customer_id")} AS "customerId", w.id AS "workspaceId"
       FROM environments e LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE} WHERE e.id = ANY($1::text[])`,
    [ids],
  );
  return rows;
}

/** Their names, by whose they are and fingerprint. */
async function keysOf(
  sql: Connection,
  { fingerprints, customerIds }: { fingerprints: readonly string[]; customerIds: readonly number[] },
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql.query<{ customer_id: number; fingerprint: string; name: string }>(
    `SELECT customer_id, fingerprint, name FROM ssh_keys
      WHERE customer_id = ANY($2::bigint[]) AND fingerprint = ANY($1::text[])`,
    [fingerprints, customerIds],
  );
  return new Map(rows.map((row) => [`${row.customer_id} ${row.fingerprint}`, row.name]));
}

/** The newest of each. */
async function ticketsOf(
  sql: Connection,
  { fingerprints, environmentIds }: { fingerprints: readonly string[]; environmentIds: readonly string[] },
): Promise<ReadonlyMap<string, KeyOwner>> {
  const { rows } = await sql.query<{
    id: number;
    env_id: string;
    customer_id: number;
    fingerprint: string;
  }>(
    `SELECT id, env_id, customer_id, fingerprint FROM ssh_tickets
      WHERE env_id = ANY($2::text[]) AND fingerprint = ANY($1::text[]) ORDER BY id`,
    [fingerprints, environmentIds],
  );
  return new Map(
    rows.map((row) => [
      `${row.env_id} ${row.fingerprint}`,
      { customerId: row.customer_id, name: null, ticketId: row.id },
    ]),
  );
}
