/** What holds something of a host, whose it is, and which cards and ports it has there: for operators alone. */
import { createRoute, z } from "@hono/zod-openapi";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { type InstanceOnHostRow, instancesOnHost } from "../../store/overview/host-instances.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { pageOf, PageQuery, textPage, toPage } from "../request/pagination.ts";
import { DETAIL_FIELDS, detailAnswer } from "../request/reason-answer.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";

const InstanceOnHost = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "inst-64ab09ee" }),
    rank: z.int().openapi({ description: "Which of the workload's instances, from 0", example: 0 }),
    state: z.string().openapi({
      description: "placed, starting, ready, stopping, stopped, failed or lost",
      example: "ready",
    }),
    want: z.string().openapi({
      description: "The desired state: running, stopped or removed",
      example: "running",
    }),
    detail: z.string().nullable().openapi({
      description: "What the host reported of it last, in a sentence",
      example: "started",
    }),
    ...DETAIL_FIELDS,
    placed_at: Timestamp,
    kind: z.enum(WORKLOAD_KINDS).describe("What kind of workload it is of"),
    workload_id: z.string().openapi({ description: "Which workload it is of", example: "env-3f6b1a52" }),
    name: z.string().openapi({ description: "What that is called", example: "notebook" }),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    gpus: z
      .array(
        z
          .object({
            uuid: z
              .string()
              .openapi({ description: "Which", example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8" }),
            gpu_index: z.int(),
            memory_mib: z.int().nullable().openapi({
              description: "The slice's size; null: all of it",
              example: 10_240,
            }),
          })
          .openapi("HeldGpu"),
      )
      .describe("The GPUs that it holds, or slices of them"),
    leases: z
      .array(
        z
          .object({
            service_type: z.string(),
            internal_port: z.int(),
            external_port: z.int().nullable().openapi({
              description: "The host's port; null: it has picked none yet",
              example: 30_512,
            }),
            state: z.string().openapi({
              description: "waiting, held, conflict or exhausted, as the host reports it",
              example: "held",
            }),
          })
          .openapi("HeldLease"),
      )
      .openapi({
        description: "The ports of its environment that are leased there; of other kinds there are none",
      }),
  })
  .openapi("InstanceOnHost");
type InstanceOnHost = z.infer<typeof InstanceOnHost>;

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/hosts/{id}/instances",
  operationId: "listHostInstances",
  tags: ["hosts"],
  summary: "The instances that hold something of it, with their owners, GPUs and leased ports",
  request: { params: OpaqueIdPath, query: PageQuery },
  responses: ok("A page of instances, by their ids", pageOf(InstanceOnHost)),
});

export function registerHostInstanceRoutes(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = c.req.valid("param");
    if ((await hostById(db, id)) === null) throw notFound({ code: "named-host", params: { host_id: id } });
    const page = textPage(c.req.valid("query"));
    const rows = await instancesOnHost(db, id, page);
    return c.json(toPage(rows, page.limit, { item: instanceOnHost, key: (row) => [row.id] }), 200);
  });
}

function instanceOnHost({ placed_at: placedAt, ...row }: InstanceOnHostRow): InstanceOnHost {
  return { ...row, ...detailAnswer(row), placed_at: placedAt.toISOString() };
}
