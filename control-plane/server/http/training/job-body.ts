/** The order of a training job as it comes in, and as the store takes it. */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { MAX_STOP_GRACE_SECONDS } from "@remotegpu/shared/instance/instance";
import { EnvVars } from "@remotegpu/shared/values/env-vars";
import { displayText, text } from "@remotegpu/shared/values/text";
import { GIB } from "@remotegpu/shared/values/units";
import { MAX_MOUNTS } from "../../core/orders/order-check.ts";
import { MAX_PRIORITY } from "../../core/queue/queue.ts";
import { MAX_GANG_RANKS } from "../../core/training/gang-network.ts";
import { namesTaken } from "../../core/training/rank-environment.ts";
import {
  type ArrayRange,
  elementName,
  MAX_ARRAY_ELEMENTS,
  MAX_ARRAY_INDEX,
} from "../../core/training/array.ts";
import { LOG_RULE_ACTIONS, MAX_LOG_RULE_TEXT, MAX_LOG_RULES } from "../../core/training/log-rules.ts";
import { MAX_ATTEMPTS } from "../../core/training/retries.ts";
import type { EnvVarSeal } from "../../core/secrets/env-var-seal.ts";
import type { JobCode, NewJob } from "../../store/training/new-jobs.ts";
import { Description, ImageReference, RowId } from "../request/input-fields.ts";
import { orderErrors } from "../workloads/order-errors.ts";
import { badFields, fieldError, type FieldError } from "../request/refusal.ts";
import { DistributedConfig } from "./distributed-config.ts";
import { Command, placeFields, sizeFields } from "../workloads/order-fields.ts";

const MAX_NAME = 128;

/** A year. */
const MAX_MINUTES = 366 * 24 * 60;
const LEAST_STALL_MINUTES = 0.1;

export const JobName = displayText(MAX_NAME);
export const Priority = z.int().min(0).max(MAX_PRIORITY);

