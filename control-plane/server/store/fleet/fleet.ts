/**
 * The fleet in numbers: what there is, what is free, what waits, and usage that has not been decided yet. A host that
 * never connected is counted, but not what it is said to have: it may be one of the old system.
 */
import type { FleetModel } from "../../core/orders/prices/priced-models.ts";
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { WAITING_STARTS } from "../workloads/kinds.ts";
import { IS_HELD, IS_OPEN } from "./free-cards.ts";

export interface FleetNumbers {
  hosts_total: number;
  hosts_connected: number;
  hosts_cordoned: number;
  cpu_total: number;
  cpu_free: number;
  memory_total: number;
  memory_free: number;
  gpus_total: number;
  gpus_free: number;
  gpus_simulated: number;
  environments_running: number;
  queued: number;
  /** Runs with proven time that no charge has counted yet. */
  runs_uncharged: number;
  /** Journal rows that hosts say they have and that are not decided. */
  pending_usage_rows: number;
  alarms_open: number;
}

export async function fleetNumbers(sql: Connection): Promise<FleetNumbers> {
  const { rows } = await sql.query<FleetNumbers>(
    `WITH live AS (SELECT * FROM hosts WHERE deleted_at IS NULL),
          joined AS (SELECT * FROM live WHERE connection <> 'never'),
          held AS (SELECT coalesce(sum(cpu_milli), 0) AS cpu_milli, coalesce(sum(memory_bytes), 0) AS memory
                     FROM placements WHERE resources_released_at IS NULL),
          cards AS (SELECT g.simulated, ${IS_OPEN} AND NOT ${IS_HELD} AS free
                      FROM gpus g JOIN joined h ON h.id = g.host_id LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid WHERE g.vanished_at IS NULL)
     SELECT (SELECT count(*) FROM live) AS hosts_total,
            (SELECT count(*) FROM live WHERE connection = 'connected') AS hosts_connected,
            (SELECT count(*) FROM live WHERE cordoned) AS hosts_cordoned,
            (SELECT coalesce(sum(total_cpu), 0) FROM joined)::int8 AS cpu_total,
            (SELECT coalesce(sum(total_cpu), 0) FROM joined)::int8 - (SELECT ceil(cpu_milli / 1000.0) FROM held)::int8 AS cpu_free,
            (SELECT least(coalesce(sum(total_memory), 0), ${Number.MAX_SAFE_INTEGER}) FROM joined)::int8 AS memory_total,
            (SELECT least(coalesce(sum(total_memory), 0), ${Number.MAX_SAFE_INTEGER}) FROM joined)::int8 - (SELECT memory FROM held)::int8 AS memory_free,
            (SELECT count(*) FROM cards) AS gpus_total,
            (SELECT count(*) FROM cards WHERE free) AS gpus_free,
            (SELECT count(*) FROM cards WHERE simulated) AS gpus_simulated,
            (SELECT count(*) FROM environments WHERE status = 'running' AND deleted_at IS NULL) AS environments_running,
            (SELECT count(*) FROM (${WAITING_STARTS}) waiting) AS queued,
            (SELECT count(*) FROM runs WHERE uncharged) AS runs_uncharged,
            (SELECT least(coalesce(sum(greatest(head_seq - watermark, 0)), 0), ${Number.MAX_SAFE_INTEGER}) FROM host_journals)::int8 AS pending_usage_rows,
            (SELECT count(*) FROM alarms WHERE cleared_at IS NULL) AS alarms_open`,
  );
  return rows[0] as FleetNumbers;
}

/** Each model of the fleet by name, in which order sentences name them, with the memory of its largest card. */
export async function fleetModels(sql: Connection): Promise<FleetModel[]> {
  const { rows } = await sql.query<{ name: string; bytes: number }>(
    `SELECT g.name, ${safeBigint("coalesce(max(g.memory_total), 0)")} AS bytes
       FROM gpus g JOIN hosts h ON h.id = g.host_id
      WHERE h.deleted_at IS NULL AND h.connection <> 'never' AND g.vanished_at IS NULL AND g.name IS NOT NULL
      GROUP BY g.name ORDER BY g.name`,
    [],
  );
  return rows.map(({ name, bytes }) => ({ model: name, memoryBytes: bytes }));
}

export interface QuarantineRow {
  id: number;
  host_id: string;
  journal_id: string | null;
  seq: number | null;
  run_id: string | null;
  reason: string;
  excess_ms: number | null;
  at: Date;
  resolved_at: Date | null;
}

/** Usage that was refused, newest first. */
export async function quarantinedUsage(
  sql: Connection,
  { hostId, page }: { hostId: string | null; page: { limit: number; after: number | null } },
): Promise<QuarantineRow[]> {
  const { rows } = await sql.query<QuarantineRow>(
    `SELECT id, host_id, journal_id, seq, run_id, reason, excess_ms, at, resolved_at FROM quarantine
      WHERE ($1::text IS NULL OR host_id = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [hostId, page.after, page.limit + 1],
  );
  return rows;
}
