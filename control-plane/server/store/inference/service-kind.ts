/**
 * Inference services in the store's table of kinds: how their replicas wait and are placed, and how their rows move and
 * count. A replica is made as an instance, and waits until it has a placement.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { serviceStatusMessage } from "../../core/alerts/service-messages.ts";
import { limitMs } from "../../core/inference/service-status.ts";
import { portOf, replicaLive } from "../../core/inference/service-config.ts";
import { networkName, replicaSpec } from "../../core/instances/desired-set.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { PlaceableStart, PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { StartName } from "../../core/workloads/start.ts";
import type { Explanation, LockedWorkload, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { reasonColumns, reasonLists } from "../database/values/reason-columns.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import { NO_CAUSE, queueWorkMessages } from "../events/message-outbox.ts";
import { INFERENCE_SELECT } from "./inference-services.ts";
import { TEMPLATE_COLUMNS } from "./revisions.ts";
import {
  atRevision,
  checkOf,
  lockServiceOrders,
  orderOfReplica,
  type ServiceOrderRow,
} from "./service-orders.ts";
import { wantedIn } from "./replica-requests.ts";

/** In these its replicas are wanted. */
const IS_WANTED = "status IN ('creating', 'running')";

/** With what its service says of each order. */
const WAITING_REPLICAS = `SELECT s.id, i.rank AS first_rank, 1 AS instances, i.revision, s.customer_id, s.workspace_id, s.created_at,
         i.created_at AS queued_at, i.lacks_code
    FROM inference_services s JOIN instances i ON i.workload_kind = 'inference' AND i.workload_id = s.id
   WHERE s.${IS_WANTED} AND s.deleted_at IS NULL AND i.state = 'placed' AND i.dismissed_at IS NULL
     AND i.given_up IS NULL AND NOT EXISTS (SELECT FROM placements p WHERE p.instance_id = i.id)`;

/**
 * Each replica is ordered as its revision says, whatever serves. The rest of its order comes with the start: reading the
 * service and the instance once more made this the dearest statement to plan.
 */
const ORDER_OF_REPLICA = `LATERAL (SELECT s.id, s.customer_id, s.workspace_id, s.created_at, s.queued_at, v.image, v.cpu, v.memory, v.gpu,
         v.gpu_memory, v.config
    FROM service_revisions v WHERE v.service_id = s.id AND v.number = s.revision) o ON true`;

/** One that is done without holds its place until its host has let go of it. */
const HELD_REPLICAS = `FROM instances i LEFT JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
    JOIN service_revisions v ON v.service_id = i.workload_id AND v.number = i.revision
   WHERE i.workload_kind = 'inference' AND i.workload_id = t.id
     AND (i.dismissed_at IS NULL OR p.instance_id IS NOT NULL AND p.resources_released_at IS NULL)`;

export const SERVICE_STORE = {
  table: "inference_services",
  select: INFERENCE_SELECT,
  columns: {
    waiting: [],
    groupId: "NULL::text",
    hostId: "NULL::text",
    storage: "NULL::bigint",
    tempStorage: "NULL::bigint",
    startInstances: "1",
  },
  hasLeases: false,
  waitingStarts: WAITING_REPLICAS,
  orderOfStart: ORDER_OF_REPLICA,
  startColumns: "1 AS attempt, NULL AS code, NULL::jsonb AS distributed, NULL AS storage_pool, 0 AS priority",
  waitingCode: "s.lacks_code",
  limitSeconds: null,
  uses: {
    columns: ["replicas"],
    exists: "status IN ('creating', 'running', 'stopping', 'error')",
    // What says that it runs and has no instance comes from the old system and holds nothing.
    isActive: `EXISTS (SELECT FROM instances i WHERE i.workload_kind = 'inference' AND i.workload_id = t.id)`,
    // Those that are still to be made are of what serves; the others each of its revision.
    total: (of: (row: string) => string) =>
      `(SELECT coalesce(sum(${of("v")}), 0) + coalesce(${of("t")} * greatest(0, t.replicas - count(*)), 0) ${HELD_REPLICAS})`,
    environments: 0 as const,
  },
  waitingInstances: `(SELECT count(*) FROM (${WAITING_REPLICAS}) r WHERE r.id = t.id)`,
  waitingStartsOfRow: `(SELECT count(*) FROM (${WAITING_REPLICAS}) r WHERE r.id = t.id)`,
  lockWaiting,
  lock,
  notePlaced,
  move,
  loseHost: null,
  explain,
  explainWaiting,
  giveUpWaiting,
};

