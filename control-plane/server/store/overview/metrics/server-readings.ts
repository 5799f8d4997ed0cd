/** What metrics show of the database itself, of who leads, and of usage that should have been rated by now. */
import type { Connection } from "../../database/database.ts";

export interface ServerReadings {
  readonly term: number;
  /** Null without a standby, or where it is hidden from this role. */
  readonly replicationLagSeconds: number | null;
  readonly unratedAgeSeconds: number;
  readonly backupAgeSeconds: number;
}

/**
 * Usage is due once its run has ended, as soon as it is proven where its run has no price, and at the end of each hour for
 * all others.
 */
const UNRATED_SINCE = `least(
    (SELECT min(closed_at) FROM runs WHERE uncharged AND closed_at IS NOT NULL),
    (SELECT min(r.first_proven_at) FROM runs r
      WHERE r.uncharged AND r.closed_at IS NULL AND NOT EXISTS (SELECT FROM run_lines l WHERE l.run_id = r.id)),
    (SELECT CASE WHEN finished_at IS NULL THEN hour ELSE hour + interval '1 hour' END
       FROM hour_ticks ORDER BY hour DESC LIMIT 1))`;

/** A fleet that was never backed up has its age from the day on which its schema was made. */
const BACKED_UP_AT = `coalesce((SELECT backup_taken_at FROM cluster_state), (SELECT min(applied_at) FROM schema_migrations))`;

export async function serverReadings(sql: Connection, now: Date): Promise<ServerReadings> {
  const { rows } = await sql.query<{ term: number; lag: number | null; unrated: number; backup: number }>(
    `SELECT coalesce((SELECT term FROM leader), 0) AS term,
            (SELECT max(coalesce(extract(epoch FROM replay_lag), 0))::float8 FROM pg_stat_replication
              WHERE state = 'streaming') AS lag,
            greatest(coalesce(extract(epoch FROM $1::timestamptz - ${UNRATED_SINCE}), 0), 0)::float8 AS unrated,
            greatest(extract(epoch FROM $1::timestamptz - ${BACKED_UP_AT}), 0)::float8 AS backup`,
    [now],
  );
  const [row] = rows;
  return {
    term: row?.term ?? 0,
    replicationLagSeconds: row?.lag ?? null,
    unratedAgeSeconds: row?.unrated ?? 0,
    backupAgeSeconds: row?.backup ?? 0,
  };
}
