/**
 * Inference services in the store's table of kinds: how their replicas wait and are placed, and how their rows move and
 * count. A replica is made as an instance, and waits until it has a placement.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import { newsOfServiceStatus } from "../../core/alerts/service-news.ts";
import { limitMs } from "../../core/inference/service-status.ts";
import { portOf, replicaLive } from "../../core/inference/service-config.ts";
import { networkName, replicaSpec } from "../../core/instances/desired-set.ts";
import type { PlaceableStart, PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { StartName } from "../../core/workloads/start.ts";
import type { Explanation, LockedWorkload, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import { NO_CAUSE, queueWorkNews } from "../events/news-outbox.ts";
import { INFERENCE_SELECT } from "./inference-services.ts";
import { checkOf, lockServiceOrders, orderOfReplica, type ServiceOrderRow } from "./service-orders.ts";
import { wantedIn } from "./wishes.ts";

/** In these its replicas are wanted. */
const IS_WANTED = "status IN ('creating', 'running')";

const WAITING_REPLICAS = `SELECT s.id, i.rank AS first_rank, 1 AS instances
    FROM inference_services s JOIN instances i ON i.workload_kind = 'inference' AND i.workload_id = s.id
   WHERE s.${IS_WANTED} AND s.deleted_at IS NULL AND i.state = 'placed' AND i.dismissed_at IS NULL
     AND NOT EXISTS (SELECT FROM placements p WHERE p.instance_id = i.id)`;

export const SERVICE_STORE = {
  table: "inference_services",
  select: INFERENCE_SELECT,
  columns: {
    waiting: [],
    groupId: "NULL::text",
    hostId: "NULL::text",
    storage: "NULL::bigint",
    tempStorage: "NULL::bigint",
    storagePool: "NULL",
    attempt: "1",
    code: "NULL",
    distributed: "NULL::jsonb",
    startInstances: "1",
  },
  waitingStarts: WAITING_REPLICAS,
  // A replica that is taken back leaves its service as it is.
  isStarting: "false",
  isOver: "false",
  // Its replicas are looked at by a loop of their own.
  isDerived: "false",
  priority: "0",
  queuedAt: "NULL::timestamptz",
  limitSeconds: null,
  uses: {
    columns: ["replicas"],
    exists: "status IN ('creating', 'running', 'stopping', 'error')",
    // What says that it runs and has no instance comes from the old system and holds nothing.
    isActive: `EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'inference' AND i.workload_id = t.id)`,
    // One that is done without holds its place until its host has let go of it.
    instances: `greatest(coalesce(replicas, 0), (SELECT count(*) FROM instances i JOIN placements p ON p.instance_id = i.id
        WHERE i.workload_kind = 'inference' AND i.workload_id = t.id AND p.resources_released_at IS NULL))`,
    environments: 0 as const,
  },
  waitingInstances: `(SELECT count(*) FROM (${WAITING_REPLICAS}) r WHERE r.id = t.id)`,
  lockWaiting,
  lock,
  notePlaced,
  move,
  explain,
  explainWaiting,
};

