/**
 * A customer's webhooks: where messages about money, work and alarms go. Which scopes a key needs follows from the kinds
 * that a webhook asks for, so each route looks at them itself.
 */
import { randomBytes } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import {
  hiddenKinds,
  scopesFor,
  WEBHOOK_KINDS,
  type WebhookKind,
  type RequestedKinds,
} from "../../core/alerts/webhook-kinds.ts";
import { transaction } from "../../store/database/transaction.ts";
import { setting } from "../../store/accounts/settings.ts";
import {
  deleteWebhook,
  insertWebhook,
  MAX_WEBHOOKS,
  replaceSecret,
  updateWebhook,
  webhookById,
  type WebhookRow,
  webhooksOf,
} from "../../store/events/webhooks.ts";
import { MAX_URL_LENGTH, receiverUrl } from "../../webhooks/receiver-url.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { refuseBeyondScope } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { badField, conflict, notFound } from "../request/refusal.ts";
import { NUMBERED, ownOrSeen, registerResource } from "../request/resource.ts";
import { created, forCustomersWith, jsonBody, NumericIdPath, ok, Timestamp } from "../request/route.ts";

const tags = ["webhooks"];
const params = NumericIdPath;
const SECRET_BYTES = 32;

const Kinds = z.array(z.enum(WEBHOOK_KINDS)).min(1).max(WEBHOOK_KINDS.length).nullable().openapi({
  description:
    "null: every kind about your money and your work, those that come later too. alarm, for administrators, has to be named",
});
const Url = text(MAX_URL_LENGTH).openapi({ description: "HTTPS, on the public internet" });

const Webhook = z
  .object({
    id: z.int(),
    url: z.string().openapi({
      description: "Where messages are sent",
      example: "https://example.com/hooks/remotegpu",
    }),
    kinds: Kinds,
    active: z.boolean(),
    created_at: Timestamp,
  })
  .openapi("Webhook");

const NewWebhook = Webhook.extend({
  secret: z.string().openapi({
    description: "Signs what is sent; displayed once",
    example: "whsec_4f0c1d2e3a",
  }),
}).openapi("WebhookWithSecret");

const post = createRoute({
  ...forCustomersWith("any"),
  method: "post",
  path: "/webhooks",
  tags,
  summary: `Add a webhook, at most ${MAX_WEBHOOKS}`,
  description:
    "A key needs the scope money for kinds about money, orders for the others (read to read them), and both where kinds is null.",
  request: {
    body: jsonBody(
      z
        .strictObject({
          url: Url.openapi({ example: "https://example.com/hooks/remotegpu" }),
          kinds: Kinds.optional(),
        })
        .openapi("WebhookWish"),
    ),
  },
  responses: created("The webhook, with its secret", NewWebhook),
});

const patch = createRoute({
  ...forCustomersWith("any"),
  method: "patch",
  path: "/webhooks/{id}",
  tags,
  summary: "Change a webhook; switched off, what waits for it is given up",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          url: Url.optional().openapi({ example: "https://example.com/hooks/remotegpu" }),
          kinds: Kinds.optional(),
          active: z.boolean().optional(),
        })
        .openapi("WebhookChange"),
    ),
  },
  responses: ok("The webhook", Webhook),
});

const postSecret = createRoute({
  ...forCustomersWith("any"),
  method: "post",
  path: "/webhooks/{id}/secret",
  tags,
  summary: "A new secret in place of the old one, which signs nothing more",
  request: { params },
  responses: created("The webhook, with its new secret", NewWebhook),
});

