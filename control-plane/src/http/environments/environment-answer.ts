/** An environment as the API shows it: its row, what it waits for, and its instances with cards, time and charges. */
import { z } from "@hono/zod-openapi";
import { ENVIRONMENT_STATUSES } from "@remotegpu/shared/workload";
import type { InstanceRun, InstanceView } from "../../store/environments/environment-instances.ts";
import type { EnvironmentRow } from "../../store/environments/environments.ts";
import { Money, Timestamp } from "../request/route.ts";

const Mount = z.object({ id: z.int(), path: z.string(), readonly: z.boolean() });

const Run = z.object({
  id: z.string(),
  ordered_at: Timestamp,
  first_proven_at: Timestamp.nullable(),
  last_proven_at: Timestamp.nullable(),
  closed_at: Timestamp.nullable(),
  proven_ms: z.int(),
  waived_ms: z.int(),
  billed_minutes: z.int(),
  charged: Money,
});

export const Instance = z
  .object({
    id: z.string(),
    rank: z.int(),
    epoch: z.int(),
    state: z.string(),
    want: z.string(),
    detail: z.string().nullable(),
    problem: z.string().nullable(),
    run_id: z.string().nullable(),
    host_id: z.string(),
    host_name: z.string(),
    container_id: z.string().nullable(),
    exit_code: z.int().nullable(),
    placed_at: Timestamp,
    gpus: z.array(
      z.object({
        uuid: z.string(),
        model: z.string().nullable(),
        simulated: z.boolean(),
        memory_mib: z.int().nullable(),
      }),
    ),
    runs: z.array(Run),
  })
  .openapi("Instance");

export const Environment = z
  .object({
    id: z.string(),
    customer_id: z.int(),
    workspace_id: z.int().nullable(),
    host_id: z.string().nullable(),
    host_name: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    image: z.string(),
    status: z.enum(ENVIRONMENT_STATUSES),
    status_reason: z.string().nullable(),
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
    ssh_port: z.int().nullable(),
    rdp_port: z.int().nullable(),
    jupyter_port: z.int().nullable(),
    tensorboard_port: z.int().nullable(),
    mounted_datasets: z.array(Mount).nullable(),
    mounted_models: z.array(Mount).nullable(),
    env_vars: z.record(z.string(), z.string()).nullable(),
    config: z.record(z.string(), z.unknown()).nullable(),
    container_id: z.string().nullable(),
    started_at: Timestamp.nullable(),
    stopped_at: Timestamp.nullable(),
    created_at: Timestamp,
    updated_at: Timestamp,
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    instances: z.array(Instance),
  })
  .openapi("Environment");

export function environmentAnswer(
  row: EnvironmentRow,
  instances: readonly InstanceView[],
): z.input<typeof Environment> {
  const { payer_id: _, ...shown } = row;
  return {
    ...shown,
    config: row.config === null ? null : { ...row.config },
    status_deadline_at: iso(row.status_deadline_at),
    started_at: iso(row.started_at),
    stopped_at: iso(row.stopped_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    simulated: instances.some(({ gpus }) => gpus.some(({ simulated }) => simulated)),
    instances: instances.map(instanceAnswer),
  };
}

export function instanceAnswer(view: InstanceView): z.input<typeof Instance> {
  return { ...view, placed_at: view.placed_at.toISOString(), runs: view.runs.map(runAnswer) };
}

function runAnswer(run: InstanceRun): z.input<typeof Run> {
  return {
    ...run,
    ordered_at: run.ordered_at.toISOString(),
    first_proven_at: iso(run.first_proven_at),
    last_proven_at: iso(run.last_proven_at),
    closed_at: iso(run.closed_at),
  };
}

function iso(moment: Date | null): string | null {
  return moment?.toISOString() ?? null;
}
