/** One-use tokens with which hosts join, stored as hashes, and the transaction in which a host uses one. */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { JoinRequest } from "@remotegpu/shared/messages/joining";
import { raiseAlarm } from "../events/alarms.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvent } from "../events/events.ts";
import { putInPool } from "./pools/pool-members.ts";

export async function insertJoinToken(
  sql: Connection,
  token: {
    tokenHash: string;
    hostName: string | null;
    /** Null: the host's own, whatever it claims. */
    storagePool: string | null;
    createdBy: number;
    now: Date;
    expiresAt: Date;
  },
): Promise<void> {
  await sql.change(
    `INSERT INTO join_tokens (token_hash, host_name, storage_pool, created_by, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
    [token.tokenHash, token.hostName, token.storagePool, token.createdBy, token.now, token.expiresAt],
    { makes: "join-token" },
  );
}

export type JoinOutcome =
  | { outcome: "joined"; hostId: HostId; joinedAt: Date }
  | { outcome: "unknown-token" | "expired" | "key-revoked" }
  | { outcome: "used-by-another" };

interface TokenRow {
  id: number;
  host_name: string | null;
  storage_pool: string | null;
  expires_at: Date;
  used_at: Date | null;
  used_by_nkey: string | null;
  host_id: HostId | null;
}

/**
 * Uses the token for the key, whose proof was checked already. The same key gets the same host again while the
 * token lives; another key is refused and an alarm is raised. Call in a transaction and commit whatever comes.
 */
export async function useJoinToken(
  sql: Transaction,
  join: { tokenHash: string; request: JoinRequest; newHostId: HostId; now: Date },
): Promise<JoinOutcome> {
  const { request, now } = join;
  const { rows } = await sql.query<TokenRow>(
    `SELECT id, host_name, storage_pool, expires_at, used_at, used_by_nkey, host_id
       FROM join_tokens WHERE token_hash = $1 AND revoked_at IS NULL FOR UPDATE`,
    [join.tokenHash],
  );
  const [token] = rows;
  if (token === undefined) return { outcome: "unknown-token" };

  if (token.used_by_nkey !== null && token.used_by_nkey !== request.nkey) {
    await raiseAlarm(sql, {
      kind: "join-token-reused",
      subject: `join token ${token.id}`,
      reason: {
        code: "join-token-used-twice",
        params: {
          nkey: token.used_by_nkey,
          host_id: token.host_id ?? "unknown",
          other_nkey: request.nkey,
        },
      },
      now,
    });
    return { outcome: "used-by-another" };
  }
  if (token.expires_at.getTime() <= now.getTime()) return { outcome: "expired" };

  const known = await credentialOf(sql, request.nkey);
  if (known !== null && known.revoked_at !== null) return { outcome: "key-revoked" };
  if (token.used_at !== null && token.host_id !== null)
    return { outcome: "joined", hostId: token.host_id, joinedAt: token.used_at };

  // A key that has a host keeps it: the command was run again on the same machine.
  const hostId = known?.host_id ?? join.newHostId;
  await writeHost(sql, { hostId, name: token.host_name ?? request.name, request, now });
  // One that is known stays where its files are.
  if (known === null && token.storage_pool !== null)
    await putInPool(sql, { hostId, pool: token.storage_pool, now });
  if (known === null)
    await sql.change("INSERT INTO host_credentials (nkey, host_id, issued_at) VALUES ($1, $2, $3)", [
      request.nkey,
      hostId,
      now,
    ]);
  await sql.change("UPDATE join_tokens SET used_at = $2, used_by_nkey = $3, host_id = $4 WHERE id = $1", [
    token.id,
    now,
    request.nkey,
    hostId,
  ]);
  await appendEvent(sql, { at: now, kind: "host-joined", hostId, actor: `join token ${token.id}` });
  return { outcome: "joined", hostId, joinedAt: now };
}

/** In a pool of its own, whatever it says: that is a claim, which waits for an administrator. */
async function writeHost(
  sql: Connection,
  { hostId, name, request, now }: { hostId: HostId; name: string; request: JoinRequest; now: Date },
): Promise<void> {
  const { machine } = request;
  await sql.change(
    `INSERT INTO hosts (id, name, hostname, ip_address, os_type, os_version, arch, total_cpu, total_memory,
                        total_disk, agent_version, attach_mode, storage_pool, claimed_storage_pool, pool_member_since,
                        registered_at)
     VALUES ($1::text, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $1::text, nullif(nullif($13::text, ''), $1::text),
             $14, $14)
     ON CONFLICT (id) DO UPDATE SET
       hostname = EXCLUDED.hostname, ip_address = EXCLUDED.ip_address, os_type = EXCLUDED.os_type,
       os_version = EXCLUDED.os_version, arch = EXCLUDED.arch, total_cpu = EXCLUDED.total_cpu,
       total_memory = EXCLUDED.total_memory, total_disk = EXCLUDED.total_disk,
       agent_version = EXCLUDED.agent_version, attach_mode = EXCLUDED.attach_mode
     RETURNING id`,
    [
      hostId,
      name,
      machine.hostname,
      machine.ipAddress,
      machine.osType,
      machine.osVersion,
      machine.arch,
      machine.cpuCount,
      machine.memoryBytes,
      machine.diskBytes,
      machine.agentVersion,
      machine.attachMode,
      machine.storagePool,
      now,
    ],
    { makes: "host" },
  );
}

export interface HostCredential {
  host_id: HostId;
  revoked_at: Date | null;
  /** When its host was taken out of the fleet. */
  removed_at: Date | null;
}

/** Which host a key belongs to. A deleted host's keys count as revoked. */
export async function credentialOf(sql: Connection, nkey: string): Promise<HostCredential | null> {
  const { rows } = await sql.query<HostCredential>(
    `SELECT k.host_id, coalesce(k.revoked_at, h.revoked_at, h.deleted_at) AS revoked_at, h.deleted_at AS removed_at
       FROM host_credentials k JOIN hosts h ON h.id = k.host_id WHERE k.nkey = $1`,
    [nkey],
  );
  return rows[0] ?? null;
}

export async function noteIssued(
  sql: Connection,
  credential: { nkey: string; issuedAt: Date; expiresAt: Date },
): Promise<void> {
  await sql.change("UPDATE host_credentials SET issued_at = $2, jwt_expires_at = $3 WHERE nkey = $1", [
    credential.nkey,
    credential.issuedAt,
    credential.expiresAt,
  ]);
}

/** Every revoked key with the moment, for the list that NATS is given. */
export async function revokedKeys(sql: Connection): Promise<{ nkey: string; revokedAt: Date }[]> {
  const { rows } = await sql.query<{ nkey: string; revoked_at: Date }>(
    "SELECT nkey, revoked_at FROM host_credentials WHERE revoked_at IS NOT NULL ORDER BY revoked_at",
  );
  return rows.map((row) => ({ nkey: row.nkey, revokedAt: row.revoked_at }));
}
