/** A training job as the API shows it: its row, what it waits for, and its instances with cards, time and charges. */
import { VisibleEnvVars, visibleEnvVars } from "../workloads/visible-env-vars.ts";
import { z } from "@hono/zod-openapi";
import { TRAINING_JOB_STATUSES } from "@remotegpu/shared/values/workload";
import type { TrainingJobRow } from "../../store/training/training-jobs.ts";
import { moneyAnswer, moneyFields } from "../workloads/money-answer.ts";
import type { SeenWorkload } from "../workloads/routed-kind.ts";
import type { ApiContext } from "../deps.ts";
import { STATUS_REASON_FIELDS } from "../request/reason-answer.ts";
import { iso, Timestamp } from "../request/route.ts";
import { Instance, instanceAnswer, isSimulated } from "../workloads/instance-answer.ts";

export const TrainingJob = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "job-3c9a72d1" }),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    env_id: z.string().nullable().openapi({
      description: "The environment whose code it has, or that it was made from",
      example: "env-5b1f6c0e",
    }),
    code_id: z.string().nullable().openapi({
      description: "What was brought as its code; null: its image's, or an environment's",
      example: "code-81c20a4e",
    }),
    name: z.string(),
    description: z.string().nullable(),
    framework: z.string().nullable(),
    image: z.string(),
    command: z.string().openapi({ description: "What it runs", example: "python3 train.py" }),
    status: z.enum(TRAINING_JOB_STATUSES).describe("Where it stands"),
    status_reason: z.string().nullable(),
    ...STATUS_REASON_FIELDS,
    status_deadline_at: Timestamp.nullable(),
    priority: z.int(),
    cpu: z.int().nullable(),
    memory: z.int().nullable(),
    gpu: z.int().nullable(),
    gpu_memory: z.int().nullable(),
    node_count: z.int().openapi({ description: "How many ranks it has", example: 2 }),
    distributed_config: z.record(z.string(), z.unknown()).nullable(),
    /** Ids; 0 is what the old system wrote for none. */
    mounted_datasets: z
      .array(z.int())
      .nullable()
      .openapi({
        description: "Datasets in the container, by id; 0 is what the old system wrote for none",
        example: [12],
      }),
    mounted_models: z
      .array(z.int())
      .nullable()
      .openapi({
        description: "Models in the container, by id; 0 is what the old system wrote for none",
        example: [7],
      }),
    env_vars: VisibleEnvVars,
    output_path: z.string().nullable().openapi({
      description: "Where it writes its results, in the container",
      example: "/gemini/output/",
    }),
    config: z.record(z.string(), z.unknown()).nullable(),
    awaits_confirmation: z.boolean().openapi({
      description: "The old system had it waiting: nothing becomes of it until it is confirmed or cancelled",
    }),
    attempt: z.int().openapi({
      description:
        "The number of the attempt that stands or ended last; each has runs and an output folder of its own",
      example: 1,
    }),
    group_id: z.string().nullable().openapi({
      description: "The array that it is an element of",
      example: "jobs-5d20c7f1",
    }),
    array_index: z.int().nullable().openapi({ description: "Which element of its array", example: 7 }),
    started_at: Timestamp.nullable(),
    completed_at: Timestamp.nullable().describe("When it ended"),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
    /** The host of the first rank. */
    host_id: z.string().nullable().openapi({
      description: "The host of the first rank",
      example: "host-91d3e7b4",
    }),
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    ...moneyFields,
    instances: z.array(Instance),
  })
  .openapi("TrainingJob");
export type TrainingJob = z.infer<typeof TrainingJob>;

export function trainingJobAnswer(
  c: ApiContext,
  row: TrainingJobRow,
  { instances, money, showsValues }: SeenWorkload,
): z.input<typeof TrainingJob> {
  return {
    ...row,
    env_vars: visibleEnvVars(c, row, showsValues),
    status_deadline_at: iso(row.status_deadline_at),
    started_at: iso(row.started_at),
    completed_at: iso(row.completed_at),
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    host_id: instances[0]?.host_id ?? null,
    simulated: isSimulated(instances),
    ...moneyAnswer(c, money),
    instances: instances.map((view) => instanceAnswer(c, view)),
  };
}
