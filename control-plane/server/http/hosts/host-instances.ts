/** What holds something of a host, whose it is, and which cards and ports it has there: for operators alone. */
import { createRoute, z } from "@hono/zod-openapi";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { type InstanceOnHostRow, instancesOnHost } from "../../store/overview/host-instances.ts";
import { hostById } from "../../store/hosts/hosts.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { pageOf, PageQuery, textPage, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";

const InstanceOnHost = z
  .object({
    id: z.string(),
    rank: z.int(),
    state: z.string(),
    want: z.string(),
    detail: z.string().nullable(),
    placed_at: Timestamp,
    kind: z.enum(WORKLOAD_KINDS),
    workload_id: z.string(),
    name: z.string(),
    customer_id: z.int(),
    owner_username: z.string().nullable(),
    workspace_id: z.int().nullable(),
    gpus: z.array(
      z.object({ uuid: z.string(), gpu_index: z.int(), memory_mib: z.int().nullable() }).openapi("HeldGpu"),
    ),
    leases: z
      .array(
        z
          .object({
            service_type: z.string(),
            internal_port: z.int(),
            external_port: z.int().nullable(),
            state: z.string(),
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
  return { ...row, placed_at: placedAt.toISOString() };
}
