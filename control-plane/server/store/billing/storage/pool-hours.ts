/**
 * Who samples a storage pool in an hour, and what came of it. One host at a time holds an hour; only its parts are
 * taken, and they count once the last one is there. A host that takes the hour over begins anew.
 */
import type { StorageReport } from "@remotegpu/shared/messages/storage-sampling";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import {
  boundClaims,
  type BoundedClaims,
  type Claim,
  isDisbelieved,
} from "../../../core/billing/storage-bounds.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { raiseAlarmOnce } from "../../events/alarms.ts";
import { SERVES_POOL } from "../../hosts/pools/pool-members.ts";
import { ownerContents } from "./pool-folders.ts";
import { storageAllowances } from "./storage-pools.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** A host that has not asked for longer runs an agent that does not sample. It asks a few times an hour. */
const REQUESTED_WITHIN_MS = 2 * MS_PER_HOUR;

/** Notes that a host can sample. Its pool, or null for one that is not, or no longer, of the fleet. */
export async function poolOfSampler(
  sql: Connection,
  { hostId, now }: { hostId: string; now: Date },
): Promise<string | null> {
  const { rows } = await sql.change<{ pool: string }>(
    `UPDATE hosts SET storage_requested_at = $2 WHERE id = $1 AND deleted_at IS NULL AND revoked_at IS NULL
      RETURNING coalesce(storage_pool, id) AS pool`,
    [hostId, now],
  );
  return rows[0]?.pool ?? null;
}

