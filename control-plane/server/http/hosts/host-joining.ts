/**
 * How a host gets its credential: it joins with a token and proof of its key, and renews by signing a challenge,
 * also after the old credential ran out. Nothing here needs an API key; the proofs stand in for one.
 */
import { createRoute, z } from "@hono/zod-openapi";
import type { HostId } from "@remotegpu/shared/values/ids";
import {
  type AccessKeyClaim,
  CredentialGrant,
  HostRemoved,
  JoinRequest,
  RenewalRequest,
} from "@remotegpu/shared/messages/joining";
import { transaction } from "../../store/database/transaction.ts";
import { readNetworks } from "../../core/hosts/host-address.ts";
import { setting } from "../../store/accounts/settings.ts";
import { noteConnection } from "../../store/hosts/host-addresses.ts";
import { credentialOf, noteIssued, useJoinToken } from "../../store/hosts/join-tokens.ts";
import type { ApiApp, ApiContext, ApiDeps } from "../deps.ts";
import { secretHash } from "../request/authentication.ts";
import { hostConnectionAddress } from "../request/rate-limit.ts";
import { ApiRefusal, badField, conflict, forbidden, notFound } from "../request/refusal.ts";
import { created, forEveryone, jsonBody, ok, OpaqueIdPath } from "../request/route.ts";
import type { PlainCode } from "../../core/reasons/reason.ts";

// Made anew from the shape: a schema made before the OpenAPI extension was loaded does not know how to name itself.
const Credential = z.object(CredentialGrant.shape).openapi("HostCredential");

const postJoin = createRoute({
  ...forEveryone,
  method: "post",
  path: "/hosts/join",
  operationId: "joinHost",
  tags: ["joining"],
  summary: "A host joins with a token and proof of its key",
  request: { body: jsonBody(JoinRequest.strict().openapi("JoinRequest")) },
  responses: created("The host's id and credential", Credential),
});

const Renewal = z
  .object({
    challenge: z.string().openapi({ description: "To be signed", example: "bm9uY2U" }),
    ...HostRemoved.shape,
  })
  .partial()
  .extend(CredentialGrant.partial().shape)
  .openapi("RenewalAnswer", {
    description:
      "A challenge, or once it was signed the new credential, or that the host was taken out of the fleet",
  });

const postCredential = createRoute({
  ...forEveryone,
  method: "post",
  path: "/hosts/{id}/credential",
  operationId: "renewHostCredential",
  tags: ["joining"],
  summary: "A host renews its credential: requests a challenge, then signs it",
  request: { params: OpaqueIdPath, body: jsonBody(RenewalRequest.strict().openapi("RenewalRequest")) },
  responses: ok("A challenge, the credential, or the host's removal", Renewal),
});

export function registerHostJoiningRoutes(api: ApiApp, deps: ApiDeps): void {
  api.openapi(postJoin, async (c) => {
    const request = c.req.valid("json");
    if (!deps.identity.verifyJoinProof(request)) throw badField("proof", "join-proof-wrong");
    const accessKey = provenAccessKey(c.var.deps, request);

    const now = deps.now();
    const tokenHash = secretHash(request.token);
    const newHostId = deps.newId("host") as HostId;
    const join = await transaction(c.var.deps.db, (sql) =>
      useJoinToken(sql, { tokenHash, request, newHostId, now }),
    );
    switch (join.outcome) {
      case "unknown-token":
        throw refusedToken("join-token-unknown");
      case "expired":
        throw refusedToken("join-token-expired");
      case "used-by-another":
        throw conflict("join-token-reused");
      case "key-revoked":
        throw forbidden("host-key-revoked");
      case "joined":
        // Minted as of the moment of joining, so that asking again gives the same rights until the same moment.
        return c.json(
          await grant(c, { hostId: join.hostId, nkey: request.nkey, accessKey, now: join.joinedAt }),
          201,
        );
    }
  });

  api.openapi(postCredential, async (c) => {
    const { id } = c.req.valid("param");
    const { nkey, challenge, signature, access } = c.req.valid("json");
    const credential = await credentialOf(c.var.deps.db, nkey);
    if (credential === null || credential.host_id !== id)
      throw notFound({ code: "named-host-of-key", params: { host_id: id } });
    const { removed_at: removedAt } = credential;
    if (credential.revoked_at !== null && removedAt === null) throw forbidden("host-key-revoked");

    const now = deps.now();
    const hostId = credential.host_id;
    if (challenge === undefined || signature === undefined)
      return c.json({ challenge: deps.identity.makeChallenge({ hostId, nkey, now }) }, 200);
    if (!deps.identity.verifyRenewal({ hostId, nkey, challenge, signature, now }))
      throw badField("signature", "challenge-unanswered");
    if (removedAt !== null) return c.json({ removed_at: removedAt.toISOString() }, 200);
    return c.json(
      await grant(c, { hostId, nkey, accessKey: provenAccessKey(c.var.deps, { nkey, access }), now }),
      200,
    );
  });
}

/** Whoever comes here has proved the host's key, so that the connection is the host's own. */
async function grant(
  c: ApiContext,
  claim: { hostId: HostId; nkey: string; accessKey: string | null; now: Date },
): Promise<CredentialGrant> {
  const { deps } = c.var;
  const trustedProxies = readNetworks(await setting(deps.db, "TRUSTED_PROXIES")) ?? [];
  const address = hostConnectionAddress(c, trustedProxies);
  if (address !== null) await noteConnection(deps.db, { hostId: claim.hostId, address });
  const credential = await deps.identity.mint(claim);
  await noteIssued(deps.db, {
    nkey: claim.nkey,
    issuedAt: claim.now,
    expiresAt: new Date(credential.expires_at),
  });
  return credential;
}

/** Null where none was sent, as agents of before do. */
function provenAccessKey(
  { identity }: ApiDeps,
  { nkey, access }: { nkey: string; access?: AccessKeyClaim | undefined },
): string | null {
  if (access === undefined) return null;
  if (!identity.verifyAccessKey(nkey, access)) throw badField("access.proof", "access-proof-wrong");
  return access.key;
}

function refusedToken(reason: PlainCode): ApiRefusal {
  return new ApiRefusal("unauthenticated", reason);
}
