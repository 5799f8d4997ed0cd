/** An environment as the API shows it: its row, what it waits for, and its instances with cards, time and charges. */
import { z } from "@hono/zod-openapi";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/values/workload";
import { type ContainerSwitches, waitingForRestart } from "../../core/environments/environment-change.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import type { EnvironmentTimes } from "../../store/environments/environment-times.ts";
import type { InstanceView } from "../../store/workloads/instances/instances.ts";
import { moneyAnswer, moneyFields } from "../workloads/money-answer.ts";
import type { SeenWorkload } from "../workloads/routed-kind.ts";
import type { ApiContext } from "../deps.ts";
import {
  Instance,
  instanceAnswer,
  isSimulated,
  Restarts,
  restartsAnswer,
} from "../workloads/instance-answer.ts";
import { VisibleEnvVars, visibleEnvVars } from "../workloads/visible-env-vars.ts";
import { STATUS_REASON_FIELDS } from "../request/reason-answer.ts";
import { iso, Timestamp } from "../request/route.ts";

const Mount = z
  .object({
    id: z.int().openapi({ description: "The dataset or model", example: 12 }),
    path: z.string().openapi({ description: "Where it is in the container", example: "/gemini/data-1" }),
    readonly: z.boolean().describe("Always true"),
  })
  .openapi("Mount");

export const Environment = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "env-5b1f6c0e" }),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    host_id: z.string().nullable(),
    host_name: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    image: z.string(),
    status: z.enum(ENVIRONMENT_STATUSES),
    status_since: Timestamp.nullable().openapi({
      description: "When it came to its status; null: the old system did not record it",
    }),
    status_reason: z.string().nullable(),
    ...STATUS_REASON_FIELDS,
    status_deadline_at: Timestamp.nullable(),
    storage_pool: z.string().nullable(),
    cpu: z.int(),
    memory: z.int(),
    gpu: z.int(),
    gpu_memory: z.int().nullable(),
    storage: z.int().nullable(),
    temp_storage: z.int().nullable(),
    ssh_enabled: z.boolean(),
    jupyter_enabled: z.boolean(),
    tensorboard_enabled: z.boolean(),
    rdp_enabled: z.boolean(),
    web_terminal_enabled: z.boolean(),
    auto_release_hours: z.int().openapi({
      description: "Without access for so long its host gives a port of it back, and warns before",
      example: 48,
    }),
    waits_for_restart: z.array(z.string()).openapi({
      description: "Changed fields that its container learns with its next start or restart",
      example: ["jupyter_enabled"],
    }),
    ssh_port: z.int().nullable().openapi({
      description: "The port of SSH on its host; null while there is none",
      example: 20_481,
    }),
    rdp_port: z.int().nullable().openapi({
      description: "The port of RDP on its host; null while there is none",
      example: 20_482,
    }),
    jupyter_port: z.int().nullable().openapi({
      description: "The port of JupyterLab on its host; null while there is none",
      example: 20_483,
    }),
    tensorboard_port: z.int().nullable().openapi({
      description: "The port of TensorBoard on its host; null while there is none",
      example: 20_484,
    }),
    mounted_datasets: z.array(Mount).nullable(),
    mounted_models: z.array(Mount).nullable(),
    env_vars: VisibleEnvVars,
    config: z.record(z.string(), z.unknown()).nullable(),
    container_id: z.string().nullable(),
    started_at: Timestamp.nullable(),
    stopped_at: Timestamp.nullable().describe("When it stopped last"),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    restarts: Restarts.nullable().openapi({
      description:
        "How often the container of the present run ended and was started again, as a list shows it; null: never",
    }),
    idle_since: Timestamp.nullable().openapi({
      description:
        "Since when nobody has used it; null: it is used, nothing is known of that, or it does not stop by itself",
    }),
    idle_stop_at: Timestamp.nullable().openapi({
      description: "When it stops for that, unless it is used",
    }),
    ...moneyFields,
    instances: z.array(Instance),
  })
  .openapi("Environment");
export type Environment = z.infer<typeof Environment>;

/** Null where no container is wanted: the next start makes one with all that is switched on by then. */
function switchesInside(instances: readonly InstanceView[]): ContainerSwitches | null {
  const wanted = instances.find(({ want }) => want === "running");
  return wanted === undefined ? null : wanted.switches;
}

/** The restarts of the run that is wanted now. */
function restartsNow(instances: readonly InstanceView[]): z.input<typeof Restarts> | null {
  const run = instances.flatMap(({ run_id: id, runs }) => runs.filter((one) => one.id === id))[0];
  return run === undefined ? null : restartsAnswer(run);
}

export function environmentAnswer(
  c: ApiContext,
  row: EnvironmentRow,
  { instances, money, known, showsValues }: SeenWorkload<EnvironmentTimes>,
): z.input<typeof Environment> {
  const { payer_id: _payer, paying_workspace_id: _workspace, orderer_id: _actor, ...visible } = row;
  return {
    ...visible,
    env_vars: visibleEnvVars(c, row, showsValues),
    waits_for_restart: waitingForRestart(row, switchesInside(instances)),
    config: row.config === null ? null : { ...row.config },
    status_since: iso(known?.statusSince ?? null),
    status_deadline_at: iso(row.status_deadline_at),
    started_at: iso(row.started_at),
    stopped_at: iso(row.stopped_at),
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    simulated: isSimulated(instances),
    restarts: restartsNow(instances),
    idle_since: iso(known?.idle?.since ?? null),
    idle_stop_at: iso(known?.idle?.stopsAt ?? null),
    ...moneyAnswer(c, money),
    instances: instances.map((view) => instanceAnswer(c, view)),
  };
}
