/** A route that declares no query takes none: a parameter that nobody reads is refused by name, as an unknown filter is. */
import { z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import type { ApiEnv } from "../deps.ts";
import { fieldErrorsOf, InputRefused } from "./input-errors.ts";

const NoQuery = z.strictObject({});

interface DefinedRoute {
  method: string;
  path: string;
  request?: { query?: unknown };
}

/** The routes below `base` without a query, by method and whole path: "GET /api/v1/me". */
export function routesWithoutQuery(routes: readonly DefinedRoute[], base: string): ReadonlySet<string> {
  return new Set(
    routes
      .filter(({ request }) => request?.query === undefined)
      .map(({ method, path }) => `${method.toUpperCase()} ${base}${path}`),
  );
}

/** Stands behind who may ask: a stranger learns nothing of a route's parameters. */
export const refuseUndeclaredQuery = createMiddleware<ApiEnv>(async (c, next) => {
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  const path = routePath(c).replaceAll(/:(\w+)/g, "{$1}");
  if (c.var.routesWithoutQuery.has(`${method} ${path}`)) {
    const query = NoQuery.safeParse(c.req.query());
    if (!query.success) throw new InputRefused(fieldErrorsOf(query.error));
  }
  await next();
});
