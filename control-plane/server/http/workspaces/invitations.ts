/** What a customer is invited to, and the answers: nobody belongs to a workspace without having said yes. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  acceptInvitation,
  declineInvitation,
  type InvitationRow,
  invitationsTo,
} from "../../store/accounts/invitations.ts";
import { Member, memberAnswer, requireMember } from "./workspace-members.ts";
import { changeEntryOnce } from "../environments/entry-change.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { notFound } from "../request/refusal.ts";
import { forCustomers, iso, noContent, ok, OpaqueIdPath, Timestamp } from "../request/route.ts";

const tags = ["workspaces"];
const params = OpaqueIdPath;

const Invitation = z
  .object({
    id: z.string().openapi({ description: "Its id", example: "inv-77a0c3f2" }),
    workspace_id: z.int(),
    workspace_name: z.string().openapi({ description: "How the workspace is called", example: "vision-lab" }),
    invited_by: z.string().nullable().openapi({
      description: "Null for one of the old system",
      example: "ada",
    }),
    role: z.string(),
    status: z.literal("invited").openapi({ description: "Always invited", example: "invited" }),
    created_at: Timestamp.nullable(),
    expires_at: Timestamp.nullable(),
  })
  .openapi("Invitation");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/invitations",
  tags,
  summary: "Workspaces that you are invited to",
  request: { query: PageQuery },
  responses: ok("A page of invitations", pageOf(Invitation)),
});

const accept = createRoute({
  ...forCustomers,
  method: "post",
  path: "/invitations/{id}/accept",
  tags,
  summary: "Become a member",
  request: { params },
  responses: ok("Your membership", Member),
});

const decline = createRoute({
  ...forCustomers,
  method: "post",
  path: "/invitations/{id}/decline",
  tags,
  summary: "Do not become a member; the inviter is not notified",
  request: { params },
  responses: noContent("It is gone"),
});

export function registerInvitationRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(list, async (c) => {
    const page = numericPage(c.req.valid("query"));
    const rows = await invitationsTo(db, { customerId: c.var.actor.customerId, now: deps.now(), page });
    return c.json(
      toPage(rows, page.limit, { item: invitationAnswer, key: (row) => [row.workspace_id] }),
      200,
    );
  });

  api.openapi(accept, async (c) => {
    const answer = answerOf(c, c.req.valid("param").id);
    return await changeEntryOnce(c, { customerId: answer.customerId }, async (sql) => {
      const workspaceId = await acceptInvitation(sql, answer);
      if (workspaceId === null)
        throw notFound({ code: "named-invitation", params: { invitation_id: answer.invitationId } });
      const { customerId } = answer;
      return c.json(memberAnswer(await requireMember({ db: sql }, { workspaceId, customerId })), 200);
    });
  });

  api.openapi(decline, async (c) => {
    const answer = answerOf(c, c.req.valid("param").id);
    return await once(c, async (sql) => {
      if (!(await declineInvitation(sql, answer)))
        throw notFound({ code: "named-invitation", params: { invitation_id: answer.invitationId } });
      return c.body(null, 204);
    });
  });
}

function answerOf(c: ApiContext, invitationId: string) {
  return { customerId: c.var.actor.customerId, invitationId, now: c.var.deps.now() };
}

function invitationAnswer(row: InvitationRow): z.input<typeof Invitation> {
  return { ...row, status: "invited", created_at: iso(row.created_at), expires_at: iso(row.expires_at) };
}
