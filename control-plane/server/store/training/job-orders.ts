/** Training jobs as transactions hold them: with who pays, and read as the orders that they are. */
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import type { RankCode } from "../../core/instances/desired-set.ts";
import { type Order, resourcesOf } from "../../core/orders/order.ts";
import { DATASET_PATHS, type Mount, MODEL_PATHS, withPaths } from "../../core/orders/order-check.ts";
import { distributedConfigOf, type JobConfig, jobNeeds, retryTerms } from "../../core/training/job-config.ts";
import type { LockedWorkload } from "../../core/workloads/workload-move.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { limitSeconds } from "../database/values/limit-seconds.ts";
import { knownStatus, safeBigint } from "../database/values/old-values.ts";
import type { NewJob } from "./new-jobs.ts";

export interface JobOrderRow {
  id: string;
  customer_id: number;
  workspace_id: number | null;
  /** Who pays for a run that starts now: the owner of the workspace, else the customer. */
  payer_id: number;
  /** The two as a run may name them: ids of the old system may point nowhere. */
  paying_workspace_id: number | null;
  orderer_id: number | null;
  name: string;
  description: string | null;
  image: string;
  command: string;
  status: TrainingJobStatus;
  status_deadline_at: Date | null;
  priority: number;
  /** Sizes are each rank's. */
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  node_count: number;
  /** Ids of datasets and models; 0 is the old system's word for none. */
  mounted_datasets: number[] | null;
  mounted_models: number[] | null;
  env_vars: StoredEnvVars | null;
  output_path: string | null;
  distributed_config: Record<string, unknown> | null;
  config: JobConfig | null;
  /** Null for one that may run as long as it likes. */
  limit_seconds: number | null;
  /** Since when it is wanted; null for one that the old system had, until somebody confirms it. */
  confirmed_at: Date | null;
  /** Since when it has places; null while it waits for them. */
  placed_at: Date | null;
  /** The number of the one that stands or ended last, from 1. */
  attempt: number;
  /** Null where the image brings its own. */
  code_id: string | null;
  /** Null for code that is not kept any more. */
  code_sha256: string | null;
  code_size: number | null;
  /** The environment whose code is mounted, if any, and where that lies. */
  code_env_id: string | null;
  code_pool: string | null;
  infrastructure_retries: number;
  program_retries: number;
  /** Since when somebody does not want it any more. */
  cancel_ordered_at: Date | null;
  /** Of an element of an array. */
  group_id: string | null;
  array_index: number | null;
}

export function lockedJob(row: JobOrderRow): LockedWorkload<TrainingJobStatus> {
  return {
    id: row.id,
    status: row.status,
    customerId: row.customer_id,
    deadlineAt: row.status_deadline_at,
    endsWhenStalled: row.config?.stall_retry === true,
    retry: {
      tries: {
        attempt: row.attempt,
        infrastructureRetries: row.infrastructure_retries,
        programRetries: row.program_retries,
      },
      terms: retryTerms(row.config),
      isCancelled: row.cancel_ordered_at !== null,
      logRules: row.config?.log_rules ?? [],
    },
  };
}

