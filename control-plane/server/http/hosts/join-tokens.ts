/** POST /join-tokens: an admin makes a one-use token, shown once, with which a host joins within 15 minutes. */
import { randomBytes } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { JOIN_TOKEN_MINUTES } from "@remotegpu/shared/messages/joining";
import { displayText } from "@remotegpu/shared/values/text";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { insertJoinToken } from "../../store/hosts/join-tokens.ts";
import { refusedPool } from "../../store/hosts/pools/pool-members.ts";
import type { ApiApp, ApiDeps } from "../deps.ts";
import { secretHash } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { PlainName } from "../request/input-fields.ts";
import { badField } from "../request/refusal.ts";
import { created, forAdmins, optionalJsonBody, Timestamp } from "../request/route.ts";

const NewToken = z
  .strictObject({
    host_name: displayText(128).optional().openapi({
      description: "What the host is to be called; its own name, if left out",
      example: "gpu-07",
    }),
    storage_pool: PlainName.optional().openapi({
      description: "The pool that its host shares; one of its own, if left out",
      example: "pool-a",
    }),
  })
  .openapi("NewJoinToken");

const JoinToken = z
  .object({
    token: z.string().openapi({
      description: "Admits one host to the fleet; displayed once",
      example: "rgj_0Xw3bQ2n",
    }),
    expires_at: Timestamp,
    command: z.string().nullable().openapi({
      description: "Run it as root on the host that is to join; null where this server hands out no agent",
      example: "curl -fsSL https://example.com/install.sh | sh -s -- --token rgj_0Xw3bQ2n",
    }),
  })
  .openapi("JoinToken");

const postToken = createRoute({
  ...forAdmins,
  method: "post",
  path: "/join-tokens",
  tags: ["hosts"],
  summary: "Make a token with which one host joins; it is displayed once and valid for 15 minutes",
  request: { body: optionalJsonBody(NewToken) },
  responses: created("The token", JoinToken),
});

export function registerJoinTokenRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(postToken, async (c) => {
    const { host_name: hostName = null, storage_pool: storagePool = null } = c.req.valid("json");
    const why =
      storagePool === null ? null : await refusedPool(c.var.deps.db, { pool: storagePool, hostId: null });
    if (why !== null) throw badField("storage_pool", why);
    const token = `rgj_${randomBytes(32).toString("base64url")}`;
    const now = deps.now();
    const expiresAt = new Date(now.getTime() + JOIN_TOKEN_MINUTES * MS_PER_MINUTE);
    const made = {
      tokenHash: secretHash(token),
      hostName,
      storagePool,
      createdBy: c.var.actor.customerId,
      now,
      expiresAt,
    };
    const command = deps.config.joinCommand(token);
    return await once(c, async (sql) => {
      await insertJoinToken(sql, made);
      return c.json({ token, expires_at: expiresAt.toISOString(), command }, 201);
    });
  });
}
