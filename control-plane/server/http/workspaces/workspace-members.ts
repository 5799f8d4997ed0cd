/**
 * The members of a workspace and their roles. The owner's place is not to be given or taken here, and nobody is added:
 * members come by invitation (http/invitations).
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { Connection } from "../../store/database/database.ts";
import {
  changeMember,
  memberOf,
  membersOf,
  removeMember,
  type MemberRow,
} from "../../store/accounts/workspace-members.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import { changeEntry } from "../environments/entry-change.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { conflict, notFound } from "../request/refusal.ts";
import {
  forCustomers,
  jsonBody,
  noContent,
  NumericId,
  NumericIdPath,
  ok,
  Timestamp,
} from "../request/route.ts";

const tags = ["workspaces"];
const memberPath = z.object({ id: NumericId, customer_id: NumericId });
export const Role = z.enum(["admin", "member", "viewer"]);

export const Member = z
  .object({
    workspace_id: z.int().openapi({ description: "The workspace", example: 42 }),
    customer_id: z.int().openapi({ description: "The member", example: 44 }),
    username: z.string(),
    role: z.string(),
    status: z.string().openapi({ description: "active, invited or suspended", example: "active" }),
    joined_at: Timestamp.nullable().describe("Since when they belong to it"),
  })
  .openapi("WorkspaceMember");
export type Member = z.infer<typeof Member>;

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/workspaces/{id}/members",
  tags,
  summary: "Who belongs to the workspace",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of members", pageOf(Member)),
});

const get = createRoute({
  ...forCustomers,
  method: "get",
  path: "/workspaces/{id}/members/{customer_id}",
  tags,
  summary: "One member",
  request: { params: memberPath },
  responses: ok("The member", Member),
});

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/workspaces/{id}/members/{customer_id}",
  tags,
  summary: "Change a member's role, or suspend them",
  request: {
    params: memberPath,
    body: jsonBody(
      z
        .strictObject({
          role: Role.optional(),
          status: z.enum(["active", "suspended"]).optional().openapi({
            description: "A suspended member sees nothing of the workspace",
          }),
        })
        .openapi("MemberChange"),
    ),
  },
  responses: ok(
    "The member. What somebody who lost a way in has left inside of environments is not undone: restart those that they should not come back to",
    Member,
  ),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/workspaces/{id}/members/{customer_id}",
  tags,
  summary: "Remove a member; everybody may remove themselves",
  request: { params: memberPath },
  responses: noContent(
    "They are no longer a member. What they left inside of environments is not undone: restart those that they should not come back to",
  ),
});

export function registerWorkspaceMemberRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const { id } = await authorizeWorkspace(c, c.req.valid("param").id, "read-members");
    const page = numericPage(c.req.valid("query"));
    const rows = await membersOf(db, id, page);
    return c.json(toPage(rows, page.limit, { item: memberAnswer, key: (row) => [row.customer_id] }), 200);
  });

  api.openapi(get, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const { id: workspaceId } = await authorizeWorkspace(c, id, "read-members");
    return c.json(memberAnswer(await requireMember(deps, { workspaceId, customerId })), 200);
  });

  api.openapi(patch, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const workspace = await authorizeWorkspace(c, id, "manage-members");
    if (customerId === workspace.owner_id) throw conflict("owner-role-fixed");
    await requireMember(c.var.deps, { workspaceId: id, customerId });
    const change = { ...c.req.valid("json"), now: deps.now() };
    await changeEntry(c, { workspaceId: id }, (sql) =>
      changeMember(sql, { workspaceId: id, customerId }, change),
    );
    return c.json(memberAnswer(await requireMember(c.var.deps, { workspaceId: id, customerId })), 200);
  });

  api.openapi(remove, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const leaving = customerId === c.var.actor.customerId;
    const workspace = await authorizeWorkspace(c, id, leaving ? "read-workspace" : "manage-members");
    if (customerId === workspace.owner_id) throw conflict("owner-cannot-leave");
    await requireMember(c.var.deps, { workspaceId: id, customerId });
    await changeEntry(c, { workspaceId: id }, (sql) =>
      removeMember(sql, { workspaceId: id, customerId, now: deps.now() }),
    );
    return c.body(null, 204);
  });
}

export async function requireMember(
  { db }: { db: Connection },
  member: { workspaceId: number; customerId: number },
): Promise<MemberRow> {
  const found = await memberOf(db, member);
  if (found === null)
    throw notFound({
      code: "named-member",
      params: { customer_id: member.customerId, workspace_id: member.workspaceId },
    });
  return found;
}

export function memberAnswer(row: MemberRow) {
  return { ...row, joined_at: row.joined_at?.toISOString() ?? null };
}
