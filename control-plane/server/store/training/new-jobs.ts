/** Rows of training jobs: made, wanted again after the old system or after their end, and marked as deleted. */
import type { Reason } from "../../core/reasons/reason.ts";
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import { jobMessage } from "../../core/alerts/job-messages.ts";
import type { StopActor } from "../../core/instances/instance-report.ts";
import type { JobConfig } from "../../core/training/job-config.ts";
import type { DistributedConfig } from "../../core/training/rank-environment.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { SOUND_SIZES } from "../database/values/old-values.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import { queueWorkMessages } from "../events/message-outbox.ts";

export interface NewJob {
  customerId: number;
  workspaceId: number;
  name: string;
  description: string | null;
  framework: string | null;
  image: string;
  command: string;
  /** Sizes are each rank's, in bytes. */
  cpu: number;
  memory: number;
  gpu: number;
  gpuMemory: number | null;
  nodeCount: number;
  distributedConfig: DistributedConfig | null;
  /** Ids, at most three of each. */
  mountedDatasets: readonly number[];
  mountedModels: readonly number[];
  envVars: StoredEnvVars;
  outputPath: string | null;
  code: JobCode | null;
  priority: number;
  config: JobConfig;
}

/** One row: the job itself, or an element of its array. */
export interface NewJobRow {
  id: string;
  name: string;
  element: { arrayId: string; index: number } | null;
}
/** What was brought, or that of an environment, which lies in one pool. */
export type JobCode =
  | { kind: "brought"; codeId: string }
  | { kind: "of-environment"; environmentId: string; storagePool: string };

interface Deed {
  actor: string;
  now: Date;
  reason: Reason;
}

/**
 * As `queued`, alike in all but what each row says of itself. Call in the transaction that checks the order. An array is in
 * the audit log by its first job.
 */
export async function insertJobs(
  sql: Transaction,
  { job, rows }: { job: NewJob; rows: readonly NewJobRow[] },
  { actor, now, reason }: Deed,
): Promise<void> {
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `INSERT INTO training_jobs (id, customer_id, workspace_id, name, description, framework, image, command, status,
            status_reason, priority, cpu, memory, gpu, gpu_memory, node_count, distributed_config, mounted_datasets,
            mounted_models, env_vars, output_path, config, created_at, queued_at, confirmed_at, group_id, array_index, code_id,
            env_id, mounts_env_code, status_reason_code, status_reason_params)
     SELECT r.id, $2, $3, r.name, $5, $6, $7, $8, 'queued', $9, $10, $11, $12, $13, $14, $15, $16::jsonb, $17::jsonb,
            $18::jsonb, $19::jsonb, coalesce($20, '/gemini/output/'), $21::jsonb, $22, $22, $22, r.group_id, r.array_index,
            $25, $26, $27, $28, $29::jsonb
       FROM unnest($1::text[], $4::text[], $23::text[], $24::int[]) AS r(id, name, group_id, array_index)
     RETURNING id`,
    [
      rows.map(({ id }) => id),
      job.customerId,
      job.workspaceId,
      rows.map(({ name }) => name),
      job.description,
      job.framework,
      job.image,
      job.command,
      text,
      job.priority,
      job.cpu,
      job.memory,
      job.gpu,
      job.gpuMemory,
      job.nodeCount,
      job.distributedConfig && JSON.stringify(job.distributedConfig),
      JSON.stringify(job.mountedDatasets),
      JSON.stringify(job.mountedModels),
      JSON.stringify(job.envVars),
      job.outputPath,
      JSON.stringify(job.config),
      now,
      rows.map(({ element }) => element?.arrayId ?? null),
      rows.map(({ element }) => element?.index ?? null),
      job.code?.kind === "brought" ? job.code.codeId : null,
      job.code?.kind === "of-environment" ? job.code.environmentId : null,
      job.code?.kind === "of-environment",
      code,
      params,
    ],
    { makes: "training-job" },
  );
  const { customerId } = job;
  await appendStatuses(
    sql,
    rows.map(({ id }) => ({ id, customerId, old: null })),
    { actor, now, reason },
  );
}

/** One UPDATE: a second one of a transaction checks the foreign keys, and ids of the old system may point nowhere. */
export async function markWanted(
  sql: Transaction,
  job: { id: string; status: string; customer_id: number },
  deed: Deed,
): Promise<void> {
  const { text, code, params } = reasonColumns(deed.reason);
  await sql.change(
    `UPDATE training_jobs SET ${SOUND_SIZES}, status = 'queued', status_reason = $2,
            status_reason_code = $4, status_reason_params = $5, status_deadline_at = NULL,
            confirmed_at = $3, queued_at = $3 WHERE id = $1`,
    [job.id, text, deed.now, code, params],
  );
  await appendStatus(sql, { id: job.id, customerId: job.customer_id, old: job.status }, deed);
}

/** The next attempt, with all its retries; its place in the line is that of a new order. */
export async function markAgain(
  sql: Transaction,
  job: { id: string; status: string; customer_id: number; attempt: number },
  deed: Deed & { by: StopActor },
): Promise<void> {
  const { text, code, params } = reasonColumns(deed.reason);
  await sql.change(
    `UPDATE training_jobs SET ${SOUND_SIZES}, status = 'queued', status_reason = $2,
            status_reason_code = $4, status_reason_params = $5, status_deadline_at = NULL,
            attempt = attempt + 1, infrastructure_retries = 0, program_retries = 0, cancel_ordered_at = NULL,
            placed_at = NULL, started_at = NULL, completed_at = NULL, queued_at = $3 WHERE id = $1`,
    [job.id, text, deed.now, code, params],
  );
  const eventId = await appendStatus(sql, { id: job.id, customerId: job.customer_id, old: job.status }, deed);
  const cause = { by: deed.by, exitCode: null };
  const { attempt } = job;
  const message = jobMessage({ to: "queued", reason: text, cause, attempt, nextAttempt: attempt + 1 });
  if (message === null) return;
  await queueWorkMessages(sql, [
    { workload: { kind: "training", id: job.id }, eventId, at: deed.now, message },
  ]);
}

interface Queued {
  id: string;
  customerId: number;
  old: string | null;
}

async function appendStatus(sql: Connection, job: Queued, deed: Deed): Promise<number> {
  const [eventId = 0] = await appendStatuses(sql, [job], deed);
  return eventId;
}

async function appendStatuses(
  sql: Connection,
  jobs: readonly Queued[],
  { actor, now, reason }: Deed,
): Promise<number[]> {
  return await appendEvents(
    sql,
    jobs.map(({ id, customerId, old }) => ({
      at: now,
      kind: STATUS_EVENT,
      workloadKind: "training" as const,
      workloadId: id,
      customerId,
      actor,
      old,
      new: "queued",
      reason,
    })),
  );
}

/** Nobody sees it any more; what it used stays in the books. */
export async function markDeleted(sql: Connection, ids: readonly string[], now: Date): Promise<void> {
  await sql.change(`UPDATE training_jobs SET ${SOUND_SIZES}, deleted_at = $2 WHERE id = ANY($1::text[])`, [
    ids,
    now,
  ]);
}