const OutputPath = z
  .string()
  .max(64)
  .regex(
    /^\/gemini\/output(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*\/?$/,
    inputFailure({ code: "output-path-malformed", params: { folder: "/gemini/output" } }),
  );

const Retries = z
  .int()
  .min(0)
  .max(MAX_ATTEMPTS - 1);

/** 0 for never. Hosts look every few seconds, so that less than a few of them would say nothing. */
const StallMinutes = z
  .number()
  .max(MAX_MINUTES)
  .refine((minutes) => minutes === 0 || minutes >= LEAST_STALL_MINUTES, {
    ...inputFailure({ code: "stall-minutes-too-few", params: { min_minutes: LEAST_STALL_MINUTES } }),
  });

const Ids = z.array(RowId).max(MAX_MOUNTS);

const ArrayIndex = z.int().min(0).max(MAX_ARRAY_INDEX);

const LogRule = z
  .strictObject({
    name: displayText(64).openapi({ description: "Displayed where it was applied", example: "bad NVLink" }),
    text: text(MAX_LOG_RULE_TEXT).min(1).openapi({
      description: "Searched for literally",
      example: "NVLink error",
    }),
    action: z.enum(LOG_RULE_ACTIONS).openapi({
      description:
        "avoid_host: tried again elsewhere, as after a failure of the host; do_not_retry: failed for good",
      example: "avoid_host",
    }),
  })
  .openapi("LogRule");

const JobArray = z
  .strictObject({
    from: ArrayIndex.openapi({ description: "The first index", example: 0 }),
    to: ArrayIndex.openapi({ description: "The last index", example: 99 }),
    at_once: z.int().min(1).max(MAX_ARRAY_ELEMENTS).nullable().optional().openapi({
      description: "So many of them run at once; all of them, if left out",
      example: 10,
    }),
  })
  .refine(({ from, to }) => from <= to, { path: ["to"], ...inputFailure("array-reversed") })
  .refine(({ from, to }) => to - from < MAX_ARRAY_ELEMENTS, {
    path: ["to"],
    ...inputFailure({ code: "array-too-large", params: { max_elements: MAX_ARRAY_ELEMENTS } }),
  })
  .openapi("JobArray");

export const NewTrainingJobBody = z
  .strictObject({
    workspace_id: RowId.nullable().optional(),
    name: JobName,
    description: Description.nullable().optional(),
    framework: displayText(64).nullable().optional(),
    image: ImageReference,
    command: Command.openapi({
      description: "Run by a shell; its exit code is the job's",
      example: "python train.py --epochs 3",
    }),
    ...sizeFields,
    node_count: z
      .int()
      .min(1)
      .max(MAX_GANG_RANKS)
      .optional()
      .openapi({ description: "Instances that start together, or not at all; 1, if left out", example: 2 }),
    distributed_config: DistributedConfig.nullable().optional(),
    mounted_datasets: Ids.optional(),
    mounted_models: Ids.optional(),
    env_vars: EnvVars.optional(),
    output_path: OutputPath.optional().openapi({
      description: "What is written there is stored, in a folder of its own for each attempt",
      example: "/gemini/output/",
    }),
    priority: Priority.optional().openapi({
      description: "Among the orders of its workspace: larger is tried first",
      example: 0,
    }),
    code_id: text(64).min(1).nullable().optional().openapi({
      description: "What was brought as its code: unpacked into /gemini/code, its working directory",
      example: "code-81c20a4e",
    }),
    env_id: text(64).min(1).nullable().optional().openapi({
      description:
        "The environment whose /gemini/code is mounted, as it is now and read-only, in the same storage pool",
      example: "env-5b1f6c0e",
    }),
    array: JobArray.nullable().optional(),
    config: z
      .strictObject({
        ...placeFields,
        spec: placeFields.spec.describe("What is sold, by its name"),
        gpu_model: placeFields.gpu_model.describe("The model of GPU; null: any"),
        distinct_hosts: z.boolean().optional().openapi({
          description: "No two of its instances on one host",
          example: true,
        }),
        max_minutes: z.int().min(1).max(MAX_MINUTES).optional().openapi({
          description: "Each attempt is ended then, as failed, and none follows",
          example: 90,
        }),
        stop_grace_seconds: z.int().min(1).max(MAX_STOP_GRACE_SECONDS).optional().openapi({
          description:
            "From the word to end to the kill; 30 without it. What is used of a chosen one is charged",
          example: 120,
        }),
        max_retries: Retries.optional().openapi({
          description: "So often it is tried again after its command failed; 0 without it",
          example: 2,
        }),
        max_infrastructure_retries: Retries.optional().openapi({
          description:
            "So often it is tried elsewhere after its host, card, runtime or image failed; 3 without it",
          example: 3,
        }),
        stall_minutes: StallMinutes.optional().openapi({
          description:
            "After so long without output, traffic and work its users are notified; 0 never, else at least 0.1; 15 without it",
          example: 30,
        }),
        stall_retry: z.boolean().optional().openapi({
          description: "It is ended then, as by its own failure, and retried as max_retries allows",
          example: true,
        }),
        log_rules: z
          .array(LogRule)
          .max(MAX_LOG_RULES)
          .refine(
            (rules) => new Set(rules.map(({ name }) => name)).size === rules.length,
            inputFailure("listed-twice"),
          )
          .optional()
          .openapi({
            description:
              "What the last lines of a failed attempt mean for the next one, at most 16; the first that matches counts",
            example: [{ name: "bad NVLink", text: "NVLink error", action: "avoid_host" }],
          }),
      })
      .refine(({ stall_retry: again = false, max_retries: most = 0 }) => !again || most > 0, {
        path: ["stall_retry"],
        ...inputFailure("stall-retry-without-retries"),
      })
      .refine(({ stall_retry: again = false, stall_minutes: minutes }) => !again || minutes !== 0, {
        path: ["stall_retry"],
        ...inputFailure("stall-retry-without-minutes"),
      })
      .optional(),
  })
  .openapi("NewTrainingJob", {
    example: {
      name: "fine-tuning",
      image: "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
      command: "python train.py --epochs 3",
      cpu: 4,
      memory: 16 * GIB,
      gpu: 1,
    },
  });

type Body = z.output<typeof NewTrainingJobBody>;

/** @throws ApiRefusal naming every field that contradicts another */
export function newJob(
  body: Body,
  owner: { customerId: number; workspaceId: number; code: JobCode | null },
  seal: EnvVarSeal,
): NewJob {
  const job: NewJob = {
    ...owner,
    name: body.name,
    description: body.description ?? null,
    framework: body.framework ?? null,
    image: body.image,
    command: body.command,
    cpu: body.cpu,
    memory: body.memory,
    gpu: body.gpu ?? 0,
    gpuMemory: body.gpu_memory ?? null,
    nodeCount: body.node_count ?? 1,
    distributedConfig: body.distributed_config ?? null,
    mountedDatasets: body.mounted_datasets ?? [],
    mountedModels: body.mounted_models ?? [],
    envVars: seal.seal(body.env_vars ?? {}, owner),
    outputPath: body.output_path ?? null,
    priority: body.priority ?? 0,
    config: body.config ?? {},
  };
  const errors = [...issuesOf(job), ...nameIssues(body)];
  if (errors.length > 0) throw badFields(errors);
  return job;
}

/** Null for a single job. */
export function rangeOf({ array }: Body): ArrayRange | null {
  return array == null ? null : { from: array.from, to: array.to, atOnce: array.at_once ?? null };
}

/** Each element's name ends with its index. */
function nameIssues({ name, array }: Body): FieldError[] {
  if (array == null || elementName(name, array.to).length <= MAX_NAME) return [];
  const example = elementName("…", array.to);
  return [fieldError("name", { code: "element-name-too-long", params: { example } })];
}

function issuesOf(job: NewJob): FieldError[] {
  const twice = (field: string, ids: readonly number[]) =>
    new Set(ids).size === ids.length ? [] : [fieldError(field, "listed-twice")];
  const taken = namesTaken(Object.keys(job.envVars), { config: job.distributedConfig, ranks: job.nodeCount });
  return [
    ...taken.map((name) => fieldError(`env_vars.${name}`, "env-var-set-for-ranks")),
    ...twice("mounted_datasets", job.mountedDatasets),
    ...twice("mounted_models", job.mountedModels),
    ...orderErrors({
      gpu: job.gpu,
      gpuMemory: job.gpuMemory,
      gpuSharing: job.config.gpu_sharing ?? "exclusive",
      mountedDatasets: [],
      mountedModels: [],
    }),
  ];
}
