/** The order of an inference service as it comes in, and as the store takes it; what may be changed of one that is there. */
import { z } from "@hono/zod-openapi";
import type { GivenReason } from "../../core/reasons/plain-reason.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { inputFailure, inputIssue } from "../request/input-failure.ts";
import { EnvVars } from "@remotegpu/shared/values/env-vars";
import { HealthPath } from "@remotegpu/shared/instance/probe";
import { displayText } from "@remotegpu/shared/values/text";
import { GIB } from "@remotegpu/shared/values/units";
import { MAX_TARGET, MAX_TARGET_CPU } from "../../core/inference/autoscaling/autoscaling-config.ts";
import { REVISION_KEYS } from "../../core/inference/revision-template.ts";
import { MAX_REPLICAS } from "../../core/inference/wanted-replicas.ts";
import type { EnvVarSeal } from "../../core/secrets/env-var-seal.ts";
import type { NewService } from "../../store/inference/new-services.ts";
import { Description, ImageReference, RowId } from "../request/input-fields.ts";
import { badFields, fieldError, type FieldError } from "../request/refusal.ts";
import { placeFields, sizeFields } from "../workloads/order-fields.ts";
import { templateFields } from "./template-fields.ts";
import { templateIssues, UpgradeBody } from "./upgrade-body.ts";

const MAX_NAME = 128;
const MAX_HEALTH_PATH = 256;
const MAX_SECONDS = 3_600;

const SECONDS_PER_DAY = 86_400;
const DEFAULT_MIN_REPLICAS = 1;
const DEFAULT_MAX_REPLICAS = 10;
const DEFAULT_CHECK_SECONDS = 30;

const Replicas = z.int().min(0).max(MAX_REPLICAS);
const MinReplicas = z.int().min(0).max(MAX_REPLICAS);
const MaxReplicas = z.int().min(1).max(MAX_REPLICAS);
const CheckPath = HealthPath.max(MAX_HEALTH_PATH).nullable();
const CheckInterval = z.int().min(1).max(MAX_SECONDS);

const MAX_ORIGINS = 32;
const MAX_AT_ONCE = 10_000;
const MAX_QUEUE_SECONDS = 600;
const MAX_WAKE_SECONDS = 1_800;

const CorsOrigin = z
  .string()
  .max(256)
  .regex(
    /^(\*|https?:\/\/[a-z0-9.-]+(:[1-9]\d{0,4})?)$/,
    inputFailure({ code: "cors-origin-malformed", params: { example: "https://app.example.com" } }),
  );

/** How it shows itself at gateways; holds at once, also for replicas that run. */
const exposure = {
  public: z.boolean().openapi({
    description: "Whoever knows its address may call it, without a key",
    example: true,
  }),
  cors_origins: z
    .array(CorsOrigin)
    .max(MAX_ORIGINS)
    .openapi({
      description: 'Pages of these origins may call it from a browser; "*" is all of them',
      example: ["https://app.example.com"],
    }),
  max_in_flight: z.int().min(1).max(MAX_AT_ONCE).openapi({
    description:
      "Requests that one replica is given at once, all gateways together; without a bound, if left out",
    example: 32,
  }),
  max_queued: z.int().min(0).max(MAX_AT_ONCE).openapi({
    description: "Requests that wait for a replica at each gateway; 100, if left out",
    example: 100,
  }),
  queue_seconds: z.int().min(0).max(MAX_QUEUE_SECONDS).openapi({
    description: "How long one waits for a replica; 30, if left out",
    example: 30,
  }),
  wake_seconds: z.int().min(0).max(MAX_WAKE_SECONDS).openapi({
    description:
      "How long one waits at least that wakes a service which sleeps: until a replica has started; 300, if left out",
    example: 300,
  }),
  timeout_seconds: z.int().min(1).max(MAX_SECONDS).openapi({
    description: "How long until the first byte of an answer; 600, if left out",
    example: 600,
  }),
  drain_seconds: z.int().min(0).max(MAX_SECONDS).openapi({
    description: "How long a replica that goes has to end what it was given; 600, if left out",
    example: 300,
  }),
};

