/**
 * Training jobs: read, and those that wait confirmed or cancelled. None can be ordered yet: what is there came from the
 * old system.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/text";
import { TRAINING_JOB_STATUSES } from "@remotegpu/shared/workload";
import type { Connection } from "../../store/database/database.ts";
import { instancesOf, type InstanceView } from "../../store/workloads/instances.ts";
import { lockJobOrders } from "../../store/training/job-orders.ts";
import { listWorkloads } from "../../store/workloads/pages.ts";
import { cancelJob, confirmJob } from "../../store/orders/job-orders.ts";
import { trainingJobById, type TrainingJobRow } from "../../store/training/training-jobs.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { ordererOf, refuseUnlessDone } from "../environments/environment-access.ts";
import { Instance, instanceAnswer, isSimulated } from "../workloads/instance-answer.ts";
import { authorizeWorkload, visibleWorkloads } from "../request/authorization.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomers, iso, NumericId, ok, Timestamp, WorkloadIdPath } from "../request/route.ts";

const tags = ["training jobs"];

const TrainingJob = z
  .object({
    id: z.string(),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    env_id: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    framework: z.string().nullable(),
    image: z.string(),
    command: z.string(),
    status: z.enum(TRAINING_JOB_STATUSES),
    status_reason: z.string().nullable(),
    status_deadline_at: Timestamp.nullable(),
    priority: z.int(),
    cpu: z.int().nullable(),
    memory: z.int().nullable(),
    gpu: z.int().nullable(),
    gpu_memory: z.int().nullable(),
    node_count: z.int(),
    distributed_config: z.record(z.string(), z.unknown()).nullable(),
    /** Ids; 0 is what the old system wrote for none. */
    mounted_datasets: z.array(z.int()).nullable(),
    mounted_models: z.array(z.int()).nullable(),
    env_vars: z.record(z.string(), z.string()).nullable(),
    output_path: z.string().nullable(),
    config: z.record(z.string(), z.unknown()).nullable(),
    awaits_confirmation: z.boolean().openapi({
      description: "The old system had it waiting: nothing becomes of it until it is confirmed or cancelled",
    }),
    started_at: Timestamp.nullable(),
    completed_at: Timestamp.nullable(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
    /** Of the first rank. */
    host_id: z.string().nullable(),
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    instances: z.array(Instance),
  })
  .openapi("TrainingJob");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/training-jobs",
  tags,
  summary: "The training jobs of your workspaces, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      workspace_id: NumericId.optional(),
      customer_id: NumericId.optional(),
      status: z.enum(TRAINING_JOB_STATUSES).optional(),
      name: text(512).optional(),
    }),
  },
  responses: ok("A page of training jobs", pageOf(TrainingJob)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/training-jobs/{id}",
  tags,
  summary: "One training job with its command, mounts and instances",
  request: { params: WorkloadIdPath },
  responses: ok("The training job", TrainingJob),
});

const verb = <Path extends string>(path: Path, summary: string) =>
  createRoute({
    ...forCustomers,
    method: "post",
    path,
    tags,
    summary,
    request: { params: WorkloadIdPath },
    responses: ok("The training job", TrainingJob),
  });

const confirm = verb(
  "/training-jobs/{id}/confirm",
  "Have a job run that waits since the old system; checked like an order",
);
const cancel = verb("/training-jobs/{id}/cancel", "Cancel a job that waits");

export function registerTrainingJobRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = timePage(query);
    const filter = {
      visibleTo: await visibleWorkloads(c, "training jobs"),
      workspaceId: query.workspace_id ?? null,
      customerId: query.customer_id ?? null,
      status: query.status ?? null,
      name: query.name ?? null,
    };
    const rows = await listWorkloads<TrainingJobRow>(db, "training", { filter, page });
    const instances = await instancesOf(
      db,
      "training",
      rows.map(({ id }) => id),
    );
    const item = ({ created_micros: _micros, ...row }: (typeof rows)[number]) =>
      trainingJobAnswer(c, row, instances.get(row.id) ?? []);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.created_micros, row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    await jobFor(c, id, "read-workload");
    return c.json(await answerOf(c, db, id), 200);
  });

  api.openapi(confirm, async (c) => {
    const { id } = c.req.valid("param");
    return await carryOut(c, id, confirmJob);
  });

  api.openapi(cancel, async (c) => {
    const { id } = c.req.valid("param");
    return await carryOut(c, id, cancelJob);
  });
}

/** @throws ApiRefusal: not-found for strangers, forbidden for members whose role is too small */
async function jobFor(
  c: ApiContext,
  id: string,
  action: "read-workload" | "manage-workload",
): Promise<TrainingJobRow> {
  const row = await trainingJobById(c.var.deps.db, id);
  if (row === null) throw notFound(`training job ${id}`);
  await authorizeWorkload(c, row, { action, what: "training job" });
  return row;
}

/** Holds the job and gives the order. */
async function carryOut(c: ApiContext, id: string, order: typeof confirmJob) {
  await jobFor(c, id, "manage-workload");
  return await once(c, async (sql) => {
    const job = (await lockJobOrders(sql, [id])).get(id);
    if (job === undefined) throw notFound(`training job ${id}`);
    refuseUnlessDone(await order(sql, job, ordererOf(c)));
    return c.json(await answerOf(c, sql, id), 200);
  });
}

async function answerOf(c: ApiContext, db: Connection, id: string): Promise<z.input<typeof TrainingJob>> {
  const row = await trainingJobById(db, id);
  if (row === null) throw notFound(`training job ${id}`);
  return trainingJobAnswer(c, row, (await instancesOf(db, "training", [id])).get(id) ?? []);
}

function trainingJobAnswer(
  c: ApiContext,
  row: TrainingJobRow,
  instances: readonly InstanceView[],
): z.input<typeof TrainingJob> {
  return {
    ...row,
    status_deadline_at: iso(row.status_deadline_at),
    started_at: iso(row.started_at),
    completed_at: iso(row.completed_at),
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    host_id: instances[0]?.host_id ?? null,
    simulated: isSimulated(instances),
    instances: instances.map((view) => instanceAnswer(c, view)),
  };
}
