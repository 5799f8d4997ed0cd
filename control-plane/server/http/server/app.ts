/**
 * The API as one Hono app: what every request passes, every resource's routes, and the one place where an error
 * becomes an HTTP status. It owns no rule about the product and opens no port (server.ts does).
 */
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { RateLimiter } from "../../core/accounts/rate-limiter.ts";
import { changesOf } from "../audited-routes.ts";
import type { ApiApp, ApiContext, ApiDeps, ApiEnv } from "../deps.ts";
import { API_BASE } from "../documentation/api-base.ts";
import { bringsFile } from "../files/file-transfers.ts";
import { registerDashboard, sendUnknownPage } from "../dashboard/dashboard.ts";
import { registerDocumentation } from "./documentation.ts";
import { fieldErrorsOf, InputRefused } from "../problems/input-errors.ts";
import { AnsweredRequests } from "../../core/metrics/answered-requests.ts";
import { countRequests } from "../metrics/count-requests.ts";
import { PROBLEM_STATUS } from "../problems/problem-statuses.ts";
import { ApiRefusal, conflict } from "../request/refusal.ts";
import { traceRequest } from "../request/trace-request.ts";
import { registerResources } from "./resources.ts";
import { securityHeaders } from "./security-headers.ts";
import { registerServerRoutes } from "./server-routes.ts";
import { registerCommandRoutes } from "./command-routes.ts";
import { registerPackageRoutes } from "./package-routes.ts";
import { StandbyMissingError, UnconfirmedCommitError } from "../../store/database/confirmation.ts";
import { isUniqueViolation, StoreError } from "../../store/database/database.ts";
import { KeyInUseError } from "../../store/orders/idempotency.ts";
import { isGivenUp, whoMigrates } from "../../store/upgrade/locks.ts";
import { problemDocument } from "../problems/problem-document.ts";

/** Bodies are checked before they come to the database, so what breaks its CHECKs was there: they spare old rows. */
const CHECK_VIOLATION = "23514";
/** Room for an exec's stdin in base64 and some; everything else is far smaller. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;

export function createApp(deps: ApiDeps): ApiApp {
  const app: ApiApp = new OpenAPIHono<ApiEnv>({ defaultHook: refuseBadInput });
  const api: ApiApp = new OpenAPIHono<ApiEnv>({ defaultHook: refuseBadInput });

  const streams = registerResources(api, deps);
  const routes = api.openAPIRegistry.definitions.flatMap((one) => (one.type === "route" ? [one.route] : []));
  const changes = changesOf(routes, API_BASE);

  // Of this app alone, so that two apps of one process (tests) neither count nor limit each other's requests.
  const answered = new AnsweredRequests();
  const { perKey, perAddress, logins } = deps.config.rateLimits;
  const limiters = {
    keys: new RateLimiter(perKey),
    addresses: new RateLimiter(perAddress),
    logins: new RateLimiter(logins),
  };

  app.use(traceRequest);
  app.use(async (c, next) => {
    c.set("deps", deps);
    c.set("answered", answered);
    c.set("limiters", limiters);
    c.set("changes", changes);
    await next();
  });
  app.use(endUnreadBody);
  app.use(countRequests);
  app.use(securityHeaders(deps.config));
  app.use(limitBody);

  app.route(API_BASE, api);
  registerServerRoutes(app, deps, streams);
  registerCommandRoutes(app, deps);
  registerPackageRoutes(app, deps);
  registerDocumentation(app, deps);
  registerDashboard(app, deps);

  app.onError((error, c) => (isGivenUp(error) ? heldOffOr(deps, error, c) : problemOf(error, c)));
  app.notFound((c) => {
    const allowed = methodsOf(app, c.req.path);
    if (allowed.length === 0)
      return sendUnknownPage(c, deps) ?? problem(c, new ApiRefusal("not-found", "nothing-at-address"));
    c.header("Allow", allowed.join(", "));
    const methods = { names: allowed, more: 0 };
    return problem(
      c,
      new ApiRefusal("method-not-allowed", { code: "method-not-allowed", params: { methods } }),
    );
  });
  return app;
}

/** Hono answers HEAD as GET and drops the body unread: whatever gives it would hold what it has, and wait for ever. */
const endUnreadBody: MiddlewareHandler<ApiEnv> = async (c, next) => {
  await next();
  if (c.req.method !== "HEAD") return;
  const { body } = c.res;
  if (body !== null && !body.locked) await body.cancel();
};

const readUpToLimit = bodyLimit({ maxSize: MAX_BODY_BYTES, onError: refuseLargeBody });

