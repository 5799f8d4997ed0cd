/**
 * Sessions of browsers: opened with a key or a ticket, listed, ended. The cookie's value is in the answer's header and
 * nowhere else; what a session opens is what its key opens.
 */
import { createRoute, z } from "@hono/zod-openapi";
import { inputFailure } from "../request/input-failure.ts";
import { text } from "@remotegpu/shared/values/text";
import { scopesLackedToRevoke } from "../../core/accounts/key-scopes.ts";
import { SESSION_HOURS } from "../../core/accounts/session-cookie.ts";
import { actorOfKeyId, rightsOf } from "../../store/accounts/api-keys.ts";
import {
  endOwnSession,
  liveSession,
  liveSessionsOf,
  lockOtherSessions,
  type SessionRow,
  useSessionTicket,
} from "../../store/accounts/browser-sessions.ts";
import { endSessionsBecause } from "../../store/accounts/ended-sessions.ts";
import { type Transaction, transaction } from "../../store/database/database.ts";
import type { Actor, ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import {
  actorOf,
  actorOfPresentedKey,
  refuseBeyondScope,
  secretHash,
  unauthenticated,
} from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { conflict, forbidden, notFound } from "../request/refusal.ts";
import { NUMBERED, registerResource } from "../request/resource.ts";
import {
  created,
  forCustomersWith,
  forEveryone,
  forLeaving,
  jsonBody,
  noContent,
  Timestamp,
} from "../request/route.ts";
import { clearSession, refuseOtherPages } from "../request/session-cookies.ts";
import { OpenedSession, openSession } from "./session-opening.ts";

const tags = ["account"];
const MAX_SECRET_LENGTH = 200;

const NewSession = z
  .strictObject({
    key: text(MAX_SECRET_LENGTH).optional().openapi({
      description: "A key of the account",
      example: "rgk_Xk3b0Q2nVYr8",
    }),
    ticket: text(MAX_SECRET_LENGTH).optional().openapi({
      description: "A one-time ticket, in place of a key",
      example: "rgt_9aQ2nVYr8Xk3",
    }),
  })
  .refine(
    ({ key, ticket }) => (key === undefined) !== (ticket === undefined),
    inputFailure("key-or-ticket-missing"),
  )
  .openapi("NewBrowserSession");

const Session = z
  .object({
    id: z.int(),
    api_key_id: z.int().openapi({ description: "The key that it ends with", example: 7 }),
    key_name: z.string().nullable().openapi({ description: "That key's name", example: "laptop" }),
    created_at: Timestamp,
    expires_at: Timestamp.describe("From when on its cookie opens nothing"),
    last_used_at: Timestamp.nullable().openapi({
      description:
        "When it was used last, to the minute; null where a server of before opened it and it was not used since",
    }),
    last_address: z.string().nullable().openapi({
      description:
        "The address that used it last, as the server saw it: behind a proxy, the proxy's; null like last_used_at",
      example: "198.51.100.4",
    }),
    user_agent: z.string().nullable().openapi({
      description:
        "What the browser called itself when it logged in, its first 200 characters; null where it gave no name",
      example: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }),
    is_current: z.boolean().openapi({
      description: "Whether it is the session of the request",
      example: true,
    }),
  })
  .openapi("BrowserSession");

const post = createRoute({
  ...forEveryone,
  method: "post",
  path: "/sessions",
  operationId: "createBrowserSession",
  tags,
  summary: "Log a browser in: a key or a one-time ticket for a session's cookie",
  description: `For pages of this origin alone. The cookie opens what the key opens, for ${SESSION_HOURS} hours or as long as the key. It is HttpOnly, and its value is in no answer. A session that the browser had is ended: the new cookie takes the place of its own.`,
  request: { body: jsonBody(NewSession) },
  responses: created("The session; its cookie is in Set-Cookie", OpenedSession),
  "x-problems": [401, 403],
});

const removeCurrent = createRoute({
  ...forLeaving,
  method: "delete",
  path: "/sessions/current",
  operationId: "endCurrentBrowserSession",
  tags,
  summary: "Log out: end the session of the request, also of an account that is suspended",
  responses: noContent("Its cookie opens nothing any more"),
});

const removeOthers = createRoute({
  ...forCustomersWith("any"),
  method: "delete",
  path: "/sessions/others",
  operationId: "endOtherBrowserSessions",
  tags,
  summary: "Log all other browsers out: of your sessions only the one of the request goes on",
  description:
    "With a key in place of a session, all of them end. None does where one of them is of a key with more rights than the requesting key.",
  responses: noContent("Their cookies open nothing any more"),
});

export function registerBrowserSessionRoutes(api: ApiApp, { db, now }: ApiDeps): void {
  api.openapi(post, async (c) => {
    // Or another page would log its visitor in to an account of its own.
    refuseOtherPages(c);
    const { key, ticket } = c.req.valid("json");
    return await once(c, async (sql) => {
      const actor =
        key !== undefined ? await actorOfPresentedKey(c, key) : await actorOfTicket(c, sql, ticket ?? "");
      c.set("actor", actor);
      refuseBeyondScope(c, "any");
      return c.json(await openSession(c, sql, actor), 201);
    });
  });

  api.openapi(removeCurrent, async (c) => {
    const { session } = c.var;
    if (session === undefined) throw conflict("no-session-to-end");
    await endOwnSession(c.var.deps.db, secretHash(c.var.secret ?? ""));
    clearSession(c);
    return c.body(null, 204);
  });

  api.openapi(removeOthers, async (c) => {
    const { actor, session } = c.var;
    await transaction(c.var.deps.db, async (sql) => {
      const ownSessions = { customerId: actor.customerId, now: now(), but: session?.id ?? null };
      const others = await lockOtherSessions(sql, ownSessions);
      for (const row of others) refuseToEndWider(actor, row);
      await endSessionsBecause(sql, { ids: others.map(({ id }) => id), why: "ended" });
    });
    return c.body(null, 204);
  });

  registerResource(api, {
    path: "/sessions",
    tags,
    ids: NUMBERED,
    Answer: Session,
    answer: sessionAnswer,
    list: {
      summary: "Browsers that are logged in to your account",
      answers: "A page of sessions",
      rows: async (c, page) => {
        const { actor, session } = c.var;
        const rows = await liveSessionsOf(db, { customerId: actor.customerId, now: now() }, page);
        return rows.map((row) => ({ ...row, isCurrent: row.id === session?.id }));
      },
    },
    remove: {
      access: forCustomersWith("any"),
      summary: "Log a browser out: its session opens nothing from now on",
      description:
        "One whose key has no more rights than the requesting key; those of the same key in any case.",
      answers: "It is ended",
      end: endSession,
    },
  });
}

async function actorOfTicket(c: ApiContext, sql: Transaction, ticket: string): Promise<Actor> {
  const apiKeyId = await useSessionTicket(sql, { tokenHash: secretHash(ticket), now: c.var.deps.now() });
  if (apiKeyId === null) throw unauthenticated("ticket-spent", "ticket-spent");
  const found = await actorOfKeyId(sql, apiKeyId);
  if (found === null) throw unauthenticated("ticket-key-revoked", "key-unknown");
  return await actorOf(c, found);
}

async function endSession(c: ApiContext, id: number): Promise<void> {
  const { actor, deps } = c.var;
  const row = await liveSession(deps.db, { customerId: actor.customerId, now: deps.now(), id });
  if (row !== null) refuseToEndWider(actor, row);
  if (row === null || !(await endSessionsBecause(deps.db, { ids: [row.id], why: "ended" })))
    throw notFound({ code: "named-session", params: { session_id: id } });
  if (c.var.session?.id === id) clearSession(c);
}

/** @throws ApiRefusal where the session opens more than the key that asks, unless it is of that key */
function refuseToEndWider({ apiKeyId, keyRights }: Actor, row: SessionRow): void {
  const lacked = row.api_key_id === apiKeyId ? [] : scopesLackedToRevoke(keyRights, rightsOf(row));
  if (lacked.length > 0)
    throw forbidden({ code: "session-scope-lacking", params: { scopes: { names: lacked, more: 0 } } });
}

function sessionAnswer(row: SessionRow & { isCurrent: boolean }): z.input<typeof Session> {
  return {
    id: row.id,
    api_key_id: row.api_key_id,
    key_name: row.key_name,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    last_address: row.last_address,
    user_agent: row.user_agent,
    is_current: row.isCurrent,
  };
}