export function registerWebhookRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;

  api.openapi(post, async (c) => {
    const { url, kinds = null } = c.req.valid("json");
    refuseKinds(c, kinds);
    await refuseBadUrl(c.var.deps, url);
    const secret = newSecret();
    const { customerId } = c.var.actor;
    const sealed = deps.webhookSecrets.seal(secret, { customerId });
    const webhook = { customerId, url, secret: sealed, kinds, now: deps.now() };
    return await once(c, async (sql) => {
      const row = await insertWebhook(sql, webhook);
      if (row === null) throw conflict({ code: "webhooks-too-many", params: { max_webhooks: MAX_WEBHOOKS } });
      return c.json({ ...webhookAnswer(row), secret }, 201);
    });
  });

  const access = forCustomersWith("any");
  registerResource(api, {
    path: "/webhooks",
    tags,
    ids: NUMBERED,
    Answer: Webhook,
    answer: webhookAnswer,
    list: {
      access,
      summary: "Your webhooks",
      answers: "A page of webhooks",
      rows: (c, page) => webhooksOf(db, { customerId: c.var.actor.customerId, hidden: hiddenFrom(c) }, page),
    },
    get: { access, summary: "One webhook", answers: "The webhook", find: requireWebhook },
    remove: {
      access,
      summary: "Remove a webhook with its deliveries",
      end: async (c, id) => await deleteWebhook(c.var.deps.db, (await requireWebhook(c, id)).id),
    },
  });

  api.openapi(patch, async (c) => {
    const webhook = await requireWebhook(c, c.req.valid("param").id);
    const { url = webhook.url, kinds = webhook.kinds, active = webhook.active } = c.req.valid("json");
    if (kinds !== webhook.kinds) refuseKinds(c, kinds);
    if (url !== webhook.url) await refuseBadUrl(c.var.deps, url);
    const change = { id: webhook.id, url, kinds, active };
    const row = await transaction(c.var.deps.db, (sql) => updateWebhook(sql, change, deps.now()));
    if (row === null) throw notFound({ code: "named-webhook", params: { webhook_id: webhook.id } });
    return c.json(webhookAnswer(row), 200);
  });

  api.openapi(postSecret, async (c) => {
    const webhook = await requireWebhook(c, c.req.valid("param").id);
    const secret = newSecret();
    return await once(c, async (sql) => {
      const sealed = deps.webhookSecrets.seal(secret, { customerId: webhook.customer_id });
      const row = await replaceSecret(sql, { id: webhook.id, secret: sealed });
      if (row === null) throw notFound({ code: "named-webhook", params: { webhook_id: webhook.id } });
      return c.json({ ...webhookAnswer(row), secret }, 201);
    });
  });
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64url")}`;
}

async function refuseBadUrl({ db }: ApiDeps, url: string): Promise<void> {
  const allowLoopback = (await setting(db, "ALLOW_LOOPBACK_WEBHOOKS")) === "on";
  const checked = receiverUrl(url, { allowLoopback });
  if (!checked.valid) throw badField("url", checked.why);
}

/** The caller's own; an administrator sees everybody's. */
export async function requireWebhook(c: ApiContext, id: number): Promise<WebhookRow> {
  const webhook = ownOrSeen(c, await webhookById(c.var.deps.db, id), {
    thing: { code: "named-webhook", params: { webhook_id: id } },
  });
  refuseBeyond(c, webhook.kinds);
  return webhook;
}

/** @throws ApiRefusal where the key lacks a scope for these kinds, or somebody else asks for alarms */
function refuseKinds(c: ApiContext, kinds: RequestedKinds): void {
  refuseBeyond(c, kinds);
  if (kinds?.includes("alarm") === true && !c.var.actor.isAdmin)
    throw badField("kinds", "alarm-webhook-of-customer");
}

function refuseBeyond(c: ApiContext, kinds: RequestedKinds): void {
  for (const scope of scopesFor(kinds, c.req.method === "GET" ? "read" : "change"))
    refuseBeyondScope(c, scope);
}

/** What the request's key may not look at. */
export function hiddenFrom(c: ApiContext): WebhookKind[] {
  const { keyRights } = c.var.actor;
  return hiddenKinds(keyRights.role === "account" ? keyRights.scopes : []);
}

function webhookAnswer({ customer_id: _owner, ...row }: WebhookRow): z.infer<typeof Webhook> {
  return { ...row, created_at: row.created_at.toISOString() };
}
