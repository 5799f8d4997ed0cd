/** Environments in the store's table of kinds: how their rows wait, are placed, move and count. */
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../core/reasons/reason.ts";
import { waitsFor } from "../../core/environments/environment-status.ts";
import { environmentLive, environmentSpec, networkName } from "../../core/instances/desired-set.ts";
import type { PlaceableStart, PlacedStart } from "../../core/workloads/placeable-start.ts";
import type { StartName } from "../../core/workloads/start.ts";
import type { LockedWorkload, WorkloadMove } from "../../core/workloads/workload-move.ts";
import type { Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { isOfEnvironment } from "./environment-instances.ts";
import { orderOfEnvironment } from "./environment-order.ts";
import { explainEnvironment, explainWaiting, loseHost, moveEnvironments } from "./environment-moves.ts";
import {
  ENVIRONMENT_SELECT,
  type EnvironmentRow,
  lockEnvironment,
  lockEnvironments,
} from "./environments.ts";

export const ENVIRONMENT_STORE = {
  table: "environments",
  select: ENVIRONMENT_SELECT,
  columns: {
    waiting: ["temp_storage"],
    groupId: "NULL::text",
    hostId: "host_id",
    storage: "storage",
    tempStorage: "temp_storage",
    startInstances: "1",
  },
  hasLeases: true,
  waitingStarts:
    "SELECT id, 0 AS first_rank, 1 AS instances FROM environments WHERE status = 'queued' AND deleted_at IS NULL",
  orderOfStart: "environments o ON o.id = s.id",
  startColumns: "1 AS attempt, NULL AS code, NULL::jsonb AS distributed, o.storage_pool, 0 AS priority",
  waitingCode: "o.status_reason_code",
  limitSeconds: null,
  uses: {
    columns: ["storage"],
    exists: "status IS DISTINCT FROM 'deleting'",
    // What says that it runs and has no instance comes from the old system and holds nothing.
    isActive: `status = 'queued' OR status IN ('creating', 'running', 'restarting', 'stopping') AND EXISTS (
        SELECT FROM instances i WHERE ${isOfEnvironment("i", "t.id")})`,
    total: (size: (row: string) => string) => size("t"),
    environments: 1 as const,
  },
  waitingInstances: "CASE WHEN status = 'queued' THEN 1 ELSE 0 END",
  waitingStartsOfRow: "CASE WHEN status = 'queued' THEN 1 ELSE 0 END",
  lockWaiting,
  lock,
  notePlaced,
  move: async (sql: Transaction, moves: readonly WorkloadMove<EnvironmentStatus>[]) => {
    await moveEnvironments(
      sql,
      moves.map(({ workload: { id, status, customerId }, ...move }) => ({
        ...move,
        environment: { id, status, customer_id: customerId },
      })),
    );
  },
  loseHost,
  explain: explainEnvironment,
  explainWaiting,
  giveUpWaiting: (sql: Transaction, start: { id: string; reason: Reason }) => explainWaiting(sql, [start]),
};

async function lockWaiting(sql: Transaction, starts: readonly StartName[]): Promise<PlaceableStart[]> {
  const environments = await lockEnvironments(
    sql,
    starts.map(({ id }) => id),
  );
  return [...environments.values()].filter(({ status }) => status === "queued").map(placeable);
}

function placeable(row: EnvironmentRow): PlaceableStart {
  const order = orderOfEnvironment(row);
  const envVars = row.env_vars ?? {};
  return {
    start: { kind: "environment", id: row.id, firstRank: 0 },
    order,
    name: row.name,
    actorId: row.orderer_id,
    payingWorkspaceId: row.paying_workspace_id,
    leasing: row,
    envVars,
    spec: ({ gpus, datasets, models }) =>
      environmentSpec(
        {
          id: idOnHosts(row.id),
          network: networkName({ workspaceId: row.paying_workspace_id, customerId: row.customer_id }),
          image: row.image,
          cpuMilli: order.cpuMilli,
          memoryBytes: order.memoryBytes,
          envVars,
          datasets,
          models,
          command: row.config?.command ?? null,
          storageBytes: order.storageBytes,
          tempStorageBytes: order.tempStorageBytes,
          jupyter: row.jupyter_enabled,
          tensorboard: row.tensorboard_enabled,
        },
        gpus,
      ),
    chosenGraceSeconds: null,
    live: environmentLive,
  };
}

async function lock(sql: Transaction, id: string): Promise<LockedWorkload<EnvironmentStatus> | null> {
  const row = await lockEnvironment(sql, id);
  return row && { id, status: row.status, customerId: row.customer_id, deadlineAt: row.status_deadline_at };
}

/** Its host gets it running from now on. */
async function notePlaced(sql: Transaction, placed: readonly PlacedStart[]): Promise<void> {
  await moveEnvironments(
    sql,
    placed.flatMap(({ placeable: { start, order }, hosts: [host], now }) =>
      host === undefined
        ? []
        : [
            {
              environment: { id: start.id, status: "queued", customer_id: order.customerId },
              to: "creating",
              reason: waitsFor("creating", host.name),
              actor: "control-plane",
              now,
              hostId: host.id,
            },
          ],
    ),
  );
}
