/** Rows of inference services, read. */
import type { StoredEnvVars } from "../../core/secrets/env-var-seal.ts";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import {
  type StatusReasonRow,
  statusReasonColumns,
  type StoredReason,
  storedReasonColumn,
} from "../database/values/reason-columns.ts";
import type { Connection } from "../database/database.ts";
import { knownStatus, safeBigint } from "../database/values/old-values.ts";
import { LIVE_SERVICE_DOMAIN } from "../gateway/gateways.ts";
import { LAST_SCALINGS, type ScalingView } from "./scalings.ts";
import { SCALES_BY_ITSELF } from "./replica-requests.ts";

export interface InferenceServiceRow extends StatusReasonRow {
  id: string;
  customer_id: number;
  /** The name of whoever ordered it; null where an id of the old system points nowhere. */
  owner_username: string | null;
  workspace_id: number | null;
  name: string;
  description: string | null;
  model_id: number | null;
  model_version: string | null;
  framework: string | null;
  image: string;
  version: string | null;
  previous_version: string | null;
  status: InferenceServiceStatus;
  status_deadline_at: Date | null;
  /** The URL of one of the old system as that wrote it; null before a gateway has reported where it is. */
  endpoint_url: string | null;
  /** Below which each service has a name of its own, at a gateway that runs: "https://services.example.com". */
  service_domain: string | null;
  /** Sizes are per instance; null where the old system did not say. */
  cpu: number | null;
  memory: number | null;
  gpu: number | null;
  gpu_memory: number | null;
  /** As many as are wanted: none of a stopped service that we stopped. */
  replicas: number;
  min_replicas: number;
  max_replicas: number;
  autoscaling_enabled: boolean;
  autoscaling_config: Record<string, unknown> | null;
  autoscaling_dry_run: boolean;
  /** Null where it is off. */
  autoscaling: AutoscalingView | null;
  health_check_path: string | null;
  /** Seconds. */
  health_check_interval: number;
  env_vars: StoredEnvVars | null;
  config: Record<string, unknown> | null;
  created_at: Date | null;
  updated_at: Date | null;
  /** Replicas that serve, and that wait for a place. */
  ready_replicas: number;
  waiting_replicas: number;
  /** The one that serves; null for one of the old system. */
  revision: number | null;
  /** Null where it is on its way to no other version. */
  rollout: {
    version: string | null;
    revision: number;
    cause: StoredReason;
    allow_gap: boolean;
    began_at: string;
  } | null;
}

export interface AutoscalingView {
  /** Whether its number follows its load; else it is left to people. */
  is_in_charge: boolean;
  /** The number of replicas that it recommends; null before its first check. */
  desired_replicas: number | null;
  reason: StoredReason;
  /** RFC 3339. */
  checked_at: string | null;
  /** The newest first. */
  decisions: ScalingView[];
}

const AUTOSCALING = `CASE WHEN s.autoscaling_enabled THEN (SELECT jsonb_build_object(
    'is_in_charge', ${SCALES_BY_ITSELF},
    'desired_replicas', l.desired_replicas, 'reason', ${storedReasonColumn("l", "sentence")}, 'checked_at', l.checked_at, 'decisions', ${LAST_SCALINGS})
   FROM (VALUES (1)) one LEFT JOIN scaling_checks l ON l.service_id = s.id) END`;

const REPLICAS = (which: string) => `(SELECT count(*)::int FROM instances i
    LEFT JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
   WHERE i.workload_kind = 'inference' AND i.workload_id = s.id AND i.dismissed_at IS NULL
     AND i.draining_since IS NULL AND ${which})`;
const SERVES = "p.state = 'ready' AND p.want = 'running' AND coalesce(p.serving, 'yes') = 'yes'";

export const INFERENCE_SELECT = `SELECT s.id, ${safeBigint("s.customer_id")} AS customer_id,
    (SELECT o.username FROM customers o WHERE o.id = s.customer_id) AS owner_username, ${safeBigint("s.workspace_id")} AS workspace_id,
    s.name, s.description, ${safeBigint("s.model_id")} AS model_id, s.model_version, s.framework, s.image, s.version,
    s.previous_version, ${knownStatus("inference", "s")} AS status, s.status_reason, ${statusReasonColumns("s")}, s.status_deadline_at,
    s.endpoint_url, ${LIVE_SERVICE_DOMAIN} AS service_domain, s.cpu, ${safeBigint("s.memory")} AS memory, s.gpu, ${safeBigint("s.gpu_memory")} AS gpu_memory,
    coalesce(s.replicas, 0) AS replicas, coalesce(s.min_replicas, 1) AS min_replicas,
    coalesce(s.max_replicas, 10) AS max_replicas, coalesce(s.autoscaling_enabled, false) AS autoscaling_enabled,
    s.autoscaling_config, s.autoscaling_dry_run, ${AUTOSCALING} AS autoscaling, s.health_check_path, coalesce(s.health_check_interval, 30) AS health_check_interval,
    s.env_vars, s.config, s.created_at, s.updated_at, ${REPLICAS(SERVES)} AS ready_replicas,
    ${REPLICAS("p.instance_id IS NULL AND s.status IN ('creating', 'running')")} AS waiting_replicas,
    coalesce(s.serving_revision, (SELECT max(v.number) FROM service_revisions v WHERE v.service_id = s.id)) AS revision,
    (SELECT jsonb_build_object('version', v.version, 'revision', r.target, 'cause', ${storedReasonColumn("r", "cause")}, 'allow_gap', r.allows_gap,
                               'began_at', r.began_at)
       FROM service_rollouts r JOIN service_revisions v ON v.service_id = r.service_id AND v.number = r.target
      WHERE r.service_id = s.id AND r.ended_at IS NULL) AS rollout
  FROM inference_services s`;

/** Null for one that does not exist or is deleted. */
export async function inferenceServiceById(sql: Connection, id: string): Promise<InferenceServiceRow | null> {
  const { rows } = await sql.query<InferenceServiceRow>(
    `${INFERENCE_SELECT} WHERE s.id = $1 AND s.deleted_at IS NULL`,
    [id],
  );
  return rows[0] ?? null;
}
