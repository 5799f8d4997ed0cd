/** Which identities of the operator's provider log in to an account, for administrators: listed, linked, invited, unlinked. */
import { createRoute, z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { ALL_SCOPES, reachesBeyond } from "../../core/accounts/key-scopes.ts";
import { dashboardAddress } from "../../core/accounts/session-cookie.ts";
import { isSubject } from "../../core/sign-on/login-claims.ts";
import {
  identitiesOf,
  type IdentityRow,
  insertIdentity,
  insertIdentityInvitation,
  MAX_IDENTITIES,
  MAX_OPEN_INVITATIONS,
  unlinkIdentity,
} from "../../store/accounts/identities.ts";
import { transaction } from "../../store/database/database.ts";
import { requireCustomer } from "../accounts/customers.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { makeIdentityInvitation, secretHash } from "../request/authentication.ts";
import { once } from "../request/idempotency.ts";
import { numericPage, pageOf, PageQuery, toPage } from "../request/pagination.ts";
import { badField, conflict, forbidden, notFound } from "../request/refusal.ts";
import {
  created,
  forAdmins,
  iso,
  jsonBody,
  noContent,
  NumericId,
  NumericIdPath,
  ok,
  optionalJsonBody,
  Timestamp,
} from "../request/route.ts";
import { refusing, requireSignOn } from "./login-refusals.ts";

const tags = ["customers"];
const INVITATION_DAYS = 7;
const MS_PER_DAY = 86_400_000;

const Identity = z
  .object({
    id: z.int(),
    customer_id: z.int(),
    issuer: z.string().openapi({
      description: "The provider, as its tokens name it",
      example: "https://accounts.example.com",
    }),
    subject: z.string().openapi({
      description: "Who it is there, as its tokens name them: no name and no address",
      example: "248289761001",
    }),
    created_at: Timestamp,
    last_login_at: Timestamp.nullable().describe("Null: it has not logged in since it was linked"),
  })
  .openapi("Identity");

const NewIdentity = z
  .strictObject({
    subject: text(255).min(1).openapi({
      description: "The subject (`sub`) that the provider's tokens have for the person",
      example: "248289761001",
    }),
  })
  .openapi("NewIdentity");

const IdentityInvitation = z
  .object({
    id: z.int(),
    url: z.string().openapi({
      description:
        "Whoever opens it and logs in at the provider has their identity linked; it is displayed once",
      example: "https://gpu.example.com/#invitation=rgi_9aQ2nVYr8Xk3",
    }),
    expires_at: Timestamp.describe("From when on it links nothing"),
  })
  .openapi("IdentityInvitation");

const list = createRoute({
  ...forAdmins,
  method: "get",
  path: "/customers/{id}/identities",
  operationId: "listCustomerIdentities",
  tags,
  summary: "The identities that log in to the account by single sign-on",
  request: { params: NumericIdPath, query: PageQuery },
  responses: ok("A page of identities", pageOf(Identity)),
});

const post = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers/{id}/identities",
  operationId: "linkCustomerIdentity",
  tags,
  summary: "Link an identity of the provider to the account",
  description: `For a person whose subject is known, as from the audit log's row of a refused login; ${MAX_IDENTITIES} at most.`,
  request: { params: NumericIdPath, body: jsonBody(NewIdentity) },
  responses: created("The identity", Identity),
});

const remove = createRoute({
  ...forAdmins,
  method: "delete",
  path: "/customers/{id}/identities/{identity_id}",
  operationId: "unlinkCustomerIdentity",
  tags,
  summary: "Unlink an identity: it logs in no more, and what its logins made opens nothing from now on",
  description:
    "Its sessions end, and the keys that `remotegpu login` got. Keys that the person made otherwise go on: they are revoked one by one, or with the account suspended.",
  request: { params: z.object({ id: NumericId, identity_id: NumericId }) },
  responses: noContent("It is unlinked"),
});

