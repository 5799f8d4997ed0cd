/** The order of an environment as it comes in, and as the store takes it. */
import { z } from "@hono/zod-openapi";
import { EnvVars } from "@remotegpu/shared/values/env-vars";
import { displayText } from "@remotegpu/shared/values/text";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { DATASET_PATHS, MAX_MOUNTS, MODEL_PATHS, withPaths } from "../../core/orders/order-check.ts";
import { IDLE_STOP_MINUTES } from "../../core/environments/idle-stop.ts";
import { SSH_SERVERS } from "../../core/leases/ssh-server.ts";
import type { EnvVarSeal } from "../../core/secrets/env-var-seal.ts";
import type { NewEnvironment } from "../../store/environments/environments.ts";
import { Description, ImageReference, Int53, RowId } from "../request/input-fields.ts";
import { badFields } from "../request/refusal.ts";
import { orderErrors } from "../workloads/order-errors.ts";
import { Command, placeFields, sizeFields } from "../workloads/order-fields.ts";

/** Below this no image's own start fits; the container would only be stopped for it. */
const MIN_TEMP_STORAGE = MIB;

/** Without a bound of its own, so that what is too small is told once. */
const Bytes = z.int();

const Mounts = z
  .array(
    z
      .strictObject({
        id: RowId.openapi({ description: "The dataset or model", example: 12 }),
        path: z.string().max(64).optional().openapi({
          description: "Where it is to be; the next free place, if left out",
          example: "/gemini/data-1",
        }),
        readonly: z.boolean().optional().describe("May be true alone"),
      })
      .openapi("NewMount"),
  )
  .max(MAX_MOUNTS);

export const EnvironmentName = displayText(128);

export const IdleStopMinutes = z.int().min(IDLE_STOP_MINUTES.least).max(IDLE_STOP_MINUTES.most);

export const NewEnvironmentBody = z
  .strictObject({
    workspace_id: RowId.nullable().optional().openapi({
      description: "Where it belongs; your personal workspace, if left out",
      example: 42,
    }),
    name: EnvironmentName,
    description: Description.nullable().optional(),
    image: ImageReference.openapi({
      description:
        "Of a registry that the operator lets everybody use, or one that is on offer (GET /images). One that needs a login is fetched with your registry's credential, or the workspace's (POST /registry-credentials)",
      example: "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
    }),
    ...sizeFields,
    gpu: sizeFields.gpu.openapi({ description: "GPUs; 0, if left out", example: 1 }),
    storage: Int53.nullable().optional(),
    temp_storage: Bytes.min(MIN_TEMP_STORAGE).nullable().optional(),
    ssh_enabled: z.boolean().optional(),
    jupyter_enabled: z.boolean().optional(),
    tensorboard_enabled: z.boolean().optional(),
    rdp_enabled: z.boolean().optional(),
    web_terminal_enabled: z.boolean().optional(),
    mounted_datasets: Mounts.optional(),
    mounted_models: Mounts.optional(),
    env_vars: EnvVars.optional(),
    config: z
      .strictObject({
        ...placeFields,
        command: Command.optional().openapi({
          description: "Runs in place of what keeps it up",
          example: "python3 serve.py",
        }),
        ssh: z.enum(SSH_SERVERS).optional().openapi({
          description:
            "Which server answers by SSH: ours, which knows people's keys, or the image's own on port 22, which knows none of them; ours, if left out",
          example: "ours",
        }),
        idle_stop_minutes: IdleStopMinutes.optional().openapi({
          description:
            "It is stopped once nobody was in it and its cards and processors rested for so long; never, if left out. What is not known counts as use, and it is warned of 10 minutes before",
          example: 120,
        }),
        wake: z.boolean().optional().openapi({
          description:
            "While it is stopped, whoever may start it does so by opening one of its pages through the gateway, by a request there with a key, or by remotegpu ssh. Scripts of a page that is still open, shared links and failed entries start nothing",
          example: true,
        }),
      })
      .optional()
      .describe("What is ordered beyond the columns"),
  })
  .openapi("NewEnvironment", {
    example: {
      name: "fine-tuning",
      image: "pytorch/pytorch:2.5.1-cuda12.4-cudnn9-runtime",
      cpu: 4,
      memory: 16 * GIB,
      gpu: 1,
    },
  });

type Body = z.output<typeof NewEnvironmentBody>;

/** @throws ApiRefusal naming every field that contradicts another */
export function newEnvironment(
  body: Body,
  owner: { id: string; customerId: number; workspaceId: number },
  seal: EnvVarSeal,
): NewEnvironment {
  const order: NewEnvironment = {
    ...owner,
    name: body.name,
    description: body.description ?? null,
    image: body.image,
    cpu: body.cpu,
    memory: body.memory,
    gpu: body.gpu ?? 0,
    gpuMemory: body.gpu_memory ?? null,
    storage: body.storage ?? null,
    tempStorage: body.temp_storage ?? null,
    sshEnabled: body.ssh_enabled ?? true,
    jupyterEnabled: body.jupyter_enabled ?? true,
    tensorboardEnabled: body.tensorboard_enabled ?? false,
    rdpEnabled: body.rdp_enabled ?? false,
    webTerminalEnabled: body.web_terminal_enabled ?? true,
    mountedDatasets: withPaths(body.mounted_datasets ?? [], DATASET_PATHS),
    mountedModels: withPaths(body.mounted_models ?? [], MODEL_PATHS),
    envVars: seal.seal(body.env_vars ?? {}, owner),
    config: body.config ?? {},
  };
  const errors = orderErrors({
    gpu: order.gpu,
    gpuMemory: order.gpuMemory,
    gpuSharing: order.config.gpu_sharing ?? "exclusive",
    mountedDatasets: order.mountedDatasets,
    mountedModels: order.mountedModels,
  });
  if (errors.length > 0) throw badFields(errors);
  return order;
}
