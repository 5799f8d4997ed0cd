/**
 * What is asked for goes into the audit log: every change, with the row that its transaction wrote, or, where nothing
 * was changed, with one of what came of it; and what administrators look at that belongs to others, as a route declares
 * with `actingOn`. How many requests that changed nothing get a row of their own is request/attempts.ts.
 */
import { randomUUID } from "node:crypto";
import type { Next } from "hono";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { auditDifference, type AuditFields } from "../../core/accounts/audit-difference.ts";
import { appendAuditEntriesAlone } from "../../store/audit/audit-log.ts";
import type { AuditTargetKind } from "../../store/audit/audit-targets.ts";
import { type AuditTemplate, RequestAuditScope } from "../../store/audit/request-audit-scope.ts";
import { type Database, inAuditScope } from "../../store/database/database.ts";
import { type RequestedChange, READ, OWN_ACCOUNT, OWN_SESSION, WHOSE_MONEY } from "../audited-routes.ts";
import type { Actor, ApiContext, ApiEnv } from "../deps.ts";
import { isRepeated, outcomeOf, recordAttempt } from "./attempts.ts";

/** Notes the subject when an admin looks at or changes what is another's; for routes that both sides use. */
export function actingOn(
  c: ApiContext,
  { ownerCustomerId, subject }: { ownerCustomerId: number | null; subject: string },
): void {
  const { actor } = c.var;
  if (actor.isAdmin && ownerCustomerId !== actor.customerId) c.set("auditSubject", subject);
}

/** Notes what whoever asks looks at, also of their own. */
export function noteReading(c: ApiContext, subject: string): void {
  c.set("auditSubject", subject);
}

/**
 * For what is done elsewhere than in the database: its row is there before that is done, whatever comes of it. What
 * fails afterwards has another row of the same request.
 */
export async function recordBeforehand(c: ApiContext, after: AuditFields): Promise<void> {
  const visible = new Set(Object.keys(after));
  const bounded = auditDifference(null, after, { visible, ignored: new Set() });
  await c.var.requestAuditScope?.writeAlone(c.var.deps.db, bounded.after);
}

/**
 * For what a request does besides what it is asked for, and what stays whatever comes of that: it is in the log under a
 * name of its own. Without an id, it is of what is made.
 */
export async function asItsOwnChange<T>(
  c: ApiContext,
  {
    action,
    target,
    id,
    status,
  }: { action: string; target: AuditTargetKind; id: string | null; status: number },
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const { requestId } = c.var;
  const template = () => templateOf(c, { requestId, change: { action, status } });
  const auditScope = new RequestAuditScope({ target, targetId: () => id, template });
  try {
    return await work(inAuditScope(c.var.deps.db, auditScope));
  } finally {
    auditScope.end();
  }
}

/** Runs around everything else of its route, so that refused attempts are recorded too, with what they got. */
export const recordRequest = createMiddleware<ApiEnv>(async (c, next) => {
  if (c.req.method === "GET" || c.req.method === "HEAD") return await recordReading(c, next);
  const path = routePath(c).replaceAll(/:(\w+)/g, "{$1}");
  const change = c.var.changes.get(`${c.req.method} ${path}`);
  if (change === undefined) await next();
  else await recordChange(c, next, change);
});

async function recordReading(c: ApiContext, next: Next): Promise<void> {
  await next();
  const { auditSubject, deps } = c.var;
  if (auditSubject === undefined) return;
  const check = { action: READ, status: c.res.status };
  const requested = templateOf(c, { requestId: randomUUID(), change: check });
  await appendAuditEntriesAlone(deps.db, [{ ...requested, ...outcomeOf(c), ...NO_TARGET }]);
}

const NO_TARGET = { targetKind: null, targetId: null, before: null, after: null, attempts: 1 };

async function recordChange(c: ApiContext, next: Next, change: RequestedChange): Promise<void> {
  const requestId = randomUUID();
  c.set("requestId", requestId);
  const template = () => templateOf(c, { requestId, change });
  const { target } = change;
  const auditScope = new RequestAuditScope({ target, targetId: () => targetIdOf(c, change), template });
  c.set("requestAuditScope", auditScope);
  const { deps } = c.var;
  c.set("deps", { ...deps, db: inAuditScope(deps.db, auditScope) });
  await next();
  auditScope.end();

  c.header("X-Request-Id", requestId);
  if (c.var.isRecorded === true) return;
  const { targetId } = auditScope;
  const entry = { ...template(), ...outcomeOf(c), ...NO_TARGET, targetKind: target, targetId };
  if (!c.res.ok || isRepeated(c) || !auditScope.hasRow) await recordAttempt(c, entry);
}

function templateOf(
  c: ApiContext,
  { requestId, change }: { requestId: string; change: Pick<RequestedChange, "action" | "status"> },
): AuditTemplate {
  // Who asks is not known where the key was refused.
  const actor: Actor | undefined = c.var.actor;
  return {
    at: c.var.deps.now(),
    requestId,
    traceId: c.var.traceId,
    apiKeyId: actor?.apiKeyId ?? null,
    actorCustomerId: actor?.customerId ?? null,
    actorRole: actor === undefined ? null : actor.isAdmin ? "admin" : "customer",
    method: c.req.method,
    route: pathAsSent(c),
    action: change.action,
    subject: c.var.auditSubject ?? subjectOf(c),
    outcome: "done",
    status: change.status,
    problem: null,
    reason: null,
  };
}

function targetIdOf(c: ApiContext, { id }: RequestedChange): string | null {
  if (id.length === 0) return null;
  const actor: Actor | undefined = c.var.actor;
  const parts = id.map((name) => {
    if (name === WHOSE_MONEY) return c.req.query("customer_id") ?? actor?.customerId;
    if (name === OWN_ACCOUNT) return actor?.customerId;
    return name === OWN_SESSION ? c.var.session?.id : c.req.param(name);
  });
  return parts.includes(undefined) ? null : storable(parts.join("/"));
}

const MAX_TARGET_LENGTH = 160;

/** Nobody has looked at it yet: it may hold what the database cannot. */
function storable(text: string): string {
  return Array.from(text.toWellFormed().replaceAll("\0", "")).slice(0, MAX_TARGET_LENGTH).join("");
}

const MAX_ROUTE_LENGTH = 200;

/** Still percent-encoded: a decoded path may hold what the database cannot (U+0000) or a log should not (line breaks). */
function pathAsSent(c: ApiContext): string {
  return new URL(c.req.url).pathname.slice(0, MAX_ROUTE_LENGTH);
}

function subjectOf(c: ApiContext): string {
  return pathAsSent(c).replace(/^\/api\/v1\//, "");
}