const Autoscaling = z
  .strictObject({
    target_cpu: z.number().positive().max(MAX_TARGET_CPU).optional().openapi({
      description: "Percent of a replica's cores",
      example: 80,
    }),
    target_qps: z.number().positive().max(MAX_TARGET).optional().openapi({
      description: "Requests a second of each replica",
      example: 100,
    }),
    target_in_flight: z.number().positive().max(MAX_TARGET).optional().openapi({
      description: "Requests at once of each replica",
      example: 16,
    }),
    scale_down_delay: z.int().min(0).max(SECONDS_PER_DAY).optional().openapi({
      description: "So many seconds the load must be lower",
      example: 300,
    }),
    scale_to_zero_after: z.int().min(1).max(SECONDS_PER_DAY).optional().openapi({
      description: "So many seconds without a request, where min_replicas is 0",
      example: 900,
    }),
    paused: z.boolean().optional().openapi({ description: "The number is left to people", example: true }),
  })
  .openapi("AutoscalingConfig");

export const NewInferenceServiceBody = z
  .strictObject({
    workspace_id: RowId.nullable().optional(),
    name: displayText(MAX_NAME),
    description: Description.nullable().optional(),
    framework: displayText(64).nullable().optional(),
    image: ImageReference,
    version: displayText(64).openapi({ description: "What its people call this version", example: "v1" }),
    ...sizeFields,
    model_id: RowId.nullable().optional().openapi({
      description: "The model that each replica finds in /gemini/pretrain1, read-only",
      example: 7,
    }),
    model_version: displayText(64).nullable().optional(),
    min_replicas: MinReplicas.optional(),
    max_replicas: MaxReplicas.optional(),
    autoscaling_enabled: z.boolean().optional(),
    autoscaling_config: Autoscaling.nullable().optional(),
    autoscaling_dry_run: z.boolean().optional(),
    health_check_path: CheckPath.optional(),
    health_check_interval: CheckInterval.optional(),
    env_vars: EnvVars.optional(),
    config: z
      .strictObject({
        ...placeFields,
        ...templateFields,
        ...z.object(exposure).partial().shape,
      })
      .optional(),
  })
  .openapi("NewInferenceService", {
    example: {
      name: "chat",
      image: "vllm/vllm-openai:v0.8.5",
      version: "1",
      cpu: 4,
      memory: 32 * GIB,
      gpu: 1,
      health_check_path: "/health",
    },
  });

type Body = z.output<typeof NewInferenceServiceBody>;

/** @throws ApiRefusal naming every field that contradicts another */
export function newService(
  body: Body,
  owner: { id: string; customerId: number; workspaceId: number },
  seal: EnvVarSeal,
): NewService {
  const service: NewService = {
    ...owner,
    name: body.name,
    description: body.description ?? null,
    framework: body.framework ?? null,
    image: body.image,
    version: body.version,
    cpu: body.cpu,
    memory: body.memory,
    gpu: body.gpu ?? 0,
    gpuMemory: body.gpu_memory ?? null,
    modelId: body.model_id ?? null,
    modelVersion: body.model_version ?? null,
    minReplicas:
      body.min_replicas ?? Math.min(DEFAULT_MIN_REPLICAS, body.max_replicas ?? DEFAULT_MIN_REPLICAS),
    maxReplicas: body.max_replicas ?? Math.max(DEFAULT_MAX_REPLICAS, body.min_replicas ?? 0),
    autoscalingEnabled: body.autoscaling_enabled ?? false,
    autoscalingConfig: body.autoscaling_config ?? null,
    autoscalingDryRun: body.autoscaling_dry_run ?? false,
    healthCheckPath: body.health_check_path ?? null,
    healthCheckInterval: body.health_check_interval ?? DEFAULT_CHECK_SECONDS,
    envVars: seal.seal(body.env_vars ?? {}, owner),
    config: body.config ?? {},
  };
  refuseIssues(issuesOf({ ...service, envVars: body.env_vars ?? {} }));
  return service;
}

function issuesOf(service: NewService & { envVars: Record<string, string> }): FieldError[] {
  const { minReplicas, maxReplicas } = service;
  return [...boundsIssues({ min: minReplicas, max: maxReplicas }), ...templateIssues(service)];
}