/** Replicas of one service are several starts: all that are asked for and wait still. */
async function lockWaiting(sql: Transaction, starts: readonly StartName[]): Promise<PlaceableStart[]> {
  const services = await lockServiceOrders(sql, [...new Set(starts.map(({ id }) => id))]);
  if (services.size === 0) return [];
  const { rows } = await sql.query<{ id: string; first_rank: number }>(
    `SELECT w.id, w.first_rank FROM (${WAITING_REPLICAS}) w
       JOIN unnest($1::text[], $2::int[]) AS asked(id, rank) ON asked.id = w.id AND asked.rank = w.first_rank
      ORDER BY w.id, w.first_rank`,
    [starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return rows.flatMap(({ id, first_rank: rank }) => {
    const row = services.get(id);
    return row === undefined ? [] : [placeable(row, rank)];
  });
}

function placeable(row: ServiceOrderRow, firstRank: number): PlaceableStart {
  const order = orderOfReplica(row);
  return {
    start: { kind: "inference", id: row.id, firstRank },
    order,
    name: row.name,
    ordererId: row.orderer_id,
    payingWorkspaceId: row.paying_workspace_id,
    leasing: null,
    spec: ({ rank, gpus, datasets, models }) =>
      replicaSpec(
        {
          id: idOnHosts(row.id),
          network: networkName({ workspaceId: row.paying_workspace_id, customerId: row.customer_id }),
          image: row.image,
          cpuMilli: order.cpuMilli,
          memoryBytes: order.memoryBytes,
          envVars: row.env_vars ?? {},
          datasets,
          models,
          rank,
          command: row.config?.command ?? null,
          port: portOf(row.config),
        },
        gpus,
      ),
    live: () => replicaLive(row.config, checkOf(row)),
  };
}

async function lock(sql: Transaction, id: string): Promise<LockedWorkload<InferenceServiceStatus> | null> {
  const row = (await lockServiceOrders(sql, [id])).get(id);
  if (row === undefined) return null;
  return { id, status: row.status, customerId: row.customer_id, deadlineAt: row.status_deadline_at };
}

/** The service goes on as it is: its other replicas answer. */
async function notePlaced(sql: Connection, placed: readonly PlacedStart[]): Promise<void> {
  for (const {
    placeable: { start },
    hosts,
  } of placed) {
    const reason = `Replica ${start.firstRank} is placed on host ${hosts[0]?.name ?? "unknown"}.`;
    await sql.query(
      `UPDATE inference_services SET ${SOUND_SIZES}, status_reason = $2 WHERE id = $1 AND status = 'creating'`,
      [start.id, reason],
    );
  }
}

async function move(sql: Transaction, moves: readonly WorkloadMove<InferenceServiceStatus>[]): Promise<void> {
  const wanted = await wantedIn(
    sql,
    moves.map(({ workload: { id }, to }) => ({ id, status: to })),
  );
  await sql.query(
    `UPDATE inference_services s SET ${SOUND_SIZES}, status = m.status, status_reason = m.reason,
            status_deadline_at = m.deadline, replicas = m.replicas
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::int[]) AS m(id, status, reason, deadline, replicas)
      WHERE s.id = m.id`,
    [
      moves.map(({ workload }) => workload.id),
      moves.map(({ to }) => to),
      moves.map(({ reason }) => reason),
      moves.map(({ to, now }) => {
        const limit = limitMs(to);
        return limit === null ? null : new Date(now.getTime() + limit);
      }),
      moves.map(({ workload }) => wanted.get(workload.id) ?? 0),
    ],
  );
  const eventIds = await appendEvents(
    sql,
    moves.map(({ workload, to, reason, actor, now, hostId }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "inference" as const,
      workloadId: workload.id,
      customerId: workload.customerId,
      ...(hostId === undefined || hostId === null ? {} : { hostId }),
      actor,
      old: workload.status,
      new: to,
      reason,
    })),
  );
  await queueWorkNews(
    sql,
    moves.flatMap(({ workload: { id }, to, reason, now, cause = NO_CAUSE }, nth) => {
      const news = newsOfServiceStatus(to, reason, cause);
      if (news === null) return [];
      return [{ workload: { kind: "inference", id }, eventId: eventIds[nth] ?? 0, at: now, news }];
    }),
  );
}

async function explain(
  sql: Connection,
  { id, status, reason }: Explanation<InferenceServiceStatus>,
): Promise<void> {
  await sql.query(
    `UPDATE inference_services SET ${SOUND_SIZES}, status_reason = $3
      WHERE id = $1 AND status = $2 AND status_reason IS DISTINCT FROM $3`,
    [id, status, reason],
  );
}

/** Also of one that runs: others answer meanwhile. */
async function explainWaiting(
  sql: Transaction,
  told: readonly { id: string; reason: string }[],
): Promise<void> {
  await sql.query(
    `WITH held AS (
       SELECT s.id, t.reason FROM unnest($1::text[], $2::text[]) AS t(id, reason)
         JOIN inference_services s ON s.id = t.id
        WHERE s.${IS_WANTED} AND s.status_reason IS DISTINCT FROM t.reason ORDER BY s.id FOR NO KEY UPDATE OF s)
     UPDATE inference_services s SET ${SOUND_SIZES}, status_reason = held.reason FROM held WHERE s.id = held.id`,
    [told.map(({ id }) => id), told.map(({ reason }) => reason)],
  );
}