/** The host that is to sample the pool: of its trusted members that are connected and can, the one with the lowest id. */
export async function samplerOf(
  sql: Connection,
  { pool, now }: { pool: string; now: Date },
): Promise<string | null> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM hosts
      WHERE coalesce(storage_pool, id) = $1 AND ${SERVES_POOL} AND connection = 'connected'
        AND deleted_at IS NULL AND revoked_at IS NULL
        AND storage_requested_at > $2
      ORDER BY id COLLATE "C" LIMIT 1`,
    [pool, new Date(now.getTime() - REQUESTED_WITHIN_MS)],
  );
  return rows[0]?.id ?? null;
}

/** Gives the hour to a host, with nothing sampled yet; false where it is sampled already. */
export async function claimHour(
  sql: Transaction,
  claim: { pool: string; hour: Date; hostId: string; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `INSERT INTO storage_hours AS h (storage_pool, hour, host_id, claimed_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (storage_pool, hour) DO UPDATE SET host_id = EXCLUDED.host_id, claimed_at = EXCLUDED.claimed_at
      WHERE h.finished_at IS NULL`,
    [claim.pool, claim.hour, claim.hostId, claim.now],
  );
  if (rowCount === 0) return false;
  await sql.change("DELETE FROM storage_samples WHERE storage_pool = $1 AND hour = $2", [
    claim.pool,
    claim.hour,
  ]);
  return true;
}

/** The same for a further page of its order: whether it still holds the hour. */
export async function holdsHour(
  sql: Connection,
  { hostId, hour }: { hostId: string; hour: Date },
): Promise<string | null> {
  const { rows } = await sql.query<{ pool: string }>(
    `SELECT h.storage_pool AS pool FROM storage_hours h JOIN hosts o ON o.id = h.host_id
      WHERE h.host_id = $1 AND h.hour = $2 AND h.finished_at IS NULL AND h.storage_pool = coalesce(o.storage_pool, o.id)
        AND o.${SERVES_POOL}`,
    [hostId, hour],
  );
  return rows[0]?.pool ?? null;
}

export type PartTaken = { taken: true } | { taken: false; reason: "not-asked" | "another-host" };

/**
 * Takes a part of a host's report as far as it can be true; the rest is set aside, with an alarm. Of an hour that is
 * sampled nothing changes any more, whatever comes.
 */
export async function takePart(
  sql: Transaction,
  { hostId, report, now }: { hostId: string; report: StorageReport; now: Date },
): Promise<PartTaken> {
  const hour = new Date(report.hourMs);
  const { rows } = await sql.query<{
    storage_pool: string;
    host_id: string;
    finished_at: Date | null;
  }>(
    `SELECT h.storage_pool, h.host_id, h.finished_at FROM storage_hours h
       JOIN hosts o ON h.storage_pool = coalesce(o.storage_pool, o.id)
      WHERE o.id = $1 AND h.hour = $2 AND o.${SERVES_POOL} AND o.deleted_at IS NULL AND o.revoked_at IS NULL
        FOR UPDATE OF h`,
    [hostId, hour],
  );
  const [claim] = rows;
  if (claim === undefined) return { taken: false, reason: "not-asked" };
  if (claim.host_id !== hostId) return { taken: false, reason: "another-host" };
  if (claim.finished_at !== null) return { taken: true };
  await takeSums(sql, { pool: claim.storage_pool, hour, hostId, sums: report.sums, now });
  if (report.isLast)
    await sql.change("UPDATE storage_hours SET finished_at = $3 WHERE storage_pool = $1 AND hour = $2", [
      claim.storage_pool,
      hour,
      now,
    ]);
  return { taken: true };
}

/** Owners' ids are workspaces'. Nothing at all needs no row: an hour that is sampled says so by itself. */
async function takeSums(
  sql: Transaction,
  {
    pool,
    hour,
    hostId,
    sums,
    now,
  }: { pool: string; hour: Date; hostId: string; sums: StorageReport["sums"]; now: Date },
): Promise<void> {
  const claims = sums.flatMap(claimOf);
  if (claims.length === 0) return;
  const workspaceIds = claims.map(({ workspaceId }) => workspaceId);
  const before = await chargedBefore(sql, { pool, hour, workspaceIds });
  const bounded = boundClaims(
    claims.filter(({ workspaceId }) => !before.workspaceIds.has(workspaceId)),
    {
      contents: await ownerContents(sql, { pool, hour, workspaceIds }),
      allowances: await storageAllowances(sql, pool),
      takenBytes: before.bytes,
    },
  );
  await sql.change(
    `INSERT INTO storage_samples (workspace_id, storage_pool, hour, bytes, excess_bytes)
     SELECT given.id, $1::text, $2::timestamptz, given.bytes, given.excess
       FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) AS given (id, bytes, excess)`,
    [
      pool,
      hour,
      bounded.samples.map(({ workspaceId }) => workspaceId),
      bounded.samples.map(({ bytes }) => bytes),
      bounded.samples.map(({ excessBytes }) => excessBytes),
    ],
  );
  const reason = disbelieved(bounded, { host_id: hostId, hour: hour.toISOString() });
  if (reason !== null)
    await raiseAlarmOnce(sql, {
      kind: "storage-disbelieved",
      subject: pool,
      reason,
      now,
    });
}

function claimOf({ owner, bytes }: StorageReport["sums"][number]): Claim[] {
  const workspaceId = /^[1-9]\d{0,15}$/.test(owner) ? Number(owner) : 0;
  if (!Number.isSafeInteger(workspaceId) || workspaceId === 0) return [];
  return [{ workspaceId, bytes: bytes === null ? null : BigInt(bytes) }];
}

/** Parts of one hour come one after another: its row is held. */
async function chargedBefore(
  sql: Transaction,
  { pool, hour, workspaceIds }: { pool: string; hour: Date; workspaceIds: readonly number[] },
): Promise<{ bytes: bigint; workspaceIds: ReadonlySet<number> }> {
  const { rows } = await sql.query<{ bytes: string; workspace_ids: number[] }>(
    `SELECT coalesce(sum(bytes), 0)::text AS bytes,
            coalesce(jsonb_agg(workspace_id) FILTER (WHERE workspace_id = ANY($3::bigint[])), '[]') AS workspace_ids
       FROM storage_samples WHERE storage_pool = $1 AND hour = $2`,
    [pool, hour, workspaceIds],
  );
  return { bytes: BigInt(rows[0]?.bytes ?? 0), workspaceIds: new Set(rows[0]?.workspace_ids) };
}

/** The first of what cannot be true, in words; null where all can, or nearly. */
function disbelieved(
  { samples, strangers }: BoundedClaims,
  claim: { host_id: string; hour: string },
): Reason | null {
  const beyond = samples.filter(isDisbelieved);
  const [first] = beyond;
  if (first !== undefined) {
    const claimed = (first.bytes ?? 0n) + first.excessBytes;
    const params = {
      ...claim,
      bytes: String(claimed),
      workspace_id: first.workspaceId,
      most_bytes: String(first.bytes),
    };
    return beyond.length === 1
      ? { code: "stored-bytes-beyond-pool", params }
      : { code: "stored-bytes-beyond-pool-of-several", params: { ...params, others: beyond.length - 1 } };
  }
  const [stranger] = strangers;
  if (stranger === undefined) return null;
  const params = { ...claim, bytes: String(stranger.bytes), workspace_id: stranger.workspaceId };
  return strangers.length === 1
    ? { code: "stored-bytes-of-stranger", params }
    : { code: "stored-bytes-of-strangers", params: { ...params, others: strangers.length - 1 } };
}
