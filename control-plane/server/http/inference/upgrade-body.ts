/** An upgrade of an inference service as it comes in, and what contradicts itself in what it makes of the service. */
import { z } from "@hono/zod-openapi";
import { EnvVarName, EnvVars, MAX_ENV_BYTES } from "@remotegpu/shared/values/env-vars";
import { displayText, text } from "@remotegpu/shared/values/text";
import type { Template, TemplateChange } from "../../core/inference/revision-template.ts";
import { portOf } from "../../core/inference/service-config.ts";
import { reasonOfIssue } from "../problems/issue-reason.ts";
import { orderErrors } from "../workloads/order-errors.ts";
import { fieldError, type FieldError } from "../request/refusal.ts";
import { ImageReference, RowId } from "../request/input-fields.ts";
import { placeFields, sizeFields } from "../workloads/order-fields.ts";
import { templateFields } from "./template-fields.ts";

const allowGap = z.boolean().optional();

/** Null takes a part of the config out. */
const config = { ...placeFields, ...templateFields };

export const UpgradeBody = z
  .strictObject({
    version: displayText(64).openapi({ description: "What its people call the new version", example: "v2" }),
    image: ImageReference.optional().openapi({
      description: "What its replicas are made of",
      example: "vllm/vllm-openai:v0.9.0",
    }),
    env_vars: z
      .record(EnvVarName, text(MAX_ENV_BYTES).nullable())
      .optional()
      .openapi({
        description: "Variables that change; null takes one out",
        example: { LEVEL: "debug" },
      }),
    cpu: sizeFields.cpu.optional(),
    memory: sizeFields.memory.optional(),
    gpu: sizeFields.gpu,
    gpu_memory: sizeFields.gpu_memory,
    model_id: RowId.nullable().optional().openapi({
      description: "The model that each replica finds in /gemini/pretrain1, read-only; null: none",
      example: 7,
    }),
    model_version: displayText(64).nullable().optional(),
    config: z
      .strictObject({
        spec: config.spec.nullable().describe("What it is sold as; null: `default`"),
        gpu_sharing: config.gpu_sharing.nullable(),
        gpu_model: config.gpu_model.nullable().openapi({
          description: "Only this model of GPU",
          example: "NVIDIA A100-SXM4-80GB",
        }),
        max_price_per_hour: config.max_price_per_hour.nullable().openapi({ type: ["string", "null"] }),
        host_labels: config.host_labels.nullable(),
        command: config.command.nullable().openapi({
          description: "Runs in place of the image's own; null: the image's own",
          example: "python3 serve.py",
        }),
        port: config.port.nullable().openapi({
          description: "Where each replica listens; null: 8000",
          example: 8080,
        }),
        stop_grace_seconds: config.stop_grace_seconds.nullable().openapi({
          description: "From the word to end to the kill; null: 30",
          example: 60,
        }),
      })
      .optional(),
    allow_gap: allowGap,
  })
  .openapi("InferenceServiceUpgrade", {
    example: { version: "2", image: "vllm/vllm-openai:v0.9.0" },
  });

export const RollbackBody = z
  .strictObject({ allow_gap: allowGap })
  .openapi("InferenceServiceRollback", { example: {} });

export function changeOf(body: Omit<z.output<typeof UpgradeBody>, "allow_gap">): TemplateChange {
  const { env_vars: envVars, gpu_memory: gpuMemory, model_id: modelId, ...others } = body;
  const { model_version: modelVersion, ...fields } = others;
  return { envVars, gpuMemory, modelId, modelVersion, ...fields };
}

export function templateIssues({
  envVars,
  gpu,
  gpuMemory,
  config: settings,
}: Pick<Template, "envVars" | "gpu" | "gpuMemory" | "config">): FieldError[] {
  const port = String(portOf(settings));
  const otherPort = envVars["PORT"] !== undefined && envVars["PORT"] !== port;
  const variables = EnvVars.safeParse(envVars);
  return [
    ...(otherPort
      ? [fieldError("env_vars.PORT", { code: "env-var-set-for-replicas", params: { port } })]
      : []),
    ...(variables.error?.issues.map((issue) =>
      fieldError(["env_vars", ...issue.path].join("."), reasonOfIssue(issue)),
    ) ?? []),
    ...orderErrors({
      gpu,
      gpuMemory,
      gpuSharing: settings.gpu_sharing ?? "exclusive",
      mountedDatasets: [],
      mountedModels: [],
    }),
  ];
}
