/**
 * Rows of the old system may hold what the new one's CHECKs, numbers and words do not allow: those are NOT VALID, so
 * that the rows could stay, but they look at every changed row whole. Here is how such values are read, and how a
 * change puts them right. What becomes of the rows themselves is old-workloads.ts.
 */
import {
  ENVIRONMENT_STATUSES,
  INFERENCE_SERVICE_STATUSES,
  TRAINING_JOB_STATUSES,
  type WorkloadKind,
} from "@remotegpu/shared/values/workload";

/** Every status of a kind, and what counts where a row has none of them: nobody can say that it runs. */
const STATUSES: Record<WorkloadKind, { known: readonly string[]; otherwise: string }> = {
  environment: { known: ENVIRONMENT_STATUSES, otherwise: "stopped" },
  training: { known: TRAINING_JOB_STATUSES, otherwise: "failed" },
  inference: { known: INFERENCE_SERVICE_STATUSES, otherwise: "stopped" },
};

/** SQL for the status of the workload `alias`, one of the kind's own words in any case. */
export function knownStatus(kind: WorkloadKind, alias: string): string {
  const { known, otherwise } = STATUSES[kind];
  const words = known.map((word) => `'${word}'`).join(", ");
  return `CASE WHEN ${alias}.status IN (${words}) THEN ${alias}.status ELSE '${otherwise}' END`;
}

/** SQL for a bigint that a JavaScript number holds exactly: one further out shows as the outermost that it does. */
export function safeBigint(column: string): string {
  const most = Number.MAX_SAFE_INTEGER;
  return `CASE WHEN ${column} > ${most} THEN ${most} WHEN ${column} < -${most} THEN -${most} ELSE ${column} END`;
}

const port = (column: string) => `${column} = CASE WHEN ${column} BETWEEN 1 AND 65535 THEN ${column} END`;

/** For the SET of an UPDATE of environments: changes nothing on a row that keeps the CHECKs. */
export const SOUND_ENVIRONMENT = `cpu = greatest(cpu, 1), memory = greatest(memory, 1),
    gpu = CASE WHEN gpu < 0 THEN 0 ELSE gpu END, storage = CASE WHEN storage < 0 THEN NULL ELSE storage END`;

/** Mirrors of ports that the old system leased. */
export const OLD_PORTS = ["ssh_port", "rdp_port", "jupyter_port"];
export const SOUND_PORTS = OLD_PORTS.map(port).join(", ");

/** The sizes of training jobs and inference services, where an unknown size may be null. */
export const SOUND_SIZES = `cpu = CASE WHEN cpu > 0 THEN cpu END, memory = CASE WHEN memory > 0 THEN memory END,
    gpu = CASE WHEN gpu >= 0 THEN gpu END`;

/** The sound columns of hosts. The status is what whoever changes the row sets. */
export const SOUND_HOST = `${port("ssh_port")}, ${port("agent_port")}, health_status = CASE
    WHEN health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown') THEN health_status ELSE 'unknown' END`;

export const SOUND_GPU = `
    status = CASE WHEN status IN ('available', 'allocated', 'maintenance', 'error') THEN status ELSE 'error' END,
    health_status = CASE
    WHEN health_status IN ('healthy', 'degraded', 'unhealthy', 'unknown') THEN health_status ELSE 'unknown' END`;

/** For the WHERE of an UPDATE of port_mappings: a lease that breaks the CHECKs cannot be changed, and stays as it is. */
export const SOUND_LEASE = `service_type IN ('ssh', 'rdp', 'jupyter', 'tensorboard', 'custom')
    AND external_port BETWEEN 1 AND 65535 AND internal_port BETWEEN 1 AND 65535`;
