/**
 * Who belongs to which storage pool, as administrators want it, and what waits for their word or for a proof. Whether a
 * member shares the pool is found by rounds of proofs (pool-rounds.ts).
 */
import {
  isLikeAnotherHost,
  poolObstacle,
  type PoolState,
  poolWarning,
} from "../../../core/hosts/pools/pool-membership.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { storedReason, storedReasonColumn, type StoredReason } from "../../database/values/reason-columns.ts";
import type { PlainCode, Reason } from "../../../core/reasons/reason.ts";

/** Whether a host's files are those of its pool. */
export const SERVES_POOL = "pool_state = 'trusted'";

/** Why it may not be the pool of that host, or of one that is yet to join; null where it may. */
export async function refusedPool(
  sql: Connection,
  { pool, hostId }: { pool: string; hostId: string | null },
): Promise<PlainCode | null> {
  const { rowCount } = await sql.query("SELECT FROM hosts WHERE id = $1 AND id IS DISTINCT FROM $2", [
    pool,
    hostId,
  ]);
  return rowCount > 0 || isLikeAnotherHost(pool, hostId) ? "pool-named-as-host" : null;
}

export type PutInPool = { put: true; state: PoolState } | { put: false; why: PlainCode };

/**
 * An administrator's word that the host belongs to the pool. It is used at once in a pool of its own, and in one that has
 * no member which could prove it; else once it is proved. Said again of a member, it is tried anew.
 */
export async function putInPool(
  sql: Transaction,
  { hostId, pool, now }: { hostId: string; pool: string; now: Date },
): Promise<PutInPool> {
  // One after the other: of two that come at once only one is the first.
  await sql.query("LOCK TABLE join_tokens IN SHARE ROW EXCLUSIVE MODE");
  const why = await refusedPool(sql, { pool, hostId });
  if (why !== null) return { put: false, why };
  const { rows } = await sql.query<{ state: PoolState; is_there: boolean; is_vouched: boolean }>(
    `SELECT h.pool_state AS state, coalesce(h.storage_pool, h.id) = $2 AS is_there,
            EXISTS (SELECT FROM hosts o WHERE o.id <> h.id AND coalesce(o.storage_pool, o.id) = $2
                       AND o.pool_state IN ('trusted', 'overdue') AND o.deleted_at IS NULL AND o.revoked_at IS NULL) AS is_vouched
       FROM hosts h WHERE h.id = $1 FOR NO KEY UPDATE OF h`,
    [hostId, pool],
  );
  const [host] = rows;
  if (host === undefined) return { put: false, why: "pool-of-absent-host" };
  if (host.is_there) {
    const state = host.is_vouched ? host.state : "trusted";
    await sql.change(
      `UPDATE hosts SET storage_pool = $2, claimed_storage_pool = NULL, pool_state = $3::varchar, pool_tried_at = NULL,
              pool_failure = CASE WHEN pool_state = $3::varchar THEN pool_failure END WHERE id = $1`,
      [hostId, pool, state],
    );
    return { put: true, state };
  }
  const state = host.is_vouched ? "waiting" : "trusted";
  await sql.change(
    `UPDATE hosts SET storage_pool = $2, claimed_storage_pool = NULL, pool_state = $3, pool_member_since = $4,
            pool_failure = NULL, pool_tried_at = NULL, pool_proved_at = NULL, pool_proof_due_at = NULL WHERE id = $1`,
    [hostId, pool, state, now],
  );
  return { put: true, state };
}

interface LackingRow {
  id: string;
  name: string;
  pool: string;
  claim: string | null;
  is_of_host: boolean;
  state: PoolState;
  failure: StoredReason;
  features: string[];
  proof_due_at: Date | null;
}

export interface LackingMember {
  id: string;
  /** What it lacks: an administrator's word, or a proof. */
  lacks: "word" | "proof";
  /** For administrators. */
  reason: Reason;
}

/** A proof takes a few seconds once a host is reached; until then one that is new is no fault. */
const PROVED_WITHIN = "5 minutes";

/** Hosts whose pool nobody has confirmed, or that are not proved, by their ids. */
export async function lackingMembers(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<LackingMember[]> {
  const { rows } = await sql.query<LackingRow>(
    `SELECT id, name, coalesce(storage_pool, id) AS pool, claimed_storage_pool AS claim, pool_state AS state,
            ${storedReasonColumn("h", "pool_failure")} AS failure, features, pool_proof_due_at AS proof_due_at,
            EXISTS (SELECT FROM hosts o WHERE o.id = h.claimed_storage_pool) AS is_of_host
       FROM hosts h
      WHERE deleted_at IS NULL AND revoked_at IS NULL
        AND (claimed_storage_pool IS NOT NULL OR pool_state IN ('failed', 'overdue')
             OR (pool_state = 'waiting' AND pool_member_since <= $1::timestamptz - interval '${PROVED_WITHIN}')
             OR (pool_state = 'trusted' AND pool_proof_due_at IS NOT NULL
                 AND (pool_failure IS NOT NULL OR NOT 'pool-proof' = ANY(features))))
      ORDER BY id LIMIT $2`,
    [now, limit],
  );
  return rows.flatMap((row) => lackOf(row) ?? []);
}

function lackOf(row: LackingRow): LackingMember | null {
  const { id, name, claim } = row;
  const named = { host_name: name, host_id: id };
  const membership = { ...row, failure: storedReason(row.failure) };
  const obstacle = poolObstacle(membership);
  if (claim !== null && obstacle !== null) {
    const params = { ...named, why: obstacle, confirmation: confirmationOf(row, claim) };
    return { id, lacks: "word", reason: { code: "host-pool-unconfirmed", params } };
  }
  if (obstacle !== null)
    return { id, lacks: "proof", reason: { code: "host-pool-closed", params: { ...named, why: obstacle } } };
  const warning = poolWarning({ membership, proofDueAt: row.proof_due_at });
  if (warning === null) return null;
  return { id, lacks: "proof", reason: { code: "host-pool-warning", params: { ...named, warning } } };
}

/** How an administrator takes a claim. What is a host's id is no name of a pool, and is refused as one. */
function confirmationOf({ id, is_of_host: isOfHost }: LackingRow, claim: string): Reason {
  return isOfHost || isLikeAnotherHost(claim, id)
    ? { code: "confirm-pool-of-both", params: { host_id: id, other_host_id: claim } }
    : { code: "confirm-pool", params: { host_id: id } };
}
