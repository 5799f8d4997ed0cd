/** The members of a workspace and their roles. The owner's place is not to be given or taken here. */
import { createRoute, z } from "@hono/zod-openapi";
import { customerById } from "../../store/accounts/customers.ts";
import { type Connection, transaction } from "../../store/database.ts";
import {
  addMember,
  changeMember,
  memberOf,
  membersOf,
  removeMember,
  type MemberRow,
} from "../../store/accounts/workspace-members.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { RowId } from "../request/input-fields.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import {
  created,
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
const Role = z.enum(["admin", "member", "viewer"]);

const Member = z
  .object({
    workspace_id: z.int(),
    customer_id: z.int(),
    username: z.string(),
    role: z.string(),
    status: z.string(),
    joined_at: Timestamp.nullable(),
  })
  .openapi("WorkspaceMember");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/workspaces/{id}/members",
  tags,
  summary: "Add a customer to the workspace",
  request: {
    params: NumericIdPath,
    body: jsonBody(z.strictObject({ customer_id: RowId, role: Role.optional() }).openapi("NewMember")),
  },
  responses: created("The member", Member),
});

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
        .strictObject({ role: Role.optional(), status: z.enum(["active", "suspended"]).optional() })
        .openapi("MemberChange"),
    ),
  },
  responses: ok("The member", Member),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/workspaces/{id}/members/{customer_id}",
  tags,
  summary: "Remove a member; everybody may remove themselves",
  request: { params: memberPath },
  responses: noContent("They are no longer a member"),
});

export function registerWorkspaceMemberRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const { id: workspaceId } = await authorizeWorkspace(c, c.req.valid("param").id, "manage-members");
    const { customer_id: customerId, role = "member" } = c.req.valid("json");
    if ((await customerById(db, customerId)) === null)
      throw badField("customer_id", "there is no such customer");
    return await once(c, async (sql) => {
      if (!(await addMember(sql, { workspaceId, customerId, role })))
        throw conflict(`Customer ${customerId} is a member of workspace ${workspaceId} already.`);
      return c.json(memberAnswer(await requireMember({ db: sql }, { workspaceId, customerId })), 201);
    });
  });

  api.openapi(list, async (c) => {
    const { id } = await authorizeWorkspace(c, c.req.valid("param").id, "read-members");
    const page = numericPage(c.req.valid("query"));
    const rows = await membersOf(db, id, page);
    return c.json(toPage(rows, page.limit, { item: memberAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(get, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const { id: workspaceId } = await authorizeWorkspace(c, id, "read-members");
    return c.json(memberAnswer(await requireMember(deps, { workspaceId, customerId })), 200);
  });

  api.openapi(patch, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const workspace = await authorizeWorkspace(c, id, "manage-members");
    if (customerId === workspace.owner_id) throw conflict("The owner's role cannot be changed.");
    await requireMember(deps, { workspaceId: id, customerId });
    await changeMember(db, { workspaceId: id, customerId }, c.req.valid("json"));
    return c.json(memberAnswer(await requireMember(deps, { workspaceId: id, customerId })), 200);
  });

  api.openapi(remove, async (c) => {
    const { id, customer_id: customerId } = c.req.valid("param");
    const leaving = customerId === c.var.actor.customerId;
    const workspace = await authorizeWorkspace(c, id, leaving ? "read-workspace" : "manage-members");
    if (customerId === workspace.owner_id) throw conflict("The owner cannot leave the workspace.");
    await requireMember(deps, { workspaceId: id, customerId });
    await transaction(db, (sql) => removeMember(sql, { workspaceId: id, customerId }));
    return c.body(null, 204);
  });
}

async function requireMember(
  { db }: { db: Connection },
  member: { workspaceId: number; customerId: number },
): Promise<MemberRow> {
  const found = await memberOf(db, member);
  if (found === null) throw notFound(`member ${member.customerId} of workspace ${member.workspaceId}`);
  return found;
}

function memberAnswer({ id: _id, ...row }: MemberRow) {
  return { ...row, joined_at: row.joined_at?.toISOString() ?? null };
}
