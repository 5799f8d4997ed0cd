/** What browsers may do with our answers: next to nothing, but for the dashboard's paths, which are a program. */
import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { isOfDashboard } from "../dashboard/page-paths.ts";
import type { ApiConfig, ApiEnv } from "../deps.ts";

const OWN = ["'self'"];
const NO_HANDLERS = ["'none'"];

export function securityHeaders({ publicUrl }: Pick<ApiConfig, "publicUrl">): MiddlewareHandler<ApiEnv> {
  const strictTransportSecurity = publicUrl.startsWith("https:") ? "max-age=31536000" : false;
  const answers = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: NO_HANDLERS,
      baseUri: NO_HANDLERS,
      // The search of /docs, which requests this server again.
      formAction: OWN,
      // The pictures of its pages.
      imgSrc: OWN,
      styleSrc: ["'unsafe-inline'"],
      frameAncestors: NO_HANDLERS,
    },
    strictTransportSecurity,
  });
  const dashboard = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: NO_HANDLERS,
      baseUri: NO_HANDLERS,
      scriptSrc: OWN,
      // Its components write style elements.
      styleSrc: [...OWN, "'unsafe-inline'"],
      connectSrc: OWN,
      imgSrc: [...OWN, "data:"],
      workerSrc: OWN,
      formAction: OWN,
      frameAncestors: NO_HANDLERS,
    },
    strictTransportSecurity,
  });
  return async (c, next) => {
    await next();
    const isOfIt = isOfDashboard(c.req.path) || c.var.isPage === true;
    await (isOfIt ? dashboard : answers)(c, () => Promise.resolve());
  };
}
