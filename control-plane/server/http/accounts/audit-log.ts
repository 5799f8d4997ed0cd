/** For administrators: who asked for which change, and what came of it. What writes it is request/audit.ts. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { AUDIT_OUTCOMES, auditEntries, type AuditRow } from "../../store/audit/audit-log.ts";
import { AUDIT_TARGET_KINDS, withoutMoney } from "../../store/audit/audit-targets.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { isReason } from "../../core/reasons/reason.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { pageOf, pageQuery, timePage, toPage } from "../request/pagination.ts";
import { REASON_FIELDS } from "../request/reason-answer.ts";
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
    request_id: z.string().nullable().openapi({
      description: "X-Request-Id of the answer",
      example: "0f8fad5b-d9cb-469f-a165-70867728950e",
    }),
    trace_id: z.string().nullable().openapi({
      description: "The trace of the request; null: not known",
      example: "4bf92f3577b34da6a3ce929d0e0e4736",
    }),
    api_key_id: z.int().nullable(),
    actor_customer_id: z.int().nullable().openapi({
      description: "Who made the request; null: nobody with a known key",
      example: 1,
    }),
    actor_name: z.string().nullable().openapi({
      description: "The username, as it is now; null where nobody is known, or the account is gone",
      example: "ada",
    }),
    actor_role: z.string().nullable().openapi({
      description: "The role of that account",
      example: "customer",
    }),
    method: z.string().openapi({ description: "The HTTP method", example: "POST" }),
    route: z.string().openapi({ description: "The route", example: "/api/v1/environments/{id}/stop" }),
    action: z.string().openapi({
      description: "What was requested: a stable word",
      example: "environment.stop",
    }),
    target_kind: z.string().nullable().openapi({
      description: "What kind of thing it was done to",
      example: "environment",
    }),
    target_id: z.string().nullable().openapi({ description: "Which one", example: "env-5b1f6c0e" }),
    subject: z.string().nullable().openapi({
      description: "What it was about",
      example: "environment env-5b1f6c0e",
    }),
    outcome: z.string().openapi({
      description: "done, repeated (the answer to a known Idempotency-Key), refused or failed",
      example: "done",
    }),
    status: z.int().nullable().openapi({ description: "How it was answered", example: 202 }),
    problem: z.string().nullable().openapi({
      description: "Why it was refused, or that it failed: a stable word",
      example: "forbidden",
    }),
    reason: z.string().nullable().openapi({
      description:
        "The same as a sentence, with … in place of each text that the request may have brought; null: nothing was refused, or no more is known",
      example: "Only administrators may do this.",
    }),
    ...REASON_FIELDS,
    before: Fields,
    after: Fields,
    attempts: z.int().openapi({ description: "How many attempts this entry stands for", example: 1 }),
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
      actor_customer_id: NumericId.optional().openapi({
        description: "Only what this administrator did",
        example: 1,
      }),
      actor: text(64).optional().openapi({
        description: "Only what the account with this username did",
        example: "ada",
      }),
      target_kind: z.enum(AUDIT_TARGET_KINDS).optional().openapi({
        description: "Only what was done to things of this kind",
      }),
      target_id: text(160).optional().openapi({
        description: "Only what was done to this one; beside target_kind",
        example: "env-5b1f6c0e",
      }),
      action: text(64).optional().openapi({ description: "Only this action", example: "environment.stop" }),
      outcome: z.enum(AUDIT_OUTCOMES).optional().describe("Only those that ended so"),
      since: Moment.optional().openapi({
        description: "Only from this moment on",
        example: "2026-03-01T00:00:00Z",
      }),
      until: Moment.optional().openapi({
        description: "Only before this moment",
        example: "2026-04-01T00:00:00Z",
      }),
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
      reason: sentenceOf(row),
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

/** Null for a code of another version, too. */
function sentenceOf({
  reason_code: code,
  reason_params: params,
}: Pick<AuditRow, "reason_code" | "reason_params">): string | null {
  const reason = { code, params };
  return isReason(reason) ? inEnglish(reason) : null;
}
