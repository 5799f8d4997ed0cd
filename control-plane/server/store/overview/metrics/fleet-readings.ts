/** What metrics show of the fleet, the queue and the accounts: a few statements, whose cost follows the rows that are open. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";
import { IS_HELD, IS_OPEN } from "../../fleet/free-cards.ts";
import { ofAllKinds } from "../../workloads/kinds.ts";

export interface Counted {
  readonly value: string;
  readonly count: number;
}

export interface HostReading {
  readonly id: string;
  /** Null for one that has never connected. */
  readonly heartbeat_age: number | null;
  readonly journal_lag: number;
  /** Null before its agent reported one. */
  readonly agent_version: string | null;
}

export interface ModelStates {
  readonly model: string;
  readonly free: number;
  readonly held: number;
  readonly cordoned: number;
  readonly missing: number;
}

export interface WaitingOrders {
  readonly kind: WorkloadKind;
  /** The code of the reason; null where it has none yet. */
  readonly code: string | null;
  readonly count: number;
  readonly oldest_age: number;
}

export async function hostsByConnection(sql: Connection): Promise<Counted[]> {
  const { rows } = await sql.query<{ value: string; count: number }>(
    "SELECT coalesce(connection, 'never') AS value, count(*) AS count FROM hosts WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1",
  );
  return rows;
}

export async function environmentsByStatus(sql: Connection): Promise<Counted[]> {
  const { rows } = await sql.query<{ value: string; count: number }>(
    "SELECT coalesce(status, 'creating') AS value, count(*) AS count FROM environments WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1",
  );
  return rows;
}

export async function accountsByStatus(sql: Connection): Promise<Counted[]> {
  const { rows } = await sql.query<{ value: string; count: number }>(
    "SELECT overdue_status AS value, count(*) AS count FROM customers WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1",
  );
  return rows;
}

/** Each host of the fleet that has connected before and may connect again. */
export async function hostReadings(sql: Connection, now: Date): Promise<HostReading[]> {
  const { rows } = await sql.query<HostReading & { id: string }>(
    `SELECT h.id, extract(epoch FROM $1::timestamptz - h.last_heartbeat)::float8 AS heartbeat_age,
            coalesce(j.lag, 0)::float8 AS journal_lag, h.agent_version
       FROM hosts h
       LEFT JOIN (SELECT host_id, sum(greatest(head_seq - watermark, 0)) AS lag FROM host_journals GROUP BY host_id) j
         ON j.host_id = h.id
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`,
    [now],
  );
  return rows;
}

/** Each GPU is in one state: not reported any more, held, free for an order, or closed to orders for whatever cause. */
export async function gpusByState(sql: Connection): Promise<ModelStates[]> {
  const { rows } = await sql.query<ModelStates & { model: string }>(
    `WITH cards AS (
       SELECT coalesce(g.name, 'unknown') AS model, g.vanished_at IS NOT NULL AS missing, ${IS_HELD} AS held, ${IS_OPEN} AS open
         FROM gpus g JOIN hosts h ON h.id = g.host_id LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
        WHERE h.deleted_at IS NULL AND h.connection <> 'never')
     SELECT model, count(*) FILTER (WHERE missing)::int AS missing,
            count(*) FILTER (WHERE NOT missing AND held)::int AS held,
            count(*) FILTER (WHERE NOT missing AND NOT held AND open)::int AS free,
            count(*) FILTER (WHERE NOT missing AND NOT held AND NOT open)::int AS cordoned
       FROM cards GROUP BY model ORDER BY model`,
  );
  return rows;
}

const WAITING = ofAllKinds(
  (kind, { waitingStarts, orderOfStart, waitingCode }) =>
    `SELECT '${kind}' AS kind, ${waitingCode} AS code, coalesce(o.queued_at, o.created_at) AS since
       FROM (${waitingStarts}) s JOIN ${orderOfStart}`,
);

export async function waitingOrders(sql: Connection, now: Date): Promise<WaitingOrders[]> {
  const { rows } = await sql.query<WaitingOrders & { kind: string }>(
    `SELECT kind, code, count(*)::int AS count,
            greatest(coalesce(extract(epoch FROM $1::timestamptz - min(since)), 0), 0)::float8 AS oldest_age
       FROM (${WAITING}) waiting GROUP BY kind, code ORDER BY kind, code`,
    [now],
  );
  return rows;
}
