/** Training jobs as the placing transaction takes them: locked, with who pays, and set running once they have a place. */
import type { TrainingJobStatus } from "@remotegpu/shared/workload";
import type { TrainingConfig } from "../../core/training/training-order.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection } from "../database/database.ts";
import { appendEvents, STATUS_EVENT } from "../events/events.ts";
import { knownStatus, safeBigint, SOUND_SIZES } from "../database/old-values.ts";

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
  image: string;
  command: string;
  status: TrainingJobStatus;
  /** Sizes are each rank's. */
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  node_count: number;
  /** Ids of datasets and models; 0 is the old system's word for none. */
  mounted_datasets: number[] | null;
  mounted_models: number[] | null;
  env_vars: Record<string, string> | null;
  output_path: string | null;
  config: TrainingConfig | null;
  /** Since when it is wanted; null for one that the old system had, until somebody confirms it. */
  confirmed_at: Date | null;
}

/** Held to the end of the transaction, in the order of their ids; after environments, before accounts and hosts. */
export async function lockJobOrders(
  sql: Connection,
  ids: readonly string[],
): Promise<Map<string, JobOrderRow>> {
  if (ids.length === 0) return new Map();
  await sql.query(
    "SELECT FROM training_jobs WHERE id = ANY($1::text[]) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    [ids],
  );
  const { rows } = await sql.query<JobOrderRow>(
    `SELECT j.id, ${safeBigint("j.customer_id")} AS customer_id, ${safeBigint("j.workspace_id")} AS workspace_id,
            ${safeBigint("coalesce(w.owner_id, j.customer_id)")} AS payer_id, w.id AS paying_workspace_id,
            (SELECT c.id FROM customers c WHERE c.id = j.customer_id) AS orderer_id, j.name, j.image, j.command,
            ${knownStatus("training", "j")} AS status, coalesce(j.cpu, 1) AS cpu,
            ${safeBigint("coalesce(j.memory, 1)")} AS memory, coalesce(j.gpu, 0) AS gpu,
            ${safeBigint("j.gpu_memory")} AS gpu_memory, coalesce(j.node_count, 1) AS node_count, j.mounted_datasets,
            j.mounted_models, j.env_vars, j.output_path, j.config, j.confirmed_at
       FROM training_jobs j LEFT JOIN workspaces w ON w.id = j.workspace_id AND ${LIVE}
      WHERE j.id = ANY($1::text[]) AND j.deleted_at IS NULL`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

export interface JobStart {
  job: JobOrderRow;
  /** By name, in the order of the ranks; several ranks may be on one. */
  hostNames: readonly string[];
  now: Date;
}

/** Their ranks are placed: they run from now on. Call in the transaction that holds them. */
export async function startJobs(sql: Connection, starts: readonly JobStart[]): Promise<void> {
  if (starts.length === 0) return;
  await sql.query(
    `UPDATE training_jobs j SET ${SOUND_SIZES}, status = 'running', status_reason = s.reason, status_deadline_at = NULL,
            started_at = s.at
       FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s(id, reason, at) WHERE j.id = s.id`,
    [starts.map(({ job }) => job.id), starts.map(reasonOf), starts.map(({ now }) => now)],
  );
  await appendEvents(
    sql,
    starts.map((start) => ({
      at: start.now,
      kind: STATUS_EVENT,
      workloadKind: "training",
      workloadId: start.job.id,
      customerId: start.job.customer_id,
      actor: "control-plane",
      old: start.job.status,
      new: "running",
      reason: reasonOf(start),
    })),
  );
}

function reasonOf({ hostNames }: JobStart): string {
  const hosts = [...new Set(hostNames)];
  return hosts.length === 1
    ? `Placed on host ${hosts.join()}.`
    : `Placed on ${hosts.length} hosts: ${hosts.join(", ")}.`;
}
