/**
 * A host's way into NATS: proof that it holds its key, the challenge by which it renews, and the signed user JWT
 * whose permissions are exactly this host's subjects. Pure of storage; who may have a credential is decided by
 * the caller.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeUser } from "@nats-io/jwt";
import { fromPublic } from "@nats-io/nkeys";
import type { HostId } from "@remotegpu/shared/values/ids";
import {
  accessKeyProofText,
  type AccessKeyClaim,
  CREDENTIAL_HOURS,
  joinProofText,
  renewalProofText,
  type CredentialGrant,
  type JoinRequest,
} from "@remotegpu/shared/messages/joining";
import { downAll, upAll } from "@remotegpu/shared/messages/subjects";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AccessAuthority } from "./access-authority.ts";
import { verifySignature } from "./signature.ts";
import type { Operator } from "../servers/operator.ts";

const CHALLENGE_VALID_MS = 2 * MS_PER_MINUTE;

/** An exec may run for a minute; a reply later than this is refused by the server. */
const REPLY_WITHIN_NS = 120 * 1_000_000_000;

/** Sessions of terminals and logs subscribe one subject each. */
const MAX_HOST_SUBSCRIPTIONS = 1_024;

/** What the API needs to let hosts in: everything of identity, with the keys already in hand. */
export function hostIdentity(operator: Operator, reach: { natsUrls: string[]; ca: string | null }) {
  const authority = AccessAuthority.of(operator);
  return {
    verifyJoinProof,
    /** True when the host's key for its TLS port was signed by the nkey it joins or renews with. */
    verifyAccessKey: (nkey: string, { key, proof }: AccessKeyClaim) =>
      verifySignature(nkey, accessKeyProofText(nkey, key), proof),
    /** `accessKey` of a claim that was verified; null where none was sent. */
    mint: async (claim: { hostId: HostId; nkey: string; accessKey: string | null; now: Date }) => {
      const { hostId, nkey, accessKey, now } = claim;
      const grant = await mintHostCredential(operator, { hostId, nkey, now, ...reach });
      if (accessKey === null) return grant;
      return { ...grant, access: await (await authority).certifyHost(hostId, accessKey, now) };
    },
    makeChallenge: (claim: { hostId: string; nkey: string; now: Date }) =>
      makeChallenge(operator.challengeSecret, claim),
    /** True when the challenge is ours, fresh, for this host and key, and the signature answers it. */
    verifyRenewal: (claim: RenewalClaim & { now: Date }) =>
      verifyChallenge(operator.challengeSecret, claim.challenge, claim) && verifyRenewalProof(claim),
  };
}

/** True when the request was signed by the key it names, for the token it carries. */
export function verifyJoinProof(request: JoinRequest): boolean {
  return verifySignature(request.nkey, joinProofText(request.token, request.nkey), request.proof);
}

interface RenewalClaim {
  hostId: string;
  nkey: string;
  challenge: string;
  /** Base64. */
  signature: string;
}

function verifyRenewalProof({ hostId, nkey, challenge, signature }: RenewalClaim): boolean {
  return verifySignature(nkey, renewalProofText(hostId, nkey, challenge), signature);
}

/** A challenge for one host and key that nobody has to remember: it carries its end and our mark. */
export function makeChallenge(secret: string, claim: { hostId: string; nkey: string; now: Date }): string {
  const until = (claim.now.getTime() + CHALLENGE_VALID_MS).toString(36);
  const nonce = randomBytes(12).toString("base64url");
  return `${until}.${nonce}.${challengeMark(secret, { ...claim, until, nonce })}`;
}

export function verifyChallenge(
  secret: string,
  challenge: string,
  claim: { hostId: string; nkey: string; now: Date },
): boolean {
  const [until, nonce, mark, ...rest] = challenge.split(".");
  if (until === undefined || nonce === undefined || mark === undefined || rest.length > 0) return false;
  const wanted = Buffer.from(challengeMark(secret, { ...claim, until, nonce }));
  const given = Buffer.from(mark);
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return false;
  return Number.parseInt(until, 36) > claim.now.getTime();
}

function challengeMark(
  secret: string,
  parts: { hostId: string; nkey: string; until: string; nonce: string },
): string {
  return createHmac("sha256", secret)
    .update(JSON.stringify([parts.hostId, parts.nkey, parts.until, parts.nonce]))
    .digest("base64url");
}

/** Signs a credential of CREDENTIAL_HOURS for this host and key. */
export async function mintHostCredential(
  operator: Operator,
  grant: {
    hostId: HostId;
    nkey: string;
    natsUrls: string[];
    ca: string | null;
    now: Date;
    lifetimeMs?: number;
  },
): Promise<CredentialGrant> {
  const { hostId, nkey, natsUrls, ca, now, lifetimeMs = CREDENTIAL_HOURS * MS_PER_HOUR } = grant;
  const expiresAtSeconds = Math.floor((now.getTime() + lifetimeMs) / 1_000);
  const permissions = {
    pub: { allow: [upAll(hostId)], deny: [] },
    sub: { allow: [downAll(hostId)], deny: [] },
    resp: { max: 1, ttl: REPLY_WITHIN_NS },
    subs: MAX_HOST_SUBSCRIPTIONS,
    data: -1,
    payload: -1,
    allowed_connection_types: ["STANDARD" as const],
  };
  const jwt = await encodeUser(hostId, fromPublic(nkey), operator.hostsAccount, permissions, {
    exp: expiresAtSeconds,
  });
  return {
    host_id: hostId,
    jwt,
    expires_at: new Date(expiresAtSeconds * 1_000).toISOString(),
    nats_urls: natsUrls,
    ca,
  };
}
