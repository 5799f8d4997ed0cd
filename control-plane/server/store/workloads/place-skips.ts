/**
 * Places that are not tried again for a while: for one start storage pools in which it found a mount missing, and hosts on
 * which it failed of what it stood on; for every gang two hosts together, of which one did not reach the other.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { HostPair } from "../../core/placement/fleet/fleet.ts";
import type { PlacementRequest } from "../../core/placement/fleet/fits-on.ts";
import { type StartName, startKey } from "../../core/workloads/start.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import type { Connection } from "../database/database.ts";
import { asReported, type Reason } from "../../core/reasons/reason.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import {
  storedReasonColumn,
  type StoredReason,
  storedReason,
  reasonColumns,
} from "../database/values/reason-columns.ts";

const POOL_SKIP_MS = 10 * MS_PER_MINUTE;
/** A fault of a host lasts longer than somebody's forgotten folder, and its cards are closed apart from that. */
const HOST_SKIP_MS = 30 * MS_PER_MINUTE;

type Skips = PlacementRequest["skips"];

/** Three samples: by then a card that cannot be used is closed by itself, and its neighbours may be taken. */
const CARD_SKIP_MS = 30 * MS_PER_SECOND;

interface SkipRow {
  workload_kind: WorkloadKind;
  workload_id: string;
  first_rank: number;
  /** One of the two. */
  storage_pool: string | null;
  host_id: string | null;
  reason: StoredReason;
  until: Date;
}

const SKIPS = `(
  SELECT workload_kind, workload_id, first_rank, storage_pool, NULL AS host_id,
         ${storedReasonColumn("k", "reason")} AS reason, until FROM placement_skips k
  UNION ALL
  SELECT workload_kind, workload_id, first_rank, NULL, host_id, ${storedReasonColumn("k", "reason")}, until
    FROM placement_host_skips k)`;

/** By the key of the start: those that have not passed. */
export async function skipsInForce(sql: Connection, now: Date): Promise<Map<string, Skips>> {
  const { rows } = await sql.query<SkipRow>(
    `SELECT * FROM ${SKIPS} s WHERE until > $1 ORDER BY storage_pool, host_id`,
    [now],
  );
  return byStart(rows);
}

/** The same of some starts, those that have passed as well. */
export async function skipsOf(sql: Connection, starts: readonly StartName[]): Promise<Map<string, Skips>> {
  const { rows } = await sql.query<SkipRow>(
    `SELECT * FROM ${SKIPS} s
      WHERE (workload_kind, workload_id, first_rank) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::int[]))
      ORDER BY storage_pool, host_id`,
    [starts.map(({ kind }) => kind), starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return byStart(rows);
}

function byStart(rows: readonly SkipRow[]): Map<string, Skips> {
  const grouped = Map.groupBy(rows, (row) =>
    startKey({ kind: row.workload_kind, id: row.workload_id, firstRank: row.first_rank }),
  );
  return new Map([...grouped].map(([key, found]) => [key, found.map(skipOf)]));
}

function skipOf({ storage_pool: storagePool, host_id: hostId, reason, until }: SkipRow): Skips[number] {
  const reported = { reason: storedReason(reason) ?? asReported(""), untilMs: until.getTime() };
  return storagePool === null ? { hostId: hostId ?? "", ...reported } : { storagePool, ...reported };
}

interface Skip {
  start: StartName;
  reason: Reason;
  now: Date;
}

const REASON_COLUMNS = "reason, reason_code, reason_params";
const NEWER = `until = EXCLUDED.until, reason = EXCLUDED.reason, reason_code = EXCLUDED.reason_code,
  reason_params = EXCLUDED.reason_params`;

/** A mount was missing there: the pool is not tried again for this start until then. */
export async function skipPool(
  sql: Connection,
  { start: { kind, id, firstRank }, storagePool, reason, now }: Skip & { storagePool: string },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `INSERT INTO placement_skips (workload_kind, workload_id, first_rank, storage_pool, until, ${REASON_COLUMNS})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (workload_kind, workload_id, first_rank, storage_pool) DO UPDATE SET ${NEWER}`,
    [kind, id, firstRank, storagePool, new Date(now.getTime() + POOL_SKIP_MS), text, code, params],
  );
}

/** What one start of a workload found missing in a pool, those of it that wait for a place would find missing as well. */
export async function skipPoolsOfOthers(
  sql: Connection,
  { workload: { kind, id }, now }: { workload: WorkloadName; now: Date },
): Promise<void> {
  await sql.change(
    `WITH passed AS (DELETE FROM placement_skips
        WHERE workload_kind = $1 AND workload_id = $2 AND until <= $3)
     INSERT INTO placement_skips (workload_kind, workload_id, first_rank, storage_pool, ${REASON_COLUMNS}, until)
     SELECT DISTINCT ON (w.rank, h.storage_pool) $1, $2, w.rank, h.storage_pool, coalesce(p.detail, ''), p.detail_code,
            p.detail_params, p.state_changed_at + $4 * interval '1 ms'
       FROM instances f JOIN placements p ON p.instance_id = f.id AND p.epoch = f.current_epoch
       JOIN hosts h ON h.id = p.host_id AND h.storage_pool IS NOT NULL
       JOIN instances w ON w.workload_kind = $1 AND w.workload_id = $2 AND w.current_epoch = 0
        AND w.dismissed_at IS NULL
      WHERE f.workload_kind = $1 AND f.workload_id = $2 AND p.state = 'failed' AND p.problem = 'mount-missing'
        AND p.state_changed_at > $3::timestamptz - $4 * interval '1 ms'
      ORDER BY w.rank, h.storage_pool, p.state_changed_at DESC
     ON CONFLICT DO NOTHING`,
    [kind, id, now, POOL_SKIP_MS],
  );
}

/** Its last attempt failed there: the host is not tried again for it until then. */
export async function skipHost(sql: Connection, skip: Skip & { hostId: string }): Promise<void> {
  await skipHostFor(sql, skip, HOST_SKIP_MS);
}

/** A card there was of no use to it: the host is not tried again for it until that card is closed. */
export async function skipHostOfCard(sql: Connection, skip: Skip & { hostId: string }): Promise<void> {
  await skipHostFor(sql, skip, CARD_SKIP_MS);
}

async function skipHostFor(
  sql: Connection,
  { start: { kind, id, firstRank }, hostId, reason, now }: Skip & { hostId: string },
  forMs: number,
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `INSERT INTO placement_host_skips (workload_kind, workload_id, first_rank, host_id, until, ${REASON_COLUMNS})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (workload_kind, workload_id, first_rank, host_id) DO UPDATE SET ${NEWER}`,
    [kind, id, firstRank, hostId, new Date(now.getTime() + forMs), text, code, params],
  );
}

