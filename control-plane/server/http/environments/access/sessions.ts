/** Who is in an environment now, for who may manage it; and the end of a session by hand. */
import { createRoute, z } from "@hono/zod-openapi";
import { transaction } from "../../../store/database/transaction.ts";
import {
  type AccessSessionRow,
  openSessions,
  orderCut,
  sessionOf,
} from "../../../store/environments/access/access-sessions.ts";
import { appendEvent } from "../../../store/events/events.ts";
import { holdEntered } from "../../../store/environments/entry-changes.ts";
import { raiseGeneration } from "../../../store/hosts/hosts.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../../request/pagination.ts";
import { notFound } from "../../request/refusal.ts";
import {
  accepted,
  forCustomers,
  iso,
  NumericId,
  ok,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { orderContextOf } from "../../workloads/orders.ts";
import { environmentFor } from "../environment-access.ts";
import { AccessLogin, loginAnswer, SESSION_SERVICES } from "./login-answer.ts";
import { workloadThing } from "../../workloads/workload-thing.ts";

const tags = ["environments"];

const AccessSession = z
  .object({
    id: z.int().openapi({ description: "Its id", example: 4711 }),
    host_id: z.string(),
    service_type: z.enum(SESSION_SERVICES).openapi({ description: "Which service it is in", example: "ssh" }),
    client_address: z.string(),
    opened_at: Timestamp.describe("When it began"),
    bytes_in: z.int().openapi({ description: "Bytes that came from the client so far", example: 48_211 }),
    bytes_out: z.int().openapi({ description: "Bytes that went to the client so far", example: 1_200_455 }),
    login: AccessLogin.nullable(),
    told_at: Timestamp.describe("When its host or gateway reported a change of it last"),
    /** It is to end: ordered then. */
    cut_at: Timestamp.nullable().describe("When its end was ordered; null: it was not"),
    ended_at: Timestamp.nullable().describe("When it ended; null: it goes on"),
  })
  .openapi("AccessSession");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/sessions",
  operationId: "listEnvironmentSessions",
  tags,
  summary: "Who is in it now, newest first",
  description:
    "As its host reported it last: an open session's bytes lag behind. Of SSH each connection that has logged in or lasted half a minute, of other services what one address does in a row. Addresses and bytes are the host's word; a login is the container's, so whoever is root in it can make it up. Terminals in the browser are reported by the gateway, one for each open page.",
  request: { params: WorkloadIdPath, query: PageQuery },
  responses: ok("A page of open sessions", pageOf(AccessSession)),
});

const remove = createRoute({
  ...forCustomers,
  method: "delete",
  path: "/environments/{id}/sessions/{session_id}",
  operationId: "endEnvironmentSession",
  tags,
  summary: "End a session; whoever still has a key may come in again",
  request: { params: WorkloadIdPath.extend({ session_id: NumericId }) },
  responses: accepted("It is being ended, or has ended", AccessSession),
});

export function registerSessionRoutes(api: ApiApp, { db, link }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const page = numericPage(c.req.valid("query"));
    const rows = await openSessions(db, id, page);
    const item = (row: AccessSessionRow) => sessionAnswer(c, row);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.id] }), 200);
  });

  api.openapi(remove, async (c) => {
    const { id: requested, session_id: id } = c.req.valid("param");
    const environment = await environmentFor(c, requested, "manage-workload");
    const session = { environmentId: environment.id, id };
    const known = await sessionOf(c.var.deps.db, session);
    if (known === null)
      throw notFound({
        code: "named-access-session",
        params: { session_id: id, environment: workloadThing("environment", environment.id) },
      });
    const { actor, now } = orderContextOf(c);
    const reports = await transaction(c.var.deps.db, async (sql) => {
      await holdEntered(sql, { environmentId: environment.id });
      const cut = await orderCut(sql, { ...session, actor, reason: `Ended by ${actor}.`, now });
      if (cut === null) return null;
      await appendEvent(sql, {
        at: now,
        kind: "session-ended",
        workloadKind: "environment",
        workloadId: environment.id,
        customerId: environment.customer_id,
        hostId: cut.hostId,
        actor,
        reason: {
          code: "access-session-ending",
          params: { session_id: String(id), service: known.service_type, address: known.client_address },
        },
      });
      if (cut.reports !== null) await raiseGeneration(sql, cut.reports);
      return cut.reports;
    });
    if (reports !== null) link.nudge(reports);
    return c.json(sessionAnswer(c, (await sessionOf(c.var.deps.db, session)) ?? known), 202);
  });
}

function sessionAnswer(c: ApiContext, row: AccessSessionRow): z.input<typeof AccessSession> {
  return {
    id: row.id,
    host_id: row.host_id,
    service_type: row.service_type,
    client_address: row.client_address,
    opened_at: row.opened_at.toISOString(),
    bytes_in: row.bytes_in,
    bytes_out: row.bytes_out,
    login: loginAnswer(row, c.var.actor.customerId),
    told_at: row.reported_at.toISOString(),
    cut_at: iso(row.cut_at),
    ended_at: iso(row.ended_at),
  };
}
