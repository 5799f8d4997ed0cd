/** Counts each answer by the pattern of its route, never by the path: no stranger makes the counts grow. */
import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { ApiContext, ApiEnv } from "../deps.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const OTHER_METHOD = "OTHER";
const UNMATCHED = "unmatched";

export const countRequests = createMiddleware<ApiEnv>(async (c, next) => {
  const startedMs = performance.now();
  await next();
  const seconds = (performance.now() - startedMs) / MS_PER_SECOND;
  c.var.answered.add({ method: methodOf(c), route: routeOf(c), status: c.res.status }, seconds);
});

function methodOf({ req: { method } }: ApiContext): string {
  return METHODS.includes(method) ? method : OTHER_METHOD;
}

/** Where no route has the path, the last that matched is what every request passes. */
function routeOf(c: ApiContext): string {
  const route = routePath(c, -1);
  return route.endsWith("*") ? UNMATCHED : route;
}
