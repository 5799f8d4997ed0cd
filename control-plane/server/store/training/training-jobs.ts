/** Rows of training jobs, read. */
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { MIN_MEMORY } from "../../core/orders/order-check.ts";
import { neverStarts, NO_IMAGE, WAITS_FOR_CONFIRMATION } from "../../core/training/old-jobs.ts";
import type { Connection } from "../database/database.ts";
import { knownStatus, safeBigint } from "../database/values/old-values.ts";
import { type StatusReasonRow, statusReasonColumns } from "../database/values/reason-columns.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";

export interface TrainingJobRow extends StatusReasonRow {
  id: string;
  customer_id: number;
  /** Of whoever ordered it; null where an id of the old system points nowhere. */
  owner_username: string | null;
  workspace_id: number | null;
  /** The environment it was made from, in the old system. */
  env_id: string | null;
  /** What was brought as its code. */
  code_id: string | null;
  name: string;
  description: string | null;
  framework: string | null;
  image: string;
  command: string;
  status: TrainingJobStatus;
  status_deadline_at: Date | null;
  priority: number;
  /** Sizes are per instance; null where the old system did not say. */
  cpu: number | null;
  memory: number | null;
  gpu: number | null;
  gpu_memory: number | null;
  node_count: number;
  distributed_config: Record<string, unknown> | null;
  /** Ids of datasets and models; 0 is the old system's word for none. */
  mounted_datasets: number[] | null;
  mounted_models: number[] | null;
  env_vars: StoredEnvVars | null;
  output_path: string | null;
  config: Record<string, unknown> | null;
  /** The old system had it waiting, and nobody has said yet that it is wanted here. */
  awaits_confirmation: boolean;
  /** The number of the one that stands or ended last, from 1. */
  attempt: number;
  /** The array that it is an element of, and which. */
  group_id: string | null;
  array_index: number | null;
  started_at: Date | null;
  completed_at: Date | null;
  created_at: Date | null;
  updated_at: Date | null;
}

const AWAITS_CONFIRMATION = "j.confirmed_at IS NULL AND j.status IN ('pending', 'queued')";

const STATUS_REASON = `CASE WHEN ${AWAITS_CONFIRMATION} THEN CASE
      WHEN j.image = '${NO_IMAGE}' THEN '${inEnglish(neverStarts("image"))}'
      WHEN j.memory IS NULL OR j.memory < ${MIN_MEMORY} THEN '${inEnglish(neverStarts("memory"))}'
      ELSE '${WAITS_FOR_CONFIRMATION}' END
    ELSE j.status_reason END`;

/** What awaits its confirmation says so whatever its row has. */
const REASON_COLUMNS = statusReasonColumns("j", { text: STATUS_REASON, isOther: AWAITS_CONFIRMATION });

export const JOB_SELECT = `SELECT j.id, ${safeBigint("j.customer_id")} AS customer_id,
    (SELECT o.username FROM customers o WHERE o.id = j.customer_id) AS owner_username, ${safeBigint("j.workspace_id")} AS workspace_id,
    j.env_id, j.code_id, j.name, j.description, j.framework, j.image, j.command, ${knownStatus("training", "j")} AS status,
    ${STATUS_REASON} AS status_reason, ${REASON_COLUMNS}, j.status_deadline_at, coalesce(j.priority, 0) AS priority, j.cpu,
    ${safeBigint("j.memory")} AS memory, j.gpu, ${safeBigint("j.gpu_memory")} AS gpu_memory,
    coalesce(j.node_count, 1) AS node_count, j.distributed_config, j.mounted_datasets, j.mounted_models, j.env_vars,
    j.output_path, j.config, ${AWAITS_CONFIRMATION} AS awaits_confirmation, j.attempt,
    j.group_id, j.array_index,
    j.started_at, j.completed_at, j.created_at, j.updated_at
  FROM training_jobs j`;

/** Null for one that does not exist or is deleted. */
export async function trainingJobById(sql: Connection, id: string): Promise<TrainingJobRow | null> {
  const { rows } = await sql.query<TrainingJobRow>(`${JOB_SELECT} WHERE j.id = $1 AND j.deleted_at IS NULL`, [
    id,
  ]);
  return rows[0] ?? null;
}
