/** Links that are shared with people without an account: made, listed and ended by who may manage the environment. */
import { randomBytes } from "node:crypto";
import { createRoute, z } from "@hono/zod-openapi";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { targetOf } from "../../../core/environments/web-target.ts";
import { shareUrl } from "../../../core/gateway/share-token.ts";
import { MAX_OPEN_SHARES, MAX_SHARE_HOURS } from "../../../core/gateway/web-link.ts";
import type { Connection } from "../../../store/database/database.ts";
import {
  changeShare,
  countOpenShares,
  endShare,
  insertShare,
  sharesOf,
  type WebShareRow,
} from "../../../store/environments/web/web-shares.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../../deps.ts";
import { secretHash } from "../../request/authentication.ts";
import { refuseAdministrator } from "../../request/authorization.ts";
import { once } from "../../request/idempotency.ts";
import { ApiRefusal, badField, conflict, notFound } from "../../request/refusal.ts";
import {
  created,
  forCustomers,
  iso,
  jsonBody,
  NumericId,
  ok,
  Timestamp,
  WorkloadIdPath,
} from "../../request/route.ts";
import { type NamedEntry, registerEntryResource } from "../../workloads/entry-resource.ts";
import { orderContextOf } from "../../workloads/orders.ts";
import { environmentFor } from "../environment-access.ts";
import { ENVIRONMENTS } from "../environment-kind.ts";
import { originFor, targetNamed, webTargetFields } from "./web-origin.ts";
import { workloadThing } from "../../workloads/workload-thing.ts";

const TOKEN_BYTES = 32;
const DEFAULT_HOURS = 24;
const tags = ["environments"];

const fields = {
  id: z.int().openapi({ description: "Its id", example: 17 }),
  environment_id: z.string().openapi({ description: "Where it leads to", example: "env-5b1f6c0e" }),
  /** One of the two; the other is null. */
  service: z.string().nullable().openapi({
    description: "The service; null for a port",
    example: "tensorboard",
  }),
  port: z.int().nullable().openapi({
    description: "The port of the container; null for a service",
    example: 8000,
  }),
  made_by: z.string().openapi({
    description: "Who made it: it opens only what they may open",
    example: "customer 42",
  }),
  made_at: Timestamp,
  expires_at: Timestamp.describe("Then it opens no more"),
  last_used_at: Timestamp.nullable().describe("When somebody came in by it last; null: nobody has"),
  ended_at: Timestamp.nullable().describe("When it was ended before its time; null: it was not"),
  ended_by: z.string().nullable(),
};
const WebShare = z.object(fields).openapi("WebShare");
const MadeWebShare = z
  .object({
    ...fields,
    url: z.string().openapi({
      description: "For the guest; displayed this once",
      example:
        "https://8000-env-5b1f6c0e.web.example.com/?remotegpu_share=pQ3vR0hXk5cJ8zYd1TgLw7mNa2sBf4uE6iVoK9xPrtM",
    }),
  })
  .openapi("MadeWebShare");

const post = createRoute({
  ...forCustomers,
  method: "post",
  path: "/environments/{id}/shares",
  operationId: "createEnvironmentShare",
  tags,
  summary: `A link that lets whoever has it in to a service or port, for ${MAX_SHARE_HOURS / 24} days at most; never to a terminal`,
  description: "It opens only what its maker may open, and is displayed this once.",
  request: {
    params: WorkloadIdPath,
    body: jsonBody(
      z
        .strictObject({
          ...webTargetFields,
          service: webTargetFields.service.openapi({ example: "tensorboard" }),
          expires_at: z.iso.datetime({ offset: true }).optional().openapi({
            description: "When it ends, within the next 30 days; in 24 hours, if left out",
            example: "2027-01-31T12:00:00Z",
          }),
          hours: z.int().min(1).max(MAX_SHARE_HOURS).optional().openapi({
            description: "How long it opens, in place of expires_at",
            example: 24,
          }),
        })
        .openapi("NewWebShare"),
    ),
  },
  responses: created("The share, with its link", MadeWebShare),
});

const params = WorkloadIdPath.extend({ share_id: NumericId });

const patch = createRoute({
  ...forCustomers,
  method: "patch",
  path: "/environments/{id}/shares/{share_id}",
  operationId: "changeEnvironmentShare",
  tags,
  summary: "Have a share that is open end earlier or later; its link stays as it is",
  request: {
    params,
    body: jsonBody(
      z
        .strictObject({
          expires_at: z.iso.datetime({ offset: true }).optional().openapi({
            description: "When it is to end, at most 30 days from now; left out: as before",
          }),
        })
        .openapi("WebShareChange"),
    ),
  },
  responses: ok("The share", WebShare),
});