export function boundsIssues({ min, max }: { min: number; max: number }): FieldError[] {
  if (min <= max) return [];
  return [fieldError("min_replicas", { code: "min-replicas-above-max", params: { max_replicas: max } })];
}

/** @throws ApiRefusal where there are any */
export function refuseIssues(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw badFields(errors);
}

const UPGRADES: Reason = {
  code: "field-of-upgrade",
  params: { route: "POST /inference-services/{id}/upgrade" },
};
const INSTEAD = new Map<string, GivenReason>([
  ...Object.keys(UpgradeBody.shape).map((field) => [field, UPGRADES] as const),
  ["workspace_id", "workspace-of-service-fixed"],
  ["status", "status-of-service-by-verbs"],
]);

const visible = {
  public: exposure.public.nullable().optional().openapi({
    description: "Whoever knows its address may call it, without a key",
    example: true,
  }),
  cors_origins: exposure.cors_origins
    .nullable()
    .optional()
    .openapi({
      description: 'Pages of these origins may call it from a browser; "*" is all of them',
      example: ["https://app.example.com"],
    }),
  max_in_flight: exposure.max_in_flight.nullable().optional().openapi({
    description:
      "Requests that one replica is given at once, all gateways together; without a bound, if left out",
    example: 32,
  }),
  max_queued: exposure.max_queued.nullable().optional().openapi({
    description: "Requests that wait for a replica at each gateway; 100, if left out",
    example: 100,
  }),
  queue_seconds: exposure.queue_seconds.nullable().optional().openapi({
    description: "How long one waits for a replica; 30, if left out",
    example: 30,
  }),
  wake_seconds: exposure.wake_seconds.nullable().optional().openapi({
    description:
      "How long one waits at least that wakes a service which sleeps: until a replica has started; 300, if left out",
    example: 300,
  }),
  timeout_seconds: exposure.timeout_seconds.nullable().optional().openapi({
    description: "How long until the first byte of an answer; 600, if left out",
    example: 600,
  }),
  drain_seconds: exposure.drain_seconds.nullable().optional().openapi({
    description: "How long a replica that goes has to end what it was given; 600, if left out",
    example: 300,
  }),
};

/** What may be changed of one that is there, at once. */
export const CHANGEABLE = {
  name: displayText(MAX_NAME).optional(),
  description: Description.nullable().optional(),
  replicas: Replicas.optional().openapi({
    description:
      "As many as it is to have, within the bounds that it has then; refused while it scales by itself",
    example: 3,
  }),
  min_replicas: MinReplicas.optional(),
  max_replicas: MaxReplicas.optional(),
  autoscaling_enabled: z.boolean().optional(),
  autoscaling_config: Autoscaling.nullable().optional(),
  autoscaling_dry_run: z.boolean().optional(),
  health_check_path: CheckPath.optional(),
  health_check_interval: CheckInterval.optional(),
  config: z
    .looseObject(visible)
    .superRefine((config, context) => {
      for (const field of Object.keys(config).filter((name) => !Object.hasOwn(visible, name))) {
        const reason = REVISION_KEYS.includes(field) ? UPGRADES : "field-unknown";
        context.addIssue(inputIssue(field, reason));
      }
    })
    .openapi({ additionalProperties: false })
    .optional(),
};

function refusalOf(field: string): GivenReason {
  const instead = INSTEAD.get(field);
  if (instead !== undefined) return instead;
  return Object.hasOwn(NewInferenceServiceBody.shape, field) ? "field-of-service-fixed" : "field-unknown";
}

export const InferenceServiceChangeBody = z
  .looseObject(CHANGEABLE)
  .superRefine((body, context) => {
    for (const field of Object.keys(body).filter((name) => !Object.hasOwn(CHANGEABLE, name)))
      context.addIssue(inputIssue(field, refusalOf(field)));
  })
  .openapi("InferenceServiceChange", { additionalProperties: false });

export const ScaleBody = z
  .strictObject({ replicas: Replicas.openapi({ description: "As many replicas", example: 3 }) })
  .openapi("InferenceServiceScale", { example: { replicas: 3 } });