type PairSkips = PlacementRequest["apart"];

/** Those that have not passed. Whoever looks again under locks may find one more, and none less. */
export async function pairSkipsInForce(sql: Connection, now: Date): Promise<PairSkips> {
  const { rows } = await sql.query<{ host_id: string; other_host_id: string; names: string }>(
    `SELECT s.host_id, s.other_host_id, h.name || ' and ' || o.name AS names
       FROM gang_pair_skips s JOIN hosts h ON h.id = s.host_id JOIN hosts o ON o.id = s.other_host_id
      WHERE s.until > $1 ORDER BY s.host_id, s.other_host_id`,
    [now],
  );
  return rows.map(({ host_id, other_host_id, names }) => ({ hosts: [host_id, other_host_id], names }));
}

/** No gang is placed on both of them until then. Those that have passed are forgotten. */
export async function skipPairs(
  sql: Connection,
  { pairs, reason, now, until }: { pairs: readonly HostPair[]; reason: Reason; now: Date; until: Date },
): Promise<void> {
  if (pairs.length === 0) return;
  await sql.change("DELETE FROM gang_pair_skips WHERE until <= $1", [now]);
  await sql.change(
    `INSERT INTO gang_pair_skips (host_id, other_host_id, reason, until)
     SELECT DISTINCT p.host_id, p.other_host_id, $3, $4::timestamptz
       FROM unnest($1::text[], $2::text[]) AS p(host_id, other_host_id)
     ON CONFLICT (host_id, other_host_id) DO UPDATE SET reason = EXCLUDED.reason, until = EXCLUDED.until`,
    [pairs.map(([one]) => one), pairs.map(([, other]) => other), inEnglish(reason), until],
  );
}

/** It has begun: what was skipped on the way is forgotten once it has passed. */
export async function forgetSkips(
  sql: Connection,
  { kind, id, firstRank }: StartName,
  now: Date,
): Promise<void> {
  await sql.change(
    `WITH hosts AS (DELETE FROM placement_host_skips
        WHERE workload_kind = $1 AND workload_id = $2 AND first_rank = $3 AND until <= $4)
     DELETE FROM placement_skips
      WHERE workload_kind = $1 AND workload_id = $2 AND first_rank = $3 AND until <= $4`,
    [kind, id, firstRank, now],
  );
}
