/** Training jobs in the store's table of kinds: how their rows wait, are placed, move and count. */
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../core/reasons/reason.ts";
import { networkName, rankLive, rankSpec } from "../../core/instances/desired-set.ts";
import type { PlaceableStart } from "../../core/workloads/placeable-start.ts";
import type { StartName } from "../../core/workloads/start.ts";
import type { LockedWorkload } from "../../core/workloads/workload-move.ts";
import type { Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { limitSeconds } from "../database/values/limit-seconds.ts";
import { explainJob, explainWaitingJobs, moveJobs, notePlacedJobs } from "./job-moves.ts";
import {
  distributedConfigOf,
  distributedEnv,
  launchOf,
  stallAfterSeconds,
  stopGraceSeconds,
} from "../../core/training/job-config.ts";
import { withTurn } from "./job-arrays.ts";
import { codeOf, type JobOrderRow, lockedJob, lockJobOrders, orderOfJob } from "./job-orders.ts";
import { JOB_SELECT } from "./training-jobs.ts";

/** What the old system had waiting is not wanted again by that alone: until somebody confirms it, it counts for nothing. */
const WAITS = "status = 'queued' AND confirmed_at IS NOT NULL";
/** Of a row `t`: an element of an array that begins when others of it have ended costs nothing beside them. */
const COMES_LATER = `EXISTS (SELECT FROM training_job_groups g
  WHERE g.id = t.group_id AND t.array_index - g.first_index >= g.at_once)`;
const RANKS = "greatest(coalesce(node_count, 1), 1)";

export const JOB_STORE = {
  table: "training_jobs",
  select: JOB_SELECT,
  columns: {
    waiting: [],
    hostId: "NULL::text",
    groupId: "w.group_id",
    storage: "NULL::bigint",
    tempStorage: "NULL::bigint",
    startInstances: RANKS,
  },
  hasLeases: false,
  waitingStarts: `SELECT id, 0 AS first_rank, ${RANKS} AS instances FROM training_jobs
     WHERE ${WAITS} AND placed_at IS NULL AND deleted_at IS NULL`,
  orderOfStart: "training_jobs o ON o.id = s.id",
  startColumns: `o.attempt, CASE WHEN o.code_id IS NOT NULL THEN 'brought' WHEN o.mounts_env_code THEN 'of-environment' END AS code,
      o.distributed_config AS distributed, coalesce(o.priority, 0) AS priority,
      (SELECT e.storage_pool FROM environments e WHERE o.mounts_env_code AND e.id = o.env_id) AS storage_pool`,
  waitingCode: "o.status_reason_code",
  limitSeconds: limitSeconds("o"),
  uses: {
    columns: ["node_count", "confirmed_at", "placed_at", "group_id", "array_index"],
    exists: "status IN ('queued', 'running', 'stopping')",
    // What says that it runs and has no instance comes from the old system and holds nothing.
    // One that waits for a place waits for room in the quotas as well.
    isActive: `(status IN ('running', 'stopping') OR ${WAITS} AND placed_at IS NOT NULL) AND EXISTS (
        SELECT FROM instances i WHERE i.workload_kind = 'training' AND i.workload_id = t.id)`,
    total: (size: (row: string) => string) => `${size("t")} * ${RANKS}`,
    environments: 0 as const,
  },
  waitingInstances: `CASE WHEN ${WAITS} AND placed_at IS NULL AND NOT ${COMES_LATER} THEN ${RANKS} ELSE 0 END`,
  waitingStartsOfRow: `CASE WHEN ${WAITS} AND placed_at IS NULL THEN 1 ELSE 0 END`,
  lockWaiting,
  lock,
  notePlaced: notePlacedJobs,
  move: moveJobs,
  loseHost: null,
  explain: explainJob,
  explainWaiting: explainWaitingJobs,
  giveUpWaiting: (sql: Transaction, start: { id: string; reason: Reason }) =>
    explainWaitingJobs(sql, [start]),
};

async function lockWaiting(sql: Transaction, starts: readonly StartName[]): Promise<PlaceableStart[]> {
  const jobs = await lockJobOrders(
    sql,
    starts.map(({ id }) => id),
  );
  const waiting = [...jobs.values()].filter(
    (job) => job.status === "queued" && job.confirmed_at !== null && job.placed_at === null,
  );
  const due = await withTurn(sql, waiting);
  return waiting.filter(({ id }) => due.has(id)).map(placeable);
}

function placeable(row: JobOrderRow): PlaceableStart {
  const order = orderOfJob(row);
  const envVars = row.env_vars ?? {};
  return {
    start: { kind: "training", id: row.id, firstRank: 0 },
    order,
    name: row.name,
    actorId: row.orderer_id,
    payingWorkspaceId: row.paying_workspace_id,
    leasing: null,
    envVars,
    spec: ({ rank, gpus, datasets, models, gang }) =>
      rankSpec(
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
          command: row.command,
          attempt: row.attempt,
          outputPath: row.output_path ?? "",
          gang,
          launch: launchOf(distributedConfigOf(row.distributed_config), {
            rank,
            ranks: row.node_count,
            gpus: gpus.length,
            attempt: row.attempt,
          }),
          distributedEnv: distributedEnv(distributedConfigOf(row.distributed_config), {
            id: idOnHosts(row.id),
            attempt: row.attempt,
            rank,
            gpus: gpus.length,
            gang,
          }),
          arrayIndex: row.array_index,
          code: codeOf(row),
        },
        gpus,
      ),
    chosenGraceSeconds: row.config?.stop_grace_seconds ?? null,
    live: (hosts) =>
      rankLive({
        hosts,
        stopGraceSeconds: stopGraceSeconds(row.config),
        stallAfterSeconds: stallAfterSeconds(row.config),
      }),
  };
}

async function lock(sql: Transaction, id: string): Promise<LockedWorkload<TrainingJobStatus> | null> {
  const row = (await lockJobOrders(sql, [id])).get(id);
  if (row === undefined) return null;
  return lockedJob(row);
}
