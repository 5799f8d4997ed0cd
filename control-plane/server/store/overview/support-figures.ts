/**
 * What a support bundle has of the database: figures of the server and counts, and of our own tables ids, codes and times.
 * No column that customers fill is read. Each question stands alone, so that a database which answers only some of them
 * shows them all the same; none writes, and none needs a schema that is up to date but its own table.
 */
import type { Connection } from "../database/database.ts";

type Row = Record<string, unknown>;

const MAX_HOSTS = 5_000;
const MAX_CLEARED_ALARMS = 200;
const MAX_OPEN_ALARMS = 1_000;

const SERVER_SETTINGS = [
  ..."server_version max_connections superuser_reserved_connections shared_buffers work_mem maintenance_work_mem".split(
    " ",
  ),
  ..."effective_cache_size wal_level max_wal_senders max_replication_slots max_wal_size wal_keep_size".split(
    " ",
  ),
  ..."synchronous_commit synchronous_standby_names hot_standby_feedback fsync full_page_writes data_checksums".split(
    " ",
  ),
  ..."archive_mode autovacuum autovacuum_max_workers checkpoint_timeout random_page_cost jit TimeZone".split(
    " ",
  ),
  ..."statement_timeout lock_timeout idle_in_transaction_session_timeout default_transaction_isolation".split(
    " ",
  ),
  ..."max_locks_per_transaction max_prepared_transactions ssl server_encoding lc_collate".split(" "),
];

export async function appliedMigrations(sql: Connection): Promise<Row[]> {
  return await rowsOf(sql, "SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name");
}

/** Rows by Postgres' own estimate, which reads no table. */
export async function tableSizes(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT relname AS table, n_live_tup AS rows_estimated, n_dead_tup AS dead_rows_estimated,
            pg_total_relation_size(relid) AS bytes, last_vacuum, last_autovacuum, last_analyze, last_autoanalyze
       FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY relname`,
  );
}

export async function serverSettings(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    "SELECT name, setting, unit, source FROM pg_settings WHERE name = ANY ($1) ORDER BY name",
    [SERVER_SETTINGS],
  );
}

/** Sessions counted by what they are and do; none with what it asks. */
export async function sessionCounts(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT application_name, backend_type, state, wait_event_type, wait_event, count(*)::int AS sessions,
            extract(epoch FROM max(now() - xact_start))::float8 AS oldest_transaction_seconds,
            extract(epoch FROM max(now() - state_change))::float8 AS longest_in_state_seconds
       FROM pg_stat_activity WHERE datname = current_database() OR datname IS NULL
      GROUP BY 1, 2, 3, 4, 5 ORDER BY sessions DESC, 1, 2, 3, 4, 5 LIMIT 500`,
  );
}

export async function databaseFigures(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT pg_database_size(current_database()) AS bytes, pg_is_in_recovery() AS in_recovery,
            pg_postmaster_start_time() AS started_at, now() AS now, xact_commit, xact_rollback, deadlocks, conflicts,
            temp_files, temp_bytes, blks_read, blks_hit,
            (SELECT count(*)::int FROM pg_locks WHERE NOT granted) AS locks_waited_for
       FROM pg_stat_database WHERE datname = current_database()`,
  );
}

export async function standbys(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT application_name, state, sync_state, extract(epoch FROM write_lag)::float8 AS write_lag_seconds,
            extract(epoch FROM flush_lag)::float8 AS flush_lag_seconds,
            extract(epoch FROM replay_lag)::float8 AS replay_lag_seconds
       FROM pg_stat_replication ORDER BY application_name`,
  );
}

export async function replicationSlots(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    "SELECT slot_name, slot_type, active, wal_status, safe_wal_size FROM pg_replication_slots ORDER BY slot_name",
  );
}

export async function leadership(sql: Connection): Promise<Row[]> {
  return await rowsOf(sql, "SELECT holder, term, lease_until, lease_until > now() AS leads FROM leader");
}

export async function clusterState(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT db_incarnation, backup_taken_at, restore_held_since, restored_to, standby_required FROM cluster_state`,
  );
}

/** All that are open, and the newest of those that are not. */
export async function alarmCodes(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `(SELECT id, kind, subject, reason_code, raised_at, cleared_at FROM alarms WHERE cleared_at IS NULL
       ORDER BY id DESC LIMIT ${MAX_OPEN_ALARMS})
     UNION ALL
     (SELECT id, kind, subject, reason_code, raised_at, cleared_at FROM alarms WHERE cleared_at IS NOT NULL
       ORDER BY id DESC LIMIT ${MAX_CLEARED_ALARMS})`,
  );
}

/** Hosts by their ids, without names, addresses and labels. */
export async function hostConditions(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT id, status, connection, health_status, status_reason_code, cordoned, simulated, degraded, features, attach_mode,
            agent_version, protocol_min, protocol_max, generation, applied_generation, applied_term, agent_epoch,
            confirmed_stops, clock_offset_ms, total_gpu, pool_state, pool_failure_code, observed_at, last_heartbeat,
            registered_at, revoked_at, restore_detected_at
       FROM hosts WHERE deleted_at IS NULL ORDER BY id LIMIT ${MAX_HOSTS}`,
  );
}

/** How many there are of each kind and state, for what a fleet has most of. */
export async function workloadCounts(sql: Connection): Promise<Row[]> {
  return await rowsOf(
    sql,
    `SELECT 'environments' AS table, coalesce(status, 'creating') AS state, count(*)::int AS rows
       FROM environments WHERE deleted_at IS NULL GROUP BY 2
     UNION ALL SELECT 'gpus', CASE WHEN vanished_at IS NULL THEN 'reported' ELSE 'vanished' END, count(*)::int
       FROM gpus GROUP BY 2 ORDER BY 1, 2`,
  );
}

async function rowsOf(sql: Connection, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const { rows } = await sql.query<Row>(text, values);
  return rows;
}
