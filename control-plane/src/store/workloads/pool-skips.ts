/** Storage pools in which a start found a mount missing: they are not tried again for a while. */
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { PoolSkip } from "../../core/placement/fleet/fits-on.ts";
import { type StartName, startKey } from "../../core/workloads/start.ts";
import type { Connection } from "../database/database.ts";

const POOL_SKIP_MS = 10 * MS_PER_MINUTE;

interface SkipRow {
  workload_kind: WorkloadKind;
  workload_id: string;
  first_rank: number;
  storage_pool: string;
  reason: string;
  until: Date;
}

const COLUMNS = "workload_kind, workload_id, first_rank, storage_pool, reason, until";

/** By the key of the start: those that have not passed. */
export async function poolSkipsInForce(sql: Connection, now: Date): Promise<Map<string, PoolSkip[]>> {
  const { rows } = await sql.query<SkipRow>(
    `SELECT ${COLUMNS} FROM placement_skips WHERE until > $1 ORDER BY storage_pool`,
    [now],
  );
  return byStart(rows);
}

/** The same of some starts, those that have passed as well. */
export async function poolSkipsOf(
  sql: Connection,
  starts: readonly StartName[],
): Promise<Map<string, PoolSkip[]>> {
  const { rows } = await sql.query<SkipRow>(
    `SELECT ${COLUMNS} FROM placement_skips
      WHERE (workload_kind, workload_id, first_rank) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::int[]))
      ORDER BY storage_pool`,
    [starts.map(({ kind }) => kind), starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return byStart(rows);
}

function byStart(rows: readonly SkipRow[]): Map<string, PoolSkip[]> {
  const grouped = Map.groupBy(rows, (row) =>
    startKey({ kind: row.workload_kind, id: row.workload_id, firstRank: row.first_rank }),
  );
  return new Map(
    [...grouped].map(([key, found]) => [
      key,
      found.map((row) => ({
        storagePool: row.storage_pool,
        reason: row.reason,
        untilMs: row.until.getTime(),
      })),
    ]),
  );
}

/** A mount was missing there: the pool is not tried again for this start until then. */
export async function skipPool(
  sql: Connection,
  skip: { start: StartName; storagePool: string; reason: string; now: Date },
): Promise<void> {
  const { kind, id, firstRank } = skip.start;
  await sql.query(
    `INSERT INTO placement_skips (workload_kind, workload_id, first_rank, storage_pool, reason, until)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (workload_kind, workload_id, first_rank, storage_pool)
       DO UPDATE SET reason = EXCLUDED.reason, until = EXCLUDED.until`,
    [kind, id, firstRank, skip.storagePool, skip.reason, new Date(skip.now.getTime() + POOL_SKIP_MS)],
  );
}

/** It has begun: what was skipped on the way is forgotten once it has passed. */
export async function forgetSkips(
  sql: Connection,
  { kind, id, firstRank }: StartName,
  now: Date,
): Promise<void> {
  await sql.query(
    `DELETE FROM placement_skips
      WHERE workload_kind = $1 AND workload_id = $2 AND first_rank = $3 AND until <= $4`,
    [kind, id, firstRank, now],
  );
}