/** Whoever says how much comes sends no more than that: the body is not looked at, which would make a stream of it. */
const limitBody: MiddlewareHandler<ApiEnv> = async (c, next) => {
  if (bringsFile(c.req.method, c.req.path)) return await next();
  const { headers } = c.req.raw;
  const length = headers.get("content-length");
  if (length === null || headers.has("transfer-encoding")) return await readUpToLimit(c, next);
  if (Number(length) > MAX_BODY_BYTES) return refuseLargeBody();
  return await next();
};

function refuseLargeBody(): never {
  throw new ApiRefusal("too-large", { code: "body-too-large", params: { max_bytes: MAX_BODY_BYTES } });
}

function refuseBadInput(result: { success: true } | { success: false; error: z.ZodError }): void {
  if (!result.success) throw new InputRefused(fieldErrorsOf(result.error));
}

/** Not an answer of Postgres about our statement, but no answer, or "not now". */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof StoreError)) return false;
  const sqlState = /^[0-9A-Z]{5}$/.test(error.code ?? "") ? (error.code ?? "") : null;
  return sqlState === null || /^(08|53|57P)/.test(sqlState);
}

/** A statement that waited too long may have waited for a migration, and that is worth saying. */
async function heldOffOr({ db }: ApiDeps, error: Error, c: ApiContext): Promise<Response> {
  const who = await whoMigrates(db).catch(() => null);
  if (who === null) return problemOf(error, c);
  return problem(c, new ApiRefusal("unavailable", { code: "database-migrating", params: { by: who } }));
}

function problemOf(error: Error, c: ApiContext): Response {
  if (error instanceof ApiRefusal) {
    if (error.kind === "unauthenticated") c.header("WWW-Authenticate", "Bearer");
    if (error.retryAfterSeconds !== null) c.header("Retry-After", String(error.retryAfterSeconds));
    return problem(c, error);
  }
  // What Hono itself refuses: malformed JSON, a content type that no schema takes.
  if (error instanceof HTTPException && error.status < 500) return problem(c, refusalOf(error), error.status);
  if (error instanceof KeyInUseError) return problem(c, conflict("idempotency-key-in-use"));
  if (error instanceof StandbyMissingError || error instanceof UnconfirmedCommitError) {
    c.var.deps.log.warn({ error }, "the standby of the database did not confirm a change");
    c.header("Retry-After", "5");
    const isUndone = error instanceof StandbyMissingError;
    return problem(c, new ApiRefusal("unavailable", isUndone ? "standby-missing" : "commit-unconfirmed"));
  }
  if (isUnreachable(error)) {
    c.var.deps.log.warn({ error }, "the database does not answer");
    c.header("Retry-After", "5");
    return problem(c, new ApiRefusal("unavailable", "database-unavailable"));
  }
  if (error instanceof StoreError && error.code === CHECK_VIOLATION) {
    c.var.deps.log.warn({ error }, "a row of the old system could not be changed");
    return problem(
      c,
      conflict({ code: "old-value-in-row", params: { constraint: error.constraint ?? "unknown" } }),
    );
  }
  // Two requests raced for one name; the schema decided.
  if (isUniqueViolation(error)) return problem(c, conflict("taken-by-another-request"));
  c.var.deps.log.error({ error, method: c.req.method, path: c.req.path }, "a request failed");
  return problem(c, new ApiRefusal("internal-error", "internal-error"));
}

function refusalOf({ status }: HTTPException): ApiRefusal {
  if (status === 400) return new ApiRefusal("malformed", "body-not-json");
  if (status === 415) return new ApiRefusal("unsupported-media-type", "body-not-sent-as-json");
  return new ApiRefusal("malformed", "input-invalid");
}

function problem(
  c: ApiContext,
  refusal: ApiRefusal,
  status: ContentfulStatusCode = PROBLEM_STATUS[refusal.kind],
): Response {
  const body = JSON.stringify({ ...problemDocument(refusal, status), trace_id: c.var.traceId });
  return c.body(body, status, { "Content-Type": "application/problem+json" });
}

/** The methods that some route has at this path; a wrong method is a 405 and not "nothing here". */
function methodsOf(app: ApiApp, path: string): string[] {
  const found = app.routes
    .filter(({ method, path: pattern }) => method !== "ALL" && matches(pattern, path))
    .map(({ method }) => method);
  return [...new Set(found)].sort();
}

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split("/");
  const given = path.split("/");
  return (
    parts.length === given.length &&
    parts.every((part, index) => (part.startsWith(":") ? given[index] !== "" : part === given[index]))
  );
}
