/** Inference services, read. None can be ordered yet: what is there came from the old system. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/text";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/workload";
import { inferenceServiceById, type InferenceServiceRow } from "../../store/inference/inference-services.ts";
import { listWorkloads } from "../../store/workloads/pages.ts";
import { instancesOf, type InstanceView } from "../../store/workloads/instances.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { Instance, instanceAnswer, isSimulated } from "../workloads/instance-answer.ts";
import { authorizeWorkload, visibleWorkloads } from "../request/authorization.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomers, iso, NumericId, ok, Timestamp, WorkloadIdPath } from "../request/route.ts";

const tags = ["inference services"];

const InferenceService = z
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
    status_deadline_at: Timestamp.nullable(),
    endpoint_url: z.string().nullable(),
    cpu: z.int().nullable(),
    memory: z.int().nullable(),
    gpu: z.int().nullable(),
    gpu_memory: z.int().nullable(),
    /** As many as are wanted; 0 when it was stopped here. */
    replicas: z.int(),
    min_replicas: z.int(),
    max_replicas: z.int(),
    autoscaling_enabled: z.boolean(),
    autoscaling_config: z.record(z.string(), z.unknown()).nullable(),
    health_check_path: z.string().nullable(),
    /** Seconds. */
    health_check_interval: z.int(),
    env_vars: z.record(z.string(), z.string()).nullable(),
    config: z.record(z.string(), z.unknown()).nullable(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
    /** Of the first replica. */
    host_id: z.string().nullable(),
    /** True where any of its GPUs is a simulated one. */
    simulated: z.boolean(),
    instances: z.array(Instance),
  })
  .openapi("InferenceService");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services",
  tags,
  summary: "The inference services of your workspaces, newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      workspace_id: NumericId.optional(),
      customer_id: NumericId.optional(),
      status: z.enum(INFERENCE_SERVICE_STATUSES).optional(),
      name: text(512).optional(),
    }),
  },
  responses: ok("A page of inference services", pageOf(InferenceService)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/inference-services/{id}",
  tags,
  summary: "One inference service with its replicas and their instances",
  request: { params: WorkloadIdPath },
  responses: ok("The inference service", InferenceService),
});

export function registerInferenceServiceRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const query = c.req.valid("query");
    const page = timePage(query);
    const filter = {
      visibleTo: await visibleWorkloads(c, "inference services"),
      workspaceId: query.workspace_id ?? null,
      customerId: query.customer_id ?? null,
      status: query.status ?? null,
      name: query.name ?? null,
    };
    const rows = await listWorkloads<InferenceServiceRow>(db, "inference", { filter, page });
    const instances = await instancesOf(
      db,
      "inference",
      rows.map(({ id }) => id),
    );
    const item = ({ created_micros: _micros, ...row }: (typeof rows)[number]) =>
      inferenceServiceAnswer(c, row, instances.get(row.id) ?? []);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.created_micros, row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const { id } = c.req.valid("param");
    const row = await inferenceServiceById(db, id);
    if (row === null) throw notFound(`inference service ${id}`);
    await authorizeWorkload(c, row, { action: "read-workload", what: "inference service" });
    const instances = await instancesOf(db, "inference", [id]);
    return c.json(inferenceServiceAnswer(c, row, instances.get(id) ?? []), 200);
  });
}

function inferenceServiceAnswer(
  c: ApiContext,
  row: InferenceServiceRow,
  instances: readonly InstanceView[],
): z.input<typeof InferenceService> {
  return {
    ...row,
    status_deadline_at: iso(row.status_deadline_at),
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    host_id: instances[0]?.host_id ?? null,
    simulated: isSimulated(instances),
    instances: instances.map((view) => instanceAnswer(c, view)),
  };
}
