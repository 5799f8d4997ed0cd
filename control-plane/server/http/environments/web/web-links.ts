/** One-time links by which a browser comes in to a service or port of an environment. They are made by POST alone. */
import { randomBytes } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { LINK_SECONDS, linkUrl, MAX_OPEN_LINKS } from "../../../core/gateway/web-link.ts";
import { countOpenLinks, insertLink } from "../../../store/environments/web/web-links.ts";
import type { ApiApp } from "../../deps.ts";
import { secretHash } from "../../request/authentication.ts";
import { refuseAdministrator } from "../../request/authorization.ts";
import { once } from "../../request/idempotency.ts";
import { ApiRefusal } from "../../request/refusal.ts";
import { created, forCustomers, jsonBody, Timestamp, WorkloadIdPath } from "../../request/route.ts";
import { orderContextOf } from "../../workloads/orders.ts";
import { environmentFor } from "../environment-access.ts";
import { originFor, targetNamed, webTargetFields } from "./web-origin.ts";

const TOKEN_BYTES = 32;

const WebLink = z
  .object({
    environment_id: z.string().openapi({ description: "Where it leads to", example: "env-5b1f6c0e" }),
    url: z.string().openapi({
      description: "For a browser; it lets in once",
      example:
        "https://jupyter-env-5b1f6c0e.web.example.com/.remotegpu/enter?ticket=pQ3vR0hXk5cJ8zYd1TgLw7mNa2sBf4uE6iVoK9xPrtM",
    }),
    /** Without what lets in: for programs, which send a key. */
    origin: z.string().openapi({
      description: "For programs, which send an API key with each request",
      example: "https://jupyter-env-5b1f6c0e.web.example.com",
    }),
    expires_at: Timestamp.describe("Until then it lets in"),
  })
  .openapi("WebLink");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/links",
  operationId: "createEnvironmentLink",
  tags: ["environments"],
  summary: `A link that lets one browser in to a service or port, once, within ${LINK_SECONDS} s`,
  description:
    "What it opened ends with the key that made it, with the role of its holder, and when the environment stops.",
  request: {
    params: WorkloadIdPath,
    body: jsonBody(z.strictObject(webTargetFields).openapi("NewWebLink")),
  },
  responses: created("The link", WebLink),
});

export function registerWebLinkRoutes(api: ApiApp): void {
  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await refuseAdministrator(c, environment);
    const target = targetNamed(c.req.valid("json"));
    return await once(c, async (sql) => {
      const { now } = orderContextOf(c);
      const { id: environmentId } = environment;
      const origin = await originFor(sql, environment, { target, now });
      if ((await countOpenLinks(sql, environmentId, now)) >= MAX_OPEN_LINKS)
        throw new ApiRefusal(
          "too-many-requests",
          { code: "web-links-too-many", params: { max_links: MAX_OPEN_LINKS } },
          {
            retryAfterSeconds: LINK_SECONDS,
          },
        );
      const token = randomBytes(TOKEN_BYTES).toString("base64url");
      const expiresAt = new Date(now.getTime() + LINK_SECONDS * MS_PER_SECOND);
      const { customerId, apiKeyId: keyId } = c.var.actor;
      const tokenHash = secretHash(token);
      await insertLink(sql, { tokenHash, environmentId, target, customerId, keyId, now, expiresAt });
      const answer: z.input<typeof WebLink> = {
        environment_id: environmentId,
        url: linkUrl(origin, token),
        origin,
        expires_at: expiresAt.toISOString(),
      };
      return c.json(answer, 201);
    });
  });
}
