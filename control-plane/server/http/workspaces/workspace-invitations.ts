/**
 * Inviting to a workspace by e-mail or username. Whoever invites learns nothing of who has an account: every answer is
 * made of what was asked, and says the same of addresses that nobody has.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { displayText } from "@remotegpu/shared/values/text";
import { MS_PER_DAY, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import {
  INVITATION_LIFETIME_MS,
  invitationBound,
  type InvitationBound,
  MAX_A_DAY_OF_INVITER,
  MAX_OPEN_OF_INVITER,
  MAX_OPEN_OF_WORKSPACE,
} from "../../core/accounts/invitation-bounds.ts";
import { transaction } from "../../store/database/transaction.ts";
import {
  holdInvitations,
  insertInvitation,
  invitationCounts,
  inviteWhoHasIt,
  openInvitationsOf,
  openInvitationTo,
  renewInvitation,
  withdrawInvitation,
  workspaceInvitation,
  type WorkspaceInvitationRow,
} from "../../store/accounts/workspace-invitations.ts";
import { Role } from "./workspace-members.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { authorizeWorkspace } from "../request/authorization.ts";
import { pageOf, PageQuery, textPage, toPage } from "../request/pagination.ts";
import { ApiRefusal, badField, conflict, notFound } from "../request/refusal.ts";
import {
  created,
  forCustomers,
  jsonBody,
  noContent,
  NumericId,
  NumericIdPath,
  ok,
  OpaqueIdPath,
  Timestamp,
} from "../request/route.ts";

const tags = ["workspaces"];

const NewInvitation = z
  .strictObject({
    email: displayText(128).optional().openapi({
      description: "As the account has it, to the letter",
      example: "ada@example.com",
    }),
    username: displayText(64).optional().openapi({ description: "Instead of the e-mail", example: "ada" }),
    role: Role.optional(),
  })
  .openapi("NewInvitation");

const WorkspaceInvitation = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "inv-77a0c3f2" }),
    workspace_id: z.int(),
    invited_by: z.string().openapi({ description: "Who made the request: the username", example: "ada" }),
    email: z.string().nullable(),
    username: z.string().nullable(),
    role: z.string(),
    status: z.literal("invited").openapi({ description: "Always invited", example: "invited" }),
    created_at: Timestamp,
    expires_at: Timestamp,
  })
  .openapi("WorkspaceInvitation");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/workspaces/{id}/members",
  tags,
  summary: "Invite somebody by e-mail or username",
  description:
    "The answer is the same whether anybody has the address, and whether they belong to the workspace. Repeated, the invitation that is open gets this role, its time begins anew, and it is of who invited last. It ends when that one may no longer invite.",
  request: { params: NumericIdPath, body: jsonBody(NewInvitation) },
  responses: created("What was asked", WorkspaceInvitation),
});

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/workspaces/{id}/invitations",
  tags,
  summary: "Invitations to the workspace that nobody has accepted yet",
  description: "Also those to addresses that nobody has, and those that were declined, until they expire.",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of invitations", pageOf(WorkspaceInvitation)),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/workspaces/{id}/invitations/{invitation_id}",
  tags,
  summary: "Withdraw an invitation",
  request: { params: z.object({ id: NumericId, invitation_id: OpaqueIdPath.shape.id }) },
  responses: noContent("Nobody can accept it any more"),
});

export function registerWorkspaceInvitationRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const { id: workspaceId } = await authorizeWorkspace(c, c.req.valid("param").id, "manage-members");
    const { email = null, username = null, role = "member" } = c.req.valid("json");
    if ((email === null) === (username === null))
      throw badField(email === null ? "email" : "username", "invitation-of-one");
    const now = deps.now();
    const inviterId = c.var.actor.customerId;
    const expiresAt = new Date(now.getTime() + INVITATION_LIFETIME_MS);
    return await once(c, async (sql) => {
      await holdInvitations(sql, { workspaceId, inviterId, now });
      const known = await openInvitationTo(sql, { workspaceId, email, username });
      // Another's becomes one's own, and counts as such; the workspace has it already.
      if (known?.inviterId !== inviterId) {
        const { oldestOfDay, ...counts } = await invitationCounts(sql, { workspaceId, inviterId, now });
        const openOfWorkspace = counts.openOfWorkspace - (known === null ? 0 : 1);
        const bound = invitationBound({ ...counts, openOfWorkspace });
        if (bound !== null) throw refusalAt(bound, { oldestOfDay, now });
      }
      const id = known?.id ?? deps.newId("invitation");
      if (known === null)
        await insertInvitation(sql, { id, workspaceId, inviterId, email, username, role, now, expiresAt });
      else await renewInvitation(sql, { id, inviterId, role, expiresAt });
      await inviteWhoHasIt(sql, id);
      const row = await workspaceInvitation(sql, id);
      if (row === null) throw notFound({ code: "named-workspace", params: { workspace_id: workspaceId } });
      return c.json(invitationAnswer(row), 201);
    });
  });

  api.openapi(list, async (c) => {
    const { id: workspaceId } = await authorizeWorkspace(c, c.req.valid("param").id, "manage-members");
    const page = textPage(c.req.valid("query"));
    const rows = await openInvitationsOf(db, { workspaceId, now: deps.now(), page });
    return c.json(toPage(rows, page.limit, { item: invitationAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(remove, async (c) => {
    const { id, invitation_id: invitationId } = c.req.valid("param");
    const { id: workspaceId } = await authorizeWorkspace(c, id, "manage-members");
    const wasOpen = await transaction(
      c.var.deps.db,
      async (sql) => await withdrawInvitation(sql, { workspaceId, invitationId, now: deps.now() }),
    );
    if (!wasOpen)
      throw notFound({
        code: "named-open-invitation",
        params: { invitation_id: invitationId, workspace_id: workspaceId },
      });
    return c.body(null, 204);
  });
}

function refusalAt(
  bound: InvitationBound,
  { oldestOfDay, now }: { oldestOfDay: Date | null; now: Date },
): ApiRefusal {
  switch (bound) {
    case "open-of-workspace":
      return conflict({
        code: "invitations-of-workspace-too-many",
        params: { max_invitations: MAX_OPEN_OF_WORKSPACE },
      });
    case "open-of-inviter":
      return conflict({
        code: "invitations-of-inviter-too-many",
        params: { max_invitations: MAX_OPEN_OF_INVITER },
      });
    case "day-of-inviter": {
      const againMs = (oldestOfDay ?? now).getTime() + MS_PER_DAY - now.getTime();
      return new ApiRefusal(
        "too-many-requests",
        { code: "invitations-of-day-too-many", params: { max_invitations: MAX_A_DAY_OF_INVITER } },
        { retryAfterSeconds: Math.ceil(againMs / MS_PER_SECOND) },
      );
    }
  }
}

function invitationAnswer(row: WorkspaceInvitationRow): z.input<typeof WorkspaceInvitation> {
  return {
    ...row,
    status: "invited",
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}