/** Replicas of one service are several starts: all that are asked for and wait still. */
async function lockWaiting(sql: Transaction, starts: readonly StartName[]): Promise<PlaceableStart[]> {
  const services = await lockServiceOrders(sql, [...new Set(starts.map(({ id }) => id))]);
  if (services.size === 0) return [];
  const { rows } = await sql.query<Parameters<typeof atRevision>[1] & { id: string; first_rank: number }>(
    `SELECT w.id, w.first_rank, ${TEMPLATE_COLUMNS} FROM (${WAITING_REPLICAS}) w
       JOIN unnest($1::text[], $2::int[]) AS asked(id, rank) ON asked.id = w.id AND asked.rank = w.first_rank
       JOIN service_revisions v ON v.service_id = w.id AND v.number = w.revision
      ORDER BY w.id, w.first_rank`,
    [starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return rows.flatMap(({ id, first_rank: rank, ...template }) => {
    const row = services.get(id);
    return row === undefined ? [] : [placeable(atRevision(row, template), rank)];
  });
}

function placeable(row: ServiceOrderRow, firstRank: number): PlaceableStart {
  const order = orderOfReplica(row);
  const envVars = row.env_vars ?? {};
  return {
    start: { kind: "inference", id: row.id, firstRank },
    order,
    name: row.name,
    actorId: row.orderer_id,
    payingWorkspaceId: row.paying_workspace_id,
    leasing: null,
    envVars,
    spec: ({ rank, gpus, datasets, models }) =>
      replicaSpec(
        {
          id: idOnHosts(row.id),
          network: networkName({ workspaceId: row.paying_workspace_id, customerId: row.customer_id }),
          image: row.image,
          cpuMilli: order.cpuMilli,
          memoryBytes: order.memoryBytes,
          envVars,
          datasets,
          models,
          rank,
          command: row.config?.command ?? null,
          port: portOf(row.config),
        },
        gpus,
      ),
    chosenGraceSeconds: row.config?.stop_grace_seconds ?? null,
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
    const { text, code, params } = reasonColumns({
      code: "replica-placed",
      params: { rank: start.firstRank, host_name: hosts[0]?.name ?? "unknown" },
    });
    await sql.change(
      `UPDATE inference_services SET ${SOUND_SIZES}, status_reason = $2, status_reason_code = $3, status_reason_params = $4
        WHERE id = $1 AND status = 'creating'`,
      [start.id, text, code, params],
    );
  }
}

async function move(sql: Transaction, moves: readonly WorkloadMove<InferenceServiceStatus>[]): Promise<void> {
  const wanted = await wantedIn(
    sql,
    moves.map(({ workload: { id }, to }) => ({ id, status: to })),
  );
  const { texts, codes, params } = reasonLists(moves.map(({ reason }) => reason));
  await sql.change(
    `UPDATE inference_services s SET ${SOUND_SIZES}, status = m.status, status_reason = m.reason,
            status_reason_code = m.reason_code, status_reason_params = m.reason_params,
            status_deadline_at = m.deadline, replicas = m.replicas
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::int[], $6::text[], $7::jsonb[])
              AS m(id, status, reason, deadline, replicas, reason_code, reason_params)
      WHERE s.id = m.id`,
    [
      moves.map(({ workload }) => workload.id),
      moves.map(({ to }) => to),
      texts,
      moves.map(({ to, now }) => {
        const limit = limitMs(to);
        return limit === null ? null : new Date(now.getTime() + limit);
      }),
      moves.map(({ workload }) => wanted.get(workload.id) ?? 0),
      codes,
      params,
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
  await queueWorkMessages(
    sql,
    moves.flatMap(({ workload: { id }, to, reason, now, cause = NO_CAUSE }, nth) => {
      const message = serviceStatusMessage(to, reason && inEnglish(reason), cause);
      if (message === null) return [];
      return [{ workload: { kind: "inference", id }, eventId: eventIds[nth] ?? 0, at: now, message }];
    }),
  );
}

async function explain(
  sql: Connection,
  { id, status, reason }: Explanation<InferenceServiceStatus>,
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE inference_services SET ${SOUND_SIZES}, status_reason = $3, status_reason_code = $4, status_reason_params = $5
      WHERE id = $1 AND status = $2 AND (status_reason, status_reason_code) IS DISTINCT FROM ($3, $4)`,
    [id, status, text, code, params],
  );
}

/** Also of one that runs: others answer meanwhile. Of one on its way to another version its rollout speaks. */
async function explainWaiting(
  sql: Transaction,
  reported: readonly { id: string; firstRank: number; reason: Reason }[],
): Promise<void> {
  const { texts, codes, params } = reasonLists(reported.map(({ reason }) => reason));
  const values = [reported.map(({ id }) => id), reported.map(({ firstRank }) => firstRank), texts];
  const { rows } = await sql.query<{ id: string }>(
    `SELECT s.id FROM inference_services s
      WHERE s.${IS_WANTED} AND s.id IN (
        SELECT t.id FROM unnest($1::text[], $2::int[], $3::text[], $4::text[]) AS t(id, rank, reason, code)
          JOIN instances i ON i.workload_kind = 'inference' AND i.workload_id = t.id AND i.rank = t.rank
         WHERE (i.lacks, i.lacks_code) IS DISTINCT FROM (t.reason, t.code)
            OR (s.status_reason, s.status_reason_code) IS DISTINCT FROM (t.reason, t.code))
      ORDER BY s.id FOR NO KEY UPDATE OF s`,
    [...values, codes],
  );
  if (rows.length === 0) return;
  const held = rows.map(({ id }) => id);
  await sql.change(
    `UPDATE instances i SET lacks = t.reason, lacks_code = t.code, lacks_params = t.params
       FROM unnest($1::text[], $2::int[], $3::text[], $5::text[], $6::jsonb[]) AS t(id, rank, reason, code, params)
      WHERE i.workload_kind = 'inference' AND i.workload_id = t.id AND i.rank = t.rank AND t.id = ANY($4::text[])
        AND (i.lacks, i.lacks_code) IS DISTINCT FROM (t.reason, t.code)`,
    [...values, held, codes, params],
  );
  await sql.change(
    `UPDATE inference_services s SET ${SOUND_SIZES}, status_reason = t.reason, status_reason_code = t.code,
            status_reason_params = t.params
       FROM (SELECT DISTINCT ON (id) id, reason, code, params
               FROM unnest($1::text[], $2::int[], $3::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY
               AS reported(id, rank, reason, code, params, nth) ORDER BY id, nth) t
      WHERE s.id = t.id AND s.id = ANY($4::text[])
        AND (s.status_reason, s.status_reason_code) IS DISTINCT FROM (t.reason, t.code)
        AND NOT EXISTS (SELECT FROM service_rollouts r WHERE r.service_id = s.id AND r.ended_at IS NULL)`,
    [...values, held, codes, params],
  );
}

/** What becomes of its service is for the rules of its replicas to say. The service is held by the caller. */
async function giveUpWaiting(
  sql: Transaction,
  { id, firstRank, reason }: { id: string; firstRank: number; reason: Reason },
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `UPDATE instances SET given_up = $3, given_up_code = $4, given_up_params = $5
      WHERE workload_kind = 'inference' AND workload_id = $1 AND rank = $2 AND current_epoch = 0 AND dismissed_at IS NULL`,
    [id, firstRank, text, code, params],
  );
}
