/** Workspaces: who shares what, and who pays. Their owner's and admins' to change, only the owner's to delete. */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { transaction } from "../../store/database/transaction.ts";
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
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { Description } from "../request/input-fields.ts";
import { conflict, notFound } from "../request/refusal.ts";
import { NUMBERED, registerResource } from "../request/resource.ts";
import { created, forCustomers, jsonBody, NumericIdPath, ok, Timestamp } from "../request/route.ts";

const tags = ["workspaces"];

const NewWorkspace = z
  .strictObject({
    name: displayText(128),
    description: Description.nullable().optional(),
    type: z.enum(["team", "enterprise"]).optional().describe("What kind; a word for people"),
  })
  .openapi("NewWorkspace");

const WorkspaceChange = z
  .strictObject({ name: displayText(128).optional(), description: Description.nullable().optional() })
  .openapi("WorkspaceChange");

const Workspace = z
  .object({
    id: z.int(),
    uuid: z.string(),
    owner_id: z.int().openapi({ description: "The customer who owns it and pays for it", example: 43 }),
    name: z.string(),
    description: z.string().nullable(),
    type: z.string().openapi({ description: "personal, team or enterprise", example: "team" }),
    member_count: z.int().openapi({ description: "How many belong to it, the owner included", example: 3 }),
    status: z.string().openapi({ description: "active or archived", example: "active" }),
    share_weight: z.int().openapi({
      description: "Its share of GPU time beside others that wait",
      example: 1,
    }),
    role: z.string().nullable().openapi({
      description: "The caller's role; null for administrators",
      example: "member",
    }),
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

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/workspaces/{id}",
  tags,
  summary: "Rename or describe it",
  request: { params: NumericIdPath, body: jsonBody(WorkspaceChange) },
  responses: ok("The workspace", Workspace),
});

export function registerWorkspaceRoutes(api: ApiApp, { db }: ApiDeps): void {
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

  registerResource(api, {
    path: "/workspaces",
    tags,
    ids: NUMBERED,
    Answer: Workspace,
    answer: workspaceAnswer,
    list: {
      summary: "The workspaces you belong to; all of them for administrators",
      answers: "A page of workspaces",
      rows: ({ var: { actor } }, page) =>
        listWorkspaces(db, { customerId: actor.customerId, all: actor.isAdmin, page }),
    },
    get: {
      summary: "One workspace",
      answers: "The workspace",
      find: (c, id) => authorizeWorkspace(c, id, "read-workspace"),
    },
    remove: {
      summary: "Delete it; only its owner may, and only when no workload is left in it",
      end: deleteWorkspace,
    },
  });

  api.openapi(patch, async (c) => {
    const { id } = await authorizeWorkspace(c, c.req.valid("param").id, "change-workspace");
    await updateWorkspace(c.var.deps.db, id, c.req.valid("json"));
    const changed = await workspaceFor(c.var.deps.db, {
      workspaceId: id,
      customerId: c.var.actor.customerId,
    });
    if (changed === null) throw notFound({ code: "named-workspace", params: { workspace_id: id } });
    return c.json(workspaceAnswer(changed), 200);
  });
}

async function deleteWorkspace(c: ApiContext, id: number): Promise<void> {
  const { db, now } = c.var.deps;
  const workspace = await authorizeWorkspace(c, id, "delete-workspace");
  if (workspace.type === "personal") throw conflict("workspace-personal");
  const { liveWorkloads } = await transaction(db, async (sql) => {
    const archived = await archiveWorkspace(sql, workspace.id);
    if (archived.liveWorkloads === 0) {
      await deleteCredentialsOfWorkspace(sql, workspace.id);
      await endInvitationsOf(sql, workspace.id, now());
    }
    return archived;
  });
  if (liveWorkloads > 0)
    throw conflict({
      code: "workspace-has-workloads",
      params: { workspace_id: workspace.id, workloads: liveWorkloads },
    });
}

function workspaceAnswer(row: WorkspaceWithRole) {
  return {
    ...row,
    created_at: row.created_at?.toISOString() ?? null,
    updated_at: row.updated_at?.toISOString() ?? null,
  };
}
