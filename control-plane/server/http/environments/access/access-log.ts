/** Who was in an environment and who tried to be, for who may manage it. */
import { createRoute, z } from "@hono/zod-openapi";
import { ATTEMPT_OUTCOMES, SESSION_ENDS } from "@remotegpu/shared/instance/ssh-access";
import { text } from "@remotegpu/shared/values/text";
import { accessLog, type AccessLogRow } from "../../../store/environments/access/access-log.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { momentPage, pageOf, pageQuery, toPage } from "../../request/pagination.ts";
import { forCustomers, iso, NumericId, ok, Timestamp, WorkloadIdPath } from "../../request/route.ts";
import { environmentFor } from "../environment-access.ts";
import { AccessLogin, loginAnswer, SESSION_SERVICES } from "./login-answer.ts";

const KINDS = ["session", "attempts"] as const;
/** The outcomes of sessions and of attempts. */
const OUTCOMES = [...new Set([...SESSION_ENDS, "unheard" as const, ...ATTEMPT_OUTCOMES])];

const AccessLogEntry = z
  .object({
    id: z.int().openapi({ description: "Its id", example: 4711 }),
    kind: z.enum(KINDS).describe("A session, or connections that came to nothing"),
    host_id: z.string(),
    service_type: z.enum(SESSION_SERVICES).openapi({ description: "Which service it was", example: "ssh" }),
    client_address: z.string(),
    began_at: Timestamp.describe("When it began; of attempts the first"),
    ended_at: Timestamp.nullable().describe("When it ended, of attempts the last; null: it goes on"),
    outcome: z.enum(OUTCOMES).nullable().openapi({
      description:
        "How it ended: by the client, the container, lost, cut, silent, access-process or unheard (not reported); of attempts no-login, silent, too-many, too-fast or no-way. Null: it goes on",
      example: "client",
    }),
    detail: z.string().openapi({ description: "The same in a sentence, where there is one", example: "" }),
    attempts: z.int().nullable().openapi({
      description: "How many connections came to nothing; null of a session",
      example: 31,
    }),
    bytes_in: z.int().nullable().openapi({
      description: "Bytes that came from the client; null of attempts",
      example: 48_211,
    }),
    bytes_out: z.int().nullable().openapi({
      description: "Bytes that went to the client; null of attempts",
      example: 1_200_455,
    }),
    login: AccessLogin.nullable(),
  })
  .openapi("AccessLogEntry");

const list = createRoute({
  ...forCustomers,
  method: "get",
  path: "/environments/{id}/access-log",
  operationId: "listEnvironmentAccessLog",
  tags: ["environments"],
  summary: "Who was in it, and what connections came to nothing, newest first",
  description:
    "Retained for 90 days unless the operator sets another time, and of one environment the newest 10,000 of each kind. A session is listed once its host has reported it; connections that came to nothing are counted by address for some minutes.",
  request: {
    params: WorkloadIdPath,
    query: z.strictObject({
      ...pageQuery,
      kind: z.enum(KINDS).optional(),
      service_type: z.enum(SESSION_SERVICES).optional(),
      client_address: text(64).min(1).optional().openapi({
        description: "Only what came from this address",
        example: "198.51.100.4",
      }),
      key_customer_id: NumericId.optional().openapi({
        description: "Only sessions with a key of this customer",
        example: 43,
      }),
    }),
  },
  responses: ok("A page of the log", pageOf(AccessLogEntry)),
});

export function registerAccessLogRoute(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id: environmentId } = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    const query = c.req.valid("query");
    const page = momentPage(query);
    const filter = {
      environmentId,
      kind: query.kind ?? null,
      service: query.service_type ?? null,
      clientAddress: query.client_address ?? null,
      customerId: query.key_customer_id ?? null,
    };
    const rows = await accessLog(db, filter, page);
    const item = (row: AccessLogRow) => entryAnswer(c, row);
    return c.json(toPage(rows, page.limit, { item, key: (row) => [row.began_micros, row.id] }), 200);
  });
}

function entryAnswer(c: ApiContext, row: AccessLogRow): z.input<typeof AccessLogEntry> {
  return {
    id: row.id,
    kind: row.kind,
    host_id: row.host_id,
    service_type: row.service_type,
    client_address: row.client_address,
    began_at: row.began_at.toISOString(),
    ended_at: iso(row.ended_at),
    outcome: row.outcome,
    detail: row.detail,
    attempts: row.attempts,
    bytes_in: row.bytes_in,
    bytes_out: row.bytes_out,
    login: loginAnswer(row, c.var.actor.customerId),
  };
}