export function registerWebShareRoutes(api: ApiApp, deps: ApiDeps): void {
  const { db } = deps;
  api.openapi(post, async (c) => {
    const environment = await environmentFor(c, c.req.valid("param").id, "manage-workload");
    await refuseAdministrator(c, environment);
    const { expires_at, hours, ...named } = c.req.valid("json");
    const target = targetNamed(named);
    if (target === "terminal") throw new ApiRefusal("malformed", "terminal-not-shared");
    const expiresAt = endOf({ expires_at, hours }, deps.now());
    return await once(c, async (sql) => {
      const { now } = orderContextOf(c);
      const { id: environmentId } = environment;
      const origin = await originFor(sql, environment, { target, now });
      if ((await countOpenShares(sql, environmentId, now)) >= MAX_OPEN_SHARES)
        throw conflict({ code: "shares-too-many", params: { max_shares: MAX_OPEN_SHARES } });
      const token = randomBytes(TOKEN_BYTES).toString("base64url");
      const share = await insertShare(sql, {
        environmentId,
        target,
        tokenHash: secretHash(token),
        customerId: c.var.actor.customerId,
        now,
        expiresAt,
      });
      return c.json({ ...shareAnswer(share), url: shareUrl(origin, token) }, 201);
    });
  });

  registerEntryResource(api, {
    kind: ENVIRONMENTS,
    path: "shares",
    one: {
      path: "{share_id}",
      params: params.transform(({ id, share_id }) => ({ workloadId: id, id: share_id })),
    },
    tags,
    Answer: WebShare,
    answer: shareAnswer,
    list: {
      operationId: "listEnvironmentShares",
      summary: "Links of it that are or were shared, newest first, with their last use",
      answers: "A page of shares",
      rows: (_c, environmentId, page) => sharesOf(db, environmentId, page),
    },
    get: {
      operationId: "getEnvironmentShare",
      summary: "One shared link of it, that is open or was",
      answers: "The share",
      find: (_c, { workloadId: environmentId, id }) => shareFor(db, { environmentId, id }),
    },
    remove: {
      operationId: "endEnvironmentShare",
      summary: "End a share before its time, with all that is open by it",
      end: endOpenShare,
    },
  });

  api.openapi(patch, async (c) => {
    const { id: requested, share_id: id } = c.req.valid("param");
    const environment = await environmentFor(c, requested, "manage-workload");
    await refuseAdministrator(c, environment);
    const share = await shareFor(c.var.deps.db, { environmentId: environment.id, id });
    const { expires_at } = c.req.valid("json");
    if (expires_at === undefined) return c.json(shareAnswer(share), 200);
    const expiresAt = endOf({ expires_at, hours: undefined }, deps.now());
    const changed = await changeShare(c.var.deps.db, {
      environmentId: environment.id,
      id,
      expiresAt,
      now: deps.now(),
    });
    if (changed === null) throw conflict({ code: "share-over", params: { share_id: id } });
    return c.json(shareAnswer(changed), 200);
  });
}

async function endOpenShare(c: ApiContext, { workloadId: environmentId, id }: NamedEntry): Promise<void> {
  const { actor, now } = orderContextOf(c);
  const { db } = c.var.deps;
  if (!(await endShare(db, { environmentId, id, actor, now }))) await shareFor(db, { environmentId, id });
}

/** @throws ApiRefusal */
async function shareFor(
  sql: Connection,
  { environmentId, id }: { environmentId: string; id: number },
): Promise<WebShareRow> {
  const [known] = await sharesOf(sql, environmentId, { limit: 1, after: id + 1 });
  if (known?.id !== id)
    throw notFound({
      code: "named-web-share",
      params: { share_id: id, environment: workloadThing("environment", environmentId) },
    });
  return known;
}

/** @throws ApiRefusal naming the field */
function endOf(
  { expires_at, hours }: { expires_at?: string | undefined; hours?: number | undefined },
  now: Date,
): Date {
  if (expires_at === undefined) return new Date(now.getTime() + (hours ?? DEFAULT_HOURS) * MS_PER_HOUR);
  if (hours !== undefined) throw badField("hours", "share-end-doubled");
  const end = new Date(expires_at);
  const leftMs = end.getTime() - now.getTime();
  if (leftMs <= 0 || leftMs > MAX_SHARE_HOURS * MS_PER_HOUR)
    throw badField("expires_at", {
      code: "share-end-out-of-range",
      params: { max_days: MAX_SHARE_HOURS / 24 },
    });
  return end;
}

function shareAnswer(row: WebShareRow): z.input<typeof WebShare> {
  const target = targetOf(row.target);
  return {
    id: row.id,
    environment_id: row.env_id,
    service: typeof target === "string" ? target : null,
    port: typeof target === "number" ? target : null,
    made_by: `customer ${row.customer_id}`,
    made_at: row.made_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    last_used_at: iso(row.last_used_at),
    ended_at: iso(row.ended_at),
    ended_by: row.ended_by,
  };
}
