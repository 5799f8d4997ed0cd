/** Workspaces: who shares what, and who pays. Their owner's and admins' to change, only the owner's to delete. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/text";
import { transaction } from "../../store/database/database.ts";
import {
  archiveWorkspace,
  insertWorkspace,
  listWorkspaces,
  updateWorkspace,
  workspaceFor,
  type WorkspaceWithRole,
} from "../../store/accounts/workspaces.ts";
import { endInvitationsOf } from "../../store/accounts/workspace-invitations.ts";
import { deleteCredentialsOfWorkspace } from "../../store/hosts/images/registry-credentials.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { Description } from "../request/input-fields.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { conflict, notFound } from "../request/refusal.ts";
import {
  created,
  forCustomers,
  jsonBody,
  noContent,
  NumericIdPath,
  ok,
  Timestamp,
} from "../request/route.ts";

const tags = ["workspaces"];
const params = NumericIdPath;

const NewWorkspace = z
  .strictObject({
    name: displayText(128),
    description: Description.nullable().optional(),
    type: z.enum(["team", "enterprise"]).optional(),
  })
  .openapi("NewWorkspace");

const WorkspaceChange = z
  .strictObject({ name: displayText(128).optional(), description: Description.nullable().optional() })
  .openapi("WorkspaceChange");

const Workspace = z
  .object({
    id: z.int(),
    uuid: z.string(),
    owner_id: z.int(),
    name: z.string(),
    description: z.string().nullable(),
    type: z.string(),
    member_count: z.int(),
    status: z.string(),
    share_weight: z.int().openapi({ description: "Its share of GPU time beside others that wait" }),
    role: z.string().nullable().openapi({ description: "The caller's role; null for administrators" }),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp.nullable(),
  })
  .openapi("Workspace");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/workspaces",
  tags,
  summary: "Make a workspace; you own it and pay for it",
  request: { body: jsonBody(NewWorkspace) },
  responses: created("The workspace", Workspace),
});

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/workspaces",
  tags,
  summary: "The workspaces you belong to; all of them for administrators",
  request: { query: PageQuery },
  responses: ok("A page of workspaces", pageOf(Workspace)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/workspaces/{id}",
  tags,
  summary: "One workspace",
  request: { params },
  responses: ok("The workspace", Workspace),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/workspaces/{id}",
  tags,
  summary: "Rename or describe it",
  request: { params, body: jsonBody(WorkspaceChange) },
  responses: ok("The workspace", Workspace),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/workspaces/{id}",
  tags,
  summary: "Delete it; only its owner may, and only when no workload is left in it",
  request: { params },
  responses: noContent("It is gone"),
});

export function registerWorkspaceRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const body = c.req.valid("json");
    const ownerId = c.var.actor.customerId;
    return await once(c, async (sql) => {
      const made = await insertWorkspace(sql, {
        ownerId,
        name: body.name,
        description: body.description ?? null,
        type: body.type ?? "team",
      });
      return c.json(workspaceAnswer({ ...made, role: "owner" }), 201);
    });
  });

  api.openapi(list, async (c) => {
    const { actor } = c.var;
    const page = numericPage(c.req.valid("query"));
    const rows = await listWorkspaces(db, { customerId: actor.customerId, all: actor.isAdmin, page });
    return c.json(toPage(rows, page.limit, { item: workspaceAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const workspace = await authorizeWorkspace(c, c.req.valid("param").id, "read-workspace");
    return c.json(workspaceAnswer(workspace), 200);
  });

  api.openapi(patch, async (c) => {
    const { id } = await authorizeWorkspace(c, c.req.valid("param").id, "change-workspace");
    await updateWorkspace(db, id, c.req.valid("json"));
    const changed = await workspaceFor(db, { workspaceId: id, customerId: c.var.actor.customerId });
    if (changed === null) throw notFound(`workspace ${id}`);
    return c.json(workspaceAnswer(changed), 200);
  });

  api.openapi(remove, async (c) => {
    const workspace = await authorizeWorkspace(c, c.req.valid("param").id, "delete-workspace");
    if (workspace.type === "personal") throw conflict("A personal workspace stays as long as its account.");
    const { liveWorkloads } = await transaction(db, async (sql) => {
      const archived = await archiveWorkspace(sql, workspace.id);
      if (archived.liveWorkloads === 0) {
        await deleteCredentialsOfWorkspace(sql, workspace.id);
        await endInvitationsOf(sql, workspace.id, deps.now());
      }
      return archived;
    });
    if (liveWorkloads > 0)
      throw conflict(`Workspace ${workspace.id} still has ${liveWorkloads} workloads; delete them first.`);
    return c.body(null, 204);
  });
}

function workspaceAnswer(row: WorkspaceWithRole) {
  return {
    ...row,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}
