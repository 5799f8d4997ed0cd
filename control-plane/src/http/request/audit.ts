/**
 * What administrators do to others goes into the audit log: every change through an admin route, and whatever a
 * route declares with `actingOn` (reading a customer's workloads or bill, stopping something of theirs).
 */
import { createMiddleware } from "hono/factory";
import { appendAuditEntry } from "../../store/audit-log.ts";
import type { ApiContext, ApiEnv } from "../deps.ts";

/** Notes the subject when an admin looks at or changes what is another's; for routes that both sides use. */
export function actingOn(
  c: ApiContext,
  { ownerCustomerId, subject }: { ownerCustomerId: number | null; subject: string },
): void {
  const { actor } = c.var;
  if (actor.isAdmin && ownerCustomerId !== actor.customerId) c.set("auditSubject", subject);
}

/** Runs around the handler, so refused attempts are recorded too, with the status they got. */
export const auditAdmin = createMiddleware<ApiEnv>(async (c, next) => {
  await next();

  const { actor, deps, auditSubject } = c.var;
  if (auditSubject === undefined || !actor.isAdmin) return;
  await appendAuditEntry(deps.db, {
    at: deps.now(),
    apiKeyId: actor.apiKeyId,
    actorCustomerId: actor.customerId,
    method: c.req.method,
    route: pathAsSent(c),
    subject: auditSubject,
    status: c.res.status,
  });
});

const MAX_ROUTE_LENGTH = 200;

/** Still percent-encoded: a decoded path may hold what the database cannot (U+0000) or a log should not (line breaks). */
export function pathAsSent(c: ApiContext): string {
  return new URL(c.req.url).pathname.slice(0, MAX_ROUTE_LENGTH);
}
