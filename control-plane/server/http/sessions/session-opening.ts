/** A session of a browser is opened, whatever proved who asks: a key, a ticket or a login at the identity provider. */
import { z } from "@hono/zod-openapi";
import { sessionEnd } from "../../core/accounts/session-cookie.ts";
import { endOwnSession, insertSession } from "../../store/accounts/browser-sessions.ts";
import type { Transaction } from "../../store/database/database.ts";
import type { Actor, ApiContext } from "../deps.ts";
import { makeSessionToken, secretHash } from "../request/authentication.ts";
import { remoteAddress } from "../request/rate-limit.ts";
import { Timestamp } from "../request/route.ts";
import { formerSession, setSession } from "../request/session-cookies.ts";

/** As much of what a browser calls itself as is kept. */
const MAX_USER_AGENT_LENGTH = 200;

export const OpenedSession = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    username: z.string(),
    is_admin: z.boolean().openapi({
      description: "Whether it opens what administrators see",
      example: false,
    }),
    expires_at: Timestamp.describe("From when on its cookie opens nothing"),
  })
  .openapi("OpenedBrowserSession");

/** Its cookie is set in the answer. The session that the browser had is ended. */
export async function openSession(
  c: ApiContext,
  sql: Transaction,
  actor: Actor,
): Promise<z.input<typeof OpenedSession>> {
  const token = makeSessionToken();
  const openedAt = c.var.deps.now();
  const expiresAt = sessionEnd(openedAt, actor.keyExpiresAt);
  const { apiKeyId, customerId, username, isAdmin } = actor;
  const tokenHash = secretHash(token);
  const id = await insertSession(sql, {
    tokenHash,
    apiKeyId,
    customerId,
    now: openedAt,
    expiresAt,
    address: remoteAddress(c),
    userAgent: c.req.header("User-Agent")?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
  });
  // The browser has one cookie: what the former one opened, nobody could end any more.
  const former = formerSession(c);
  if (former !== null) await endOwnSession(sql, secretHash(former));
  setSession(c, token, { openedAt, expiresAt });
  return { id, customer_id: customerId, username, is_admin: isAdmin, expires_at: expiresAt.toISOString() };
}
