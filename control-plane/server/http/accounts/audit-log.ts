/** For administrators: who asked for which change, and what came of it. What writes it is request/audit.ts. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { AUDIT_OUTCOMES, auditEntries } from "../../store/audit/audit-log.ts";
import { AUDIT_TARGET_KINDS, withoutMoney } from "../../store/audit/audit-targets.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import { badField } from "../request/refusal.ts";
import { forAdmins, NumericId, ok, Timestamp } from "../request/route.ts";

const Fields = z.record(z.string(), z.unknown()).nullable().openapi({
  description:
    'The fields that differ; "changed" where the value is nobody\'s to read, null for a balance and the like where the key lacks the scope money',
});

const AuditEntry = z
  .object({
    id: z.int(),
    at: Timestamp,
    request_id: z.string().nullable().openapi({ description: "X-Request-Id of the answer" }),
    api_key_id: z.int().nullable(),
    actor_customer_id: z.int().nullable(),
    actor_name: z.string().nullable().openapi({
      description: "The username, as it is now; null where nobody is known, or the account is gone",
    }),
    actor_role: z.string().nullable(),
    method: z.string(),
    route: z.string(),
    action: z.string(),
    target_kind: z.string().nullable(),
    target_id: z.string().nullable(),
    subject: z.string().nullable(),
    outcome: z.string(),
    status: z.int().nullable(),
    problem: z.string().nullable().openapi({ description: "Why it was refused, or that it failed" }),
    before: Fields,
    after: Fields,
    attempts: z.int().openapi({ description: "How many attempts this entry stands for" }),
  })
  .openapi("AuditEntry");

/** Moments as they are sent, with any offset. */
const Moment = z
  .string()
  .max(64)
  .pipe(z.iso.datetime({ offset: true }))
  .transform((moment) => new Date(moment))
  .openapi({ type: "string", format: "date-time" });

const getAuditLog = createRoute({
  ...forAdmins,
  method: "get",
  path: "/audit-log",
  tags: ["fleet"],
  summary: "Who requested which change, with its outcome, and what administrators read; newest first",
  request: {
    query: z.strictObject({
      ...pageQuery,
      actor_customer_id: NumericId.optional(),
      actor: text(64).optional(),
      target_kind: z.enum(AUDIT_TARGET_KINDS).optional(),
      target_id: text(160).optional(),
      action: text(64).optional(),
      outcome: z.enum(AUDIT_OUTCOMES).optional(),
      since: Moment.optional(),
      until: Moment.optional(),
    }),
  },
  responses: ok("A page of entries", pageOf(AuditEntry)),
});

export function registerAuditLogRoute(api: ApiApp, { db }: ApiDeps): void {
  api.openapi(getAuditLog, async (c) => {
    const query = c.req.valid("query");
    // Ids are found by their kind.
    if (query.target_id !== undefined && query.target_kind === undefined)
      throw badField("target_id", "audit-target-kind-missing");
    const page = timePage(query);
    const filter = {
      actorCustomerId: query.actor_customer_id ?? null,
      actorName: query.actor ?? null,
      targetKind: query.target_kind ?? null,
      targetId: query.target_id ?? null,
      action: query.action ?? null,
      outcome: query.outcome ?? null,
      since: query.since ?? null,
      until: query.until ?? null,
    };
    const rows = await auditEntries(db, filter, page);
    const item = ({ at_micros: _micros, ...row }: (typeof rows)[number]) => ({
      ...row,
      at: row.at.toISOString(),
      ...(!showsMoney(c) && {
        before: withoutMoney(row.target_kind, row.before),
        after: withoutMoney(row.target_kind, row.after),
      }),
    });
    const key = (row: (typeof rows)[number]) => [row.at_micros, String(row.id)];
    return c.json(toPage(rows, page.limit, { item, key }), 200);
  });
}
