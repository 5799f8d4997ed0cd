/**
 * What decides about environments that stop for idleness: a look at each that runs, from what hosts and sessions told,
 * and what is known of its idle time so far, which outlives the leader that found it.
 */
import type { IdleSample, IdleWatch } from "../../core/environments/idle-stop.ts";
import type { Connection } from "../database/database.ts";

export interface WatchedEnvironment {
  id: string;
  customerId: number;
  hostId: string;
  instanceId: string;
  minutes: number;
  sample: IdleSample;
  /** Null: it was never looked at. */
  watch: IdleWatch | null;
}

interface Row extends WatchRow {
  id: string;
  customer_id: number;
  host_id: string;
  instance_id: string;
  run_id: string;
  minutes: number;
  last_heartbeat: Date | null;
  is_unsure: boolean;
  sessions: number;
  last_access_at: Date | null;
  gpu: number;
  cards: { percent: number | null; reported_at: string | null }[];
  cpu_ms: number | null;
  cpu_reported_at: Date | null;
}

/** What is known of the idle time so far; all null where it was never looked at. */
export interface WatchRow {
  watched_run: string | null;
  idle_since: Date | null;
  checked_at: Date | null;
  watched_cpu_ms: number | null;
  watched_cpu_at: Date | null;
  cpu_percent: string | null;
  gpu_percent: number | null;
  warned_at: Date | null;
}

/** The columns of `idle_watches w`. */
export const WATCH_COLUMNS = `w.run_id AS watched_run, w.idle_since, w.checked_at, w.cpu_ms AS watched_cpu_ms,
    w.cpu_reported_at AS watched_cpu_at, w.cpu_percent, w.gpu_percent, w.warned_at`;

/**
 * Those that run and are to stop by themselves, the ones that were looked at longest ago first.
 * @param ids of these alone; null: of all
 */
export async function watchedEnvironments(
  sql: Connection,
  { ids, now, limit }: { ids: readonly string[] | null; now: Date; limit: number },
): Promise<WatchedEnvironment[]> {
  const { rows } = await sql.query<Row>(
    `SELECT e.id, e.customer_id, p.host_id, p.instance_id, p.run_id, (e.config->'idle_stop_minutes')::int AS minutes,
            h.last_heartbeat, h.connection <> 'connected' OR h.observed_digest IS NULL AS is_unsure,
            (SELECT count(*) FROM access_sessions s WHERE s.env_id = e.id AND s.ended_at IS NULL
                AND (s.service_type <> 'ssh' OR s.login_at IS NOT NULL)) AS sessions,
            (SELECT max(o.last_accessed_at) FROM lease_orders o WHERE o.env_id = e.id) AS last_access_at,
            coalesce(e.gpu, 0) AS gpu,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('percent', g.utilization_percent, 'reported_at', g.last_seen_at)), '[]')
               FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid AND g.host_id = p.host_id AND g.vanished_at IS NULL
              WHERE a.instance_id = p.instance_id AND a.epoch = p.epoch AND a.released_at IS NULL) AS cards,
            f.cpu_ms, f.reported_at AS cpu_reported_at, ${WATCH_COLUMNS}
       FROM environments e
       JOIN instances i ON i.workload_kind = 'environment' AND i.workload_id = e.id
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch AND p.state = 'ready' AND p.want = 'running'
       JOIN hosts h ON h.id = p.host_id
       LEFT JOIN instance_figures f ON f.instance_id = i.id AND f.run_id = p.run_id
       LEFT JOIN idle_watches w ON w.env_id = e.id
      WHERE e.status = 'running' AND e.deleted_at IS NULL AND jsonb_typeof(e.config->'idle_stop_minutes') = 'number'
        AND ($1::text[] IS NULL OR e.id = ANY($1)) AND p.run_id IS NOT NULL
      ORDER BY w.checked_at NULLS FIRST, e.id LIMIT $2`,
    [ids, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    customerId: row.customer_id,
    hostId: row.host_id,
    instanceId: row.instance_id,
    minutes: row.minutes,
    sample: {
      at: now,
      runId: row.run_id,
      hostHeardAt: row.last_heartbeat,
      isHostUnsure: row.is_unsure,
      openSessions: row.sessions,
      lastAccessAt: row.last_access_at,
      cardCount: row.gpu,
      cards: row.cards.map(({ percent, reported_at: reportedAt }) => ({
        percent,
        reportedAt: reportedAt === null ? null : new Date(reportedAt),
      })),
      cpu: cpuOf(row.cpu_ms, row.cpu_reported_at),
    },
    watch: watchOf(row),
  }));
}

export function watchOf(row: WatchRow): IdleWatch | null {
  const { watched_run: runId, idle_since: idleSince, checked_at: checkedAt } = row;
  if (runId === null || idleSince === null || checkedAt === null) return null;
  return {
    runId,
    idleSince,
    checkedAt,
    cpu: cpuOf(row.watched_cpu_ms, row.watched_cpu_at),
    cpuPercent: Number(row.cpu_percent ?? 0),
    gpuPercent: row.gpu_percent ?? 0,
    warnedAt: row.warned_at,
  };
}

function cpuOf(ms: number | null, reportedAt: Date | null): IdleSample["cpu"] {
  return ms === null || reportedAt === null ? null : { ms, reportedAt };
}

/** The watches are stored, all in one statement. */
export async function keepWatches(
  sql: Connection,
  watches: readonly { environmentId: string; watch: IdleWatch }[],
): Promise<void> {
  if (watches.length === 0) return;
  const rows = watches.map(({ environmentId, watch: { cpu, ...watch } }) => ({
    ...watch,
    environmentId,
    cpuMs: cpu?.ms ?? null,
    cpuReportedAt: cpu?.reportedAt ?? null,
  }));
  await sql.change(
    `INSERT INTO idle_watches (env_id, run_id, idle_since, checked_at, cpu_ms, cpu_reported_at, cpu_percent, gpu_percent, warned_at)
     SELECT n."environmentId", n."runId", n."idleSince", n."checkedAt", n."cpuMs", n."cpuReportedAt", n."cpuPercent",
            n."gpuPercent", n."warnedAt"
       FROM jsonb_to_recordset($1::jsonb) AS n("environmentId" text, "runId" text, "idleSince" timestamptz,
              "checkedAt" timestamptz, "cpuMs" bigint, "cpuReportedAt" timestamptz, "cpuPercent" numeric, "gpuPercent" int,
              "warnedAt" timestamptz)
      WHERE EXISTS (SELECT FROM environments e WHERE e.id = n."environmentId")
     ON CONFLICT (env_id) DO UPDATE
        SET run_id = excluded.run_id, idle_since = excluded.idle_since, checked_at = excluded.checked_at,
            cpu_ms = excluded.cpu_ms, cpu_reported_at = excluded.cpu_reported_at, cpu_percent = excluded.cpu_percent,
            gpu_percent = excluded.gpu_percent, warned_at = excluded.warned_at`,
    [JSON.stringify(rows)],
  );
}
