/** Rounds of proofs: the members of shared pools, one round of a pool at a time, and what came of it. */
import type { MemberChange, RoundMember } from "../../../core/hosts/pools/pool-round.ts";
import type { PoolState } from "../../../core/hosts/pools/pool-membership.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import {
  reasonColumns,
  storedReason,
  storedReasonColumn,
  type StoredReason,
} from "../../database/values/reason-columns.ts";
import { appendEvent } from "../../events/events.ts";

export interface PoolMember extends RoundMember {
  pool: string;
  isConnected: boolean;
  /** Its host has reported where gateways reach it, which it does soon after its first heartbeat. */
  hasGatewayPort: boolean;
  features: readonly string[];
}

interface MemberRow {
  id: string;
  name: string;
  pool: string;
  is_connected: boolean;
  has_gateway_port: boolean;
  features: string[];
  state: PoolState;
  failure: StoredReason;
  member_since: Date | null;
  proved_at: Date | null;
  proof_due_at: Date | null;
  tried_at: Date | null;
}

/** The pools that two hosts or more belong to, by pool and id. */
export async function sharedPools(sql: Connection): Promise<Map<string, PoolMember[]>> {
  const { rows } = await sql.query<MemberRow>(
    `SELECT id, name, storage_pool AS pool, connection = 'connected' AS is_connected,
            gateway_port IS NOT NULL AS has_gateway_port, features, pool_state AS state,
            ${storedReasonColumn("h", "pool_failure")} AS failure,
            pool_member_since AS member_since, pool_proved_at AS proved_at, pool_proof_due_at AS proof_due_at,
            pool_tried_at AS tried_at
       FROM (SELECT *, count(*) OVER (PARTITION BY storage_pool) AS members FROM hosts
              WHERE storage_pool IS NOT NULL AND deleted_at IS NULL AND revoked_at IS NULL) h
      WHERE members > 1 ORDER BY storage_pool, id COLLATE "C"`,
  );
  return Map.groupBy(rows.map(memberOf), ({ pool }) => pool);
}

function memberOf(row: MemberRow): PoolMember {
  return {
    id: row.id,
    name: row.name,
    pool: row.pool,
    isConnected: row.is_connected,
    hasGatewayPort: row.has_gateway_port,
    features: row.features,
    state: row.state,
    failure: storedReason(row.failure),
    memberSinceMs: row.member_since?.getTime() ?? 0,
    provedAtMs: row.proved_at?.getTime() ?? null,
    proofDueAtMs: row.proof_due_at?.getTime() ?? null,
    triedAtMs: row.tried_at?.getTime() ?? null,
  };
}

/** The round of the same members is begun by one of several servers at once. */
export async function beginRound(
  sql: Transaction,
  { members, now }: { members: readonly PoolMember[]; now: Date },
): Promise<boolean> {
  const [first] = members;
  if (first === undefined) return false;
  const { rowCount } = await sql.change(
    "UPDATE hosts SET pool_tried_at = $3 WHERE id = $1 AND pool_tried_at IS NOT DISTINCT FROM $2::timestamptz",
    [first.id, first.triedAtMs === null ? null : new Date(first.triedAtMs), now],
  );
  if (rowCount === 0) return false;
  await sql.change("UPDATE hosts SET pool_tried_at = $2 WHERE id = ANY($1::text[])", [
    members.map(({ id }) => id),
    now,
  ]);
  return true;
}

/**
 * Writes down what came of a round for one member, unless it was put into a pool since, or another round has begun.
 * @returns whether it is used now and was not, or the other way round
 */
export async function recordProof(
  sql: Transaction,
  { member, change, begunAt, now }: { member: PoolMember; change: MemberChange; begunAt: Date; now: Date },
): Promise<boolean> {
  const failure = reasonColumns(change.failure);
  const { rowCount } = await sql.change(
    `UPDATE hosts SET pool_state = $4, pool_proved_at = $5, pool_proof_due_at = $6, pool_failure = $7,
            pool_failure_code = $8, pool_failure_params = $9
      WHERE id = $1 AND storage_pool = $2 AND pool_tried_at = $3`,
    [
      member.id,
      member.pool,
      begunAt,
      change.state,
      change.provedAtMs === null ? null : new Date(change.provedAtMs),
      change.proofDueAtMs === null ? null : new Date(change.proofDueAtMs),
      failure.text,
      failure.code,
      failure.params,
    ],
  );
  if (rowCount === 0 || change.state === member.state) return false;
  await appendEvent(sql, {
    at: now,
    kind: change.state === "trusted" ? "pool-proved" : "pool-not-proved",
    hostId: member.id,
    actor: "control-plane",
    old: member.state,
    new: change.state,
    reason: change.failure,
  });
  return true;
}