/** Held to the end of the transaction, in the order of their ids; after environments, before accounts and hosts. */
export async function lockJobOrders(
  sql: Transaction,
  ids: readonly string[],
): Promise<Map<string, JobOrderRow>> {
  if (ids.length === 0) return new Map();
  const held = sql.query(
    "SELECT FROM training_jobs WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    [ids],
  );
  const read = sql.query<JobOrderRow>(
    `SELECT j.id, ${safeBigint("j.customer_id")} AS customer_id, ${safeBigint("j.workspace_id")} AS workspace_id,
            ${safeBigint("coalesce(w.owner_id, j.customer_id)")} AS payer_id, w.id AS paying_workspace_id,
            (SELECT c.id FROM customers c WHERE c.id = j.customer_id) AS orderer_id, j.name, j.description,
            j.image, j.command, coalesce(j.priority, 0) AS priority, ${knownStatus("training", "j")} AS status, j.status_deadline_at, coalesce(j.cpu, 1) AS cpu,
            ${safeBigint("coalesce(j.memory, 1)")} AS memory, coalesce(j.gpu, 0) AS gpu,
            ${safeBigint("j.gpu_memory")} AS gpu_memory, coalesce(j.node_count, 1) AS node_count, j.mounted_datasets,
            j.mounted_models, j.env_vars, j.output_path, j.distributed_config, j.config, ${limitSeconds("j")} AS limit_seconds,
            j.confirmed_at, j.placed_at, j.attempt, j.infrastructure_retries, j.program_retries, j.cancel_ordered_at,
            j.group_id, j.array_index,
            j.code_id, c.sha256 AS code_sha256, c.size::int AS code_size,
            CASE WHEN j.mounts_env_code THEN j.env_id END AS code_env_id, e.storage_pool AS code_pool
       FROM training_jobs j LEFT JOIN codes c ON c.id = j.code_id
            LEFT JOIN environments e ON j.mounts_env_code AND e.id = j.env_id
            LEFT JOIN workspaces w ON w.id = j.workspace_id AND ${LIVE}
      WHERE j.id = ANY($1::text[]) AND j.deleted_at IS NULL`,
    [ids],
  );
  // Read once the rows are held.
  const [, { rows }] = await Promise.all([held, read]);
  return new Map(rows.map((row) => [row.id, row]));
}

export function codeOf(row: Pick<JobOrderRow, "code_sha256" | "code_size" | "code_env_id">): RankCode | null {
  const { code_sha256: sha256, code_size: bytes, code_env_id: environmentId } = row;
  if (environmentId !== null) return { kind: "of-environment", environmentId: idOnHosts(environmentId) };
  return sha256 === null || bytes === null ? null : { kind: "brought", sha256, bytes };
}

export function orderOfJob(row: JobOrderRow): Order {
  return {
    ...resourcesOf(row),
    kind: "training",
    id: row.id,
    image: row.image,
    customerId: row.customer_id,
    workspaceId: row.workspace_id,
    payerId: row.payer_id,
    hostLabels: row.config?.host_labels ?? {},
    storagePool: row.code_pool,
    distinctHosts: row.config?.distinct_hosts ?? false,
    datasets: mountsAt(row.mounted_datasets, DATASET_PATHS),
    models: mountsAt(row.mounted_models, MODEL_PATHS),
    needs: jobNeeds(row.config, {
      attempt: row.attempt,
      ranks: row.node_count,
      code: codeOf(row)?.kind ?? null,
      distributed: distributedConfigOf(row.distributed_config),
    }),
  };
}

/** Of one that is not there yet. */
export function orderOfNewJob(job: NewJob, payerId: number): Order {
  const { cpu, memory, gpu, gpuMemory, config, nodeCount } = job;
  return {
    ...resourcesOf({ cpu, memory, gpu, gpu_memory: gpuMemory, config, node_count: nodeCount }),
    kind: "training",
    id: null,
    image: job.image,
    customerId: job.customerId,
    workspaceId: job.workspaceId,
    payerId,
    hostLabels: config.host_labels ?? {},
    storagePool: job.code?.kind === "of-environment" ? job.code.storagePool : null,
    distinctHosts: config.distinct_hosts ?? false,
    datasets: mountsAt(job.mountedDatasets, DATASET_PATHS),
    models: mountsAt(job.mountedModels, MODEL_PATHS),
    needs: jobNeeds(config, {
      attempt: 1,
      ranks: nodeCount,
      code: job.code?.kind ?? null,
      distributed: job.distributedConfig,
    }),
  };
}

/** A job names what it mounts by ids alone, in the order of the paths. */
function mountsAt(ids: readonly number[] | null, family: readonly string[]): Mount[] {
  return withPaths(
    (ids ?? []).filter((id) => id !== 0).map((id) => ({ id })),
    family,
  );
}
