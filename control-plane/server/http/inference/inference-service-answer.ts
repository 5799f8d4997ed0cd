/** An inference service as the API shows it: its row, and its replicas' instances with cards, time and charges. */
import { VisibleEnvVars, visibleEnvVars } from "../workloads/visible-env-vars.ts";
import { z } from "@hono/zod-openapi";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import { asReported } from "../../core/reasons/reason.ts";
import { webBaseFrom } from "../../core/gateway/origin.ts";
import { domainUrl } from "../../core/gateway/services/service-address.ts";
import type { InferenceServiceRow, AutoscalingView } from "../../store/inference/inference-services.ts";
import { moneyAnswer, moneyFields } from "../workloads/money-answer.ts";
import type { SeenWorkload } from "../workloads/routed-kind.ts";
import type { ApiContext } from "../deps.ts";
import { storedReason } from "../../store/database/values/reason-columns.ts";
import {
  CAUSE_FIELDS,
  namedReason,
  REASON_FIELDS,
  reasonAnswer,
  STATUS_REASON_FIELDS,
} from "../request/reason-answer.ts";
import { iso, Timestamp } from "../request/route.ts";
import { Instance, instanceAnswer, isSimulated } from "../workloads/instance-answer.ts";

const Scaling = z
  .object({
    at: Timestamp.describe("When"),
    from: z.int().openapi({ description: "From so many replicas", example: 1 }),
    to: z.int().openapi({ description: "To so many", example: 2 }),
    reason: z.string().openapi({
      description: "Why",
      example:
        "It goes from 1 to 2 replicas: for 6 s there was work for 1.6 or more; now 170 requests a second with target_qps 100.",
    }),
    ...REASON_FIELDS,
    actor: z.string().openapi({
      description: "Who made it: autoscaling, the gateway to which a request came, or people",
      example: "autoscaling",
    }),
    /** It was told, and not done. */
    would: z.boolean().openapi({
      description: "It was recommended, and not done: it was paused or recommends only",
      example: false,
    }),
  })
  .openapi("ServiceScaling");

const Autoscaling = z
  .object({
    is_in_charge: z.boolean().openapi({
      description: "The number follows it; false while it is paused or runs dry",
      example: true,
    }),
    wish: z.int().nullable().openapi({
      description: "The number of replicas that it recommends; null before its first check",
      example: 2,
    }),
    reason: z.string().nullable().openapi({
      description: "Why it recommends so many",
      example:
        "It stays at 2 replicas: there is work for 1.7; now 170 requests a second with target_qps 100.",
    }),
    ...REASON_FIELDS,
    looked_at: Timestamp.nullable().describe("When it last checked"),
    decisions: z.array(Scaling).describe("The last changes of the number, the newest first"),
  })
  .openapi("ServiceAutoscaling");

export const InferenceService = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "svc-8e04b6aa" }),
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
    previous_version: z.string().nullable().openapi({ description: "The version before", example: "v1" }),
    status: z.enum(INFERENCE_SERVICE_STATUSES),
    status_reason: z.string().nullable(),
    ...STATUS_REASON_FIELDS,
    status_deadline_at: Timestamp.nullable(),
    endpoint_url: z.string().nullable().openapi({
      description: "Where requests go, for life; null until a gateway has run",
      example: "https://example.com/services/svc-8e04b6aa/",
    }),
    domain_url: z.string().nullable().openapi({
      description:
        "The same at a name of its own, whose pages share no origin; null where no gateway that runs has SERVICE_DOMAIN",
      example: "https://svc-8e04b6aa.services.example.com/",
    }),
    cpu: z.int().nullable(),
    memory: z.int().nullable(),
    gpu: z.int().nullable(),
    gpu_memory: z.int().nullable(),
    /** As many as are wanted; 0 when it was stopped here. */
    replicas: z.int().openapi({ description: "As many as are wanted; 0 when it was stopped", example: 2 }),
    ready_replicas: z.int().openapi({ description: "As many answer", example: 2 }),
    waiting_replicas: z.int().openapi({
      description: "As many wait for a place, free of charge",
      example: 0,
    }),
    revision: z.int().nullable().openapi({
      description: "The number of the revision that serves; null: it is of the old system",
      example: 1,
    }),
    rollout: z
      .object({
        version: z.string().nullable().openapi({
          description: "The version that is to serve",
          example: "v3",
        }),
        revision: z.int().openapi({ description: "Its revision", example: 3 }),
        cause: z.string().nullable().openapi({
          description: "Why it goes back to the version that serves; null: it does not",
          example: "It was called off.",
        }),
        ...CAUSE_FIELDS,
        allow_gap: z.boolean().describe("Whether a replica may make room, where there is none for one more"),
        began_at: Timestamp.describe("When it was ordered"),
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
    host_id: z.string().nullable().openapi({
      description: "The host of the first replica",
      example: "host-91d3e7b4",
    }),
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
    rollout: row.rollout && {
      ...row.rollout,
      ...namedReason("cause", storedReason(row.rollout.cause)),
      began_at: new Date(row.rollout.began_at).toISOString(),
    },
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
  reason,
  ...visible
}: AutoscalingView) {
  return {
    ...visible,
    ...reasonAnswer(storedReason(reason)),
    wish: replicas,
    looked_at: iso(checkedAt === null ? null : new Date(checkedAt)),
    decisions: decisions.map(scalingAnswer),
  };
}

function scalingAnswer({ reason, at, ...scaling }: AutoscalingView["decisions"][number]) {
  const why = storedReason(reason) ?? asReported("");
  return { ...scaling, ...reasonAnswer(why), at: new Date(at).toISOString() };
}
