/** Quotas: how much a customer, or one workspace, may hold at once. Set by administrators; 0 allows nothing. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { transaction } from "../../store/database/transaction.ts";
import { customerQuota, putQuota, workspaceQuota, type QuotaRow } from "../../store/accounts/quotas.ts";
import { workspaceFor } from "../../store/accounts/workspaces.ts";
import { requireCustomer } from "../accounts/customers.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { Int32, Int53 } from "../request/input-fields.ts";
import { notFound } from "../request/refusal.ts";
import { forAdmins, forCustomers, jsonBody, NumericIdPath, ok } from "../request/route.ts";

const tags = ["quotas"];

const QuotaRequest = z
  .strictObject({
    quota_level: displayText(32).optional(),
    cpu_quota: Int32.openapi({ description: "Cores", example: 64 }),
    memory_quota: Int53.openapi({ description: "MB", example: 262_144 }),
    gpu_quota: Int32,
    storage_quota: Int53.openapi({ description: "Bytes", example: 1_099_511_627_776 }),
    environment_quota: Int32,
  })
  .openapi("QuotaWish");

const Quota = z
  .object({
    quota_level: z.string(),
    cpu_quota: z.int().openapi({ description: "Cores that may be held at once", example: 64 }),
    memory_quota: z.int().openapi({ description: "MB of memory that may be held at once", example: 262_144 }),
    gpu_quota: z.int(),
    storage_quota: z.int().openapi({
      description: "Bytes of storage that may be ordered at once",
      example: 1_099_511_627_776,
    }),
    environment_quota: z.int(),
  })
  .openapi("Quota");

const params = NumericIdPath;

const getOfCustomer = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers/{id}/quota",
  tags,
  summary: "A customer's quota; without one the defaults hold",
  request: { params },
  responses: ok("The quota", Quota),
});

const putOfCustomer = createRoute({
  ...forAdmins,
  method: "put",
  path: "/customers/{id}/quota",
  tags,
  summary: "Set a customer's quota",
  request: { params, body: jsonBody(QuotaRequest) },
  responses: ok("The quota", Quota),
});

const getOwn = createRoute({
  ...forCustomers,
  method: "get",
  path: "/me/quota",
  operationId: "getMyQuota",
  tags,
  summary: "How much the account of this key may hold at once, over all it pays for",
  responses: ok("The quota", Quota),
});

const getOfWorkspace = createRoute({
  ...forAdmins,
  method: "get",
  path: "/workspaces/{id}/quota",
  tags,
  summary: "A workspace's quota; without one its owner's holds",
  request: { params },
  responses: ok("The quota", Quota),
});

const putOfWorkspace = createRoute({
  ...forAdmins,
  method: "put",
  path: "/workspaces/{id}/quota",
  tags,
  summary: "Set a workspace's quota, which holds beside its owner's",
  request: { params, body: jsonBody(QuotaRequest) },
  responses: ok("The quota", Quota),
});

export function registerQuotaRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  const ownerOf = async (workspaceId: number, customerId: number): Promise<number> => {
    const workspace = await workspaceFor(db, { workspaceId, customerId });
    if (workspace === null)
      throw notFound({ code: "named-workspace", params: { workspace_id: workspaceId } });
    return workspace.owner_id;
  };

  api.openapi(getOwn, async (c) => c.json(quotaAnswer(await customerQuota(db, c.var.actor.customerId)), 200));

  api.openapi(getOfCustomer, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    return c.json(quotaAnswer(await customerQuota(db, id)), 200);
  });

  api.openapi(putOfCustomer, async (c) => {
    const { id } = await requireCustomer(c.var.deps, c.req.valid("param").id);
    const quota = rowOf(c.req.valid("json"));
    const owner = { customerId: id, workspaceId: null };
    return c.json(quotaAnswer(await transaction(c.var.deps.db, (sql) => putQuota(sql, owner, quota))), 200);
  });

  api.openapi(getOfWorkspace, async (c) => {
    const { id } = c.req.valid("param");
    const ownerId = await ownerOf(id, c.var.actor.customerId);
    return c.json(quotaAnswer((await workspaceQuota(db, id)) ?? (await customerQuota(db, ownerId))), 200);
  });

  api.openapi(putOfWorkspace, async (c) => {
    const { id } = c.req.valid("param");
    const owner = { customerId: await ownerOf(id, c.var.actor.customerId), workspaceId: id };
    const quota = rowOf(c.req.valid("json"));
    return c.json(quotaAnswer(await transaction(c.var.deps.db, (sql) => putQuota(sql, owner, quota))), 200);
  });
}

function rowOf({ quota_level, ...numbers }: z.infer<typeof QuotaRequest>): QuotaRow {
  return { quota_level: quota_level ?? "custom", ...numbers };
}

function quotaAnswer(row: QuotaRow): z.infer<typeof Quota> {
  const { quota_level, cpu_quota, memory_quota, gpu_quota, storage_quota, environment_quota } = row;
  return { quota_level, cpu_quota, memory_quota, gpu_quota, storage_quota, environment_quota };
}