const invite = createRoute({
  ...forAdmins,
  method: "post",
  path: "/customers/{id}/identity-invitations",
  operationId: "inviteCustomerIdentity",
  tags,
  summary: `A link by which a person links their identity to the account, once, within ${INVITATION_DAYS} days`,
  description: `Send it to nobody else: whoever uses it has the account. ${MAX_OPEN_INVITATIONS} may be open.`,
  request: {
    params: NumericIdPath,
    body: optionalJsonBody(z.strictObject({}).openapi("NewIdentityInvitation")),
  },
  responses: created("The link", IdentityInvitation),
});

export function registerIdentityRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(list, async (c) => {
    const { id } = await requireCustomer(deps, c.req.valid("param").id);
    const page = numericPage(c.req.valid("query"));
    const rows = await identitiesOf(deps.db, id, page);
    return c.json(toPage(rows, page.limit, { item: identityAnswer, key: (row) => [row.id] }), 200);
  });

  api.openapi(post, async (c) => {
    const customer = await requireCustomer(c.var.deps, c.req.valid("param").id);
    refuseBeyondKey(c);
    const { subject } = c.req.valid("json");
    if (!isSubject(subject)) throw badField("subject", "identity-subject-malformed");
    const issuer = await refusing(requireSignOn(c).provider.issuer());
    return await once(c, async (sql) => {
      const identity = { customerId: customer.id, issuer, subject, now: deps.now() };
      const made = await insertIdentity(sql, identity);
      if (made === "full")
        throw conflict({ code: "identities-too-many", params: { max_identities: MAX_IDENTITIES } });
      if (made === null) throw conflict("identity-linked");
      return c.json(identityAnswer(made), 201);
    });
  });

  api.openapi(remove, async (c) => {
    const { id: customerId, identity_id: identityId } = c.req.valid("param");
    const isUnlinked = await transaction(
      c.var.deps.db,
      async (sql) => await unlinkIdentity(sql, { customerId, identityId, now: deps.now() }),
    );
    if (!isUnlinked)
      throw notFound({
        code: "named-identity",
        params: { identity_id: identityId, customer_id: customerId },
      });
    return c.body(null, 204);
  });

  api.openapi(invite, async (c) => {
    requireSignOn(c);
    const customer = await requireCustomer(c.var.deps, c.req.valid("param").id);
    refuseBeyondKey(c);
    return await once(c, async (sql) => {
      const now = deps.now();
      const invitation = makeIdentityInvitation();
      const expiresAt = new Date(now.getTime() + INVITATION_DAYS * MS_PER_DAY);
      const tokenHash = secretHash(invitation);
      const id = await insertIdentityInvitation(sql, { customerId: customer.id, tokenHash, now, expiresAt });
      if (id === null)
        throw conflict({
          code: "identity-invitations-too-many",
          params: { max_invitations: MAX_OPEN_INVITATIONS },
        });
      const url = `${dashboardAddress(deps.config.publicUrl)}/#invitation=${invitation}`;
      return c.json({ id, url, expires_at: expiresAt.toISOString() }, 201);
    });
  });
}

/**
 * A key with an end, or that opens less, makes nothing that opens more: a link of an identity has no end, and opens all
 * that its account does.
 * @throws ApiRefusal
 */
function refuseBeyondKey(c: ApiContext): void {
  const { keyExpiresAt, keyRights } = c.var.actor;
  const link = { rights: ALL_SCOPES, expiresAt: null };
  if (reachesBeyond({ rights: keyRights, expiresAt: keyExpiresAt }, link))
    throw forbidden("identity-beyond-own-key");
}

function identityAnswer(row: IdentityRow): z.input<typeof Identity> {
  return {
    id: row.id,
    customer_id: row.customer_id,
    issuer: row.issuer,
    subject: row.subject,
    created_at: row.created_at.toISOString(),
    last_login_at: iso(row.last_login_at),
  };
}
