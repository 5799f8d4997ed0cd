/** An inference service as the API shows it: its row, and its replicas' instances with cards, time and charges. */
import { VisibleEnvVars, visibleEnvVars } from "../workloads/visible-env-vars.ts";
import { z } from "@hono/zod-openapi";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { webBaseFrom } from "../../core/gateway/origin.ts";
import { domainUrl } from "../../core/gateway/services/service-address.ts";
import type { InferenceServiceRow, AutoscalingView } from "../../store/inference/inference-services.ts";
import { moneyAnswer, moneyFields } from "../workloads/money-answer.ts";
import type { SeenWorkload } from "../workloads/routed-kind.ts";
import type { ApiContext } from "../deps.ts";
import { STATUS_REASON_FIELDS } from "../request/reason-answer.ts";
import { iso, Timestamp } from "../request/route.ts";
import { Instance, instanceAnswer, isSimulated } from "../workloads/instance-answer.ts";

const Scaling = z
  .object({
    at: Timestamp,
    from: z.int(),
    to: z.int(),
    reason: z.string(),
    actor: z.string(),
    /** It was told, and not done. */
    would: z.boolean(),
  })
  .openapi("ServiceScaling");

const Autoscaling = z
  .object({
    is_in_charge: z.boolean(),
    wish: z.int().nullable(),
    reason: z.string().nullable(),
    looked_at: Timestamp.nullable(),
    decisions: z.array(Scaling),
  })
  .openapi("ServiceAutoscaling");

export const InferenceService = z
  .object({
    id: z.string(),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    model_id: z.int().nullable(),
    model_version: z.string().nullable(),
    framework: z.string().nullable(),
    image: z.string(),
    version: z.string().nullable(),
    previous_version: z.string().nullable(),
    status: z.enum(INFERENCE_SERVICE_STATUSES),
    status_reason: z.string().nullable(),
    ...STATUS_REASON_FIELDS,
    status_deadline_at: Timestamp.nullable(),
    endpoint_url: z.string().nullable(),
    domain_url: z.string().nullable(),
    cpu: z.int().nullable(),
    memory: z.int().nullable(),
    gpu: z.int().nullable(),
    gpu_memory: z.int().nullable(),
    /** As many as are wanted; 0 when it was stopped here. */
    replicas: z.int(),
    ready_replicas: z.int(),
    waiting_replicas: z.int(),
    revision: z.int().nullable(),
    rollout: z
      .object({
        version: z.string().nullable(),
        revision: z.int(),
        cause: z.string().nullable(),
        allow_gap: z.boolean(),
        began_at: Timestamp,
      })
      .nullable()
      .openapi("InferenceServiceRollout"),
    min_replicas: z.int(),
    max_replicas: z.int(),
    autoscaling_enabled: z.boolean(),
    autoscaling_config: z.record(z.string(), z.unknown()).nullable(),
    autoscaling_dry_run: z.boolean(),
    autoscaling: Autoscaling.nullable(),
    health_check_path: z.string().nullable(),
    /** Seconds. */
    health_check_interval: z.int(),
    env_vars: VisibleEnvVars,
    config: z.record(z.string(), z.unknown()).nullable(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
    /** The host of the first replica. */
    host_id: z.string().nullable(),
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    ...moneyFields,
    instances: z.array(Instance),
  })
  .openapi("InferenceService");
export type InferenceService = z.infer<typeof InferenceService>;

export function inferenceServiceAnswer(
  c: ApiContext,
  { autoscaling, service_domain: serviceDomain, ...row }: InferenceServiceRow,
  { instances, money, showsValues }: SeenWorkload,
): z.input<typeof InferenceService> {
  const base = serviceDomain === null ? null : webBaseFrom(serviceDomain);
  return {
    ...row,
    env_vars: visibleEnvVars(c, row, showsValues),
    domain_url: base === null ? null : domainUrl(base, row.id),
    autoscaling: autoscaling && autoscalingAnswer(autoscaling),
    rollout: row.rollout && { ...row.rollout, began_at: new Date(row.rollout.began_at).toISOString() },
    status_deadline_at: iso(row.status_deadline_at),
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    host_id: instances[0]?.host_id ?? null,
    simulated: isSimulated(instances),
    ...moneyAnswer(c, money),
    instances: instances.map((view) => instanceAnswer(c, view)),
  };
}

/** Postgres writes moments within JSON in a form of its own. */
function autoscalingAnswer({
  desired_replicas: replicas,
  checked_at: checkedAt,
  decisions,
  ...visible
}: AutoscalingView) {
  return {
    ...visible,
    wish: replicas,
    looked_at: iso(checkedAt === null ? null : new Date(checkedAt)),
    decisions: decisions.map((one) => ({ ...one, at: new Date(one.at).toISOString() })),
  };
}
