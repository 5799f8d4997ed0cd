/**
 * The host's credential: its file, and its renewal by a signed challenge. A host may be cut off for weeks; an
 * expired credential renews like a fresh one, unless the key was revoked.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { decode } from "@nats-io/jwt";
import { z } from "zod";
import { CredentialGrant, RenewalAnswer, renewalProofText } from "@remotegpu/shared/messages/joining";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ApiUnreachableError, postJson, problemText } from "./api-request.ts";
import type { HostKey } from "./nkey.ts";

export const SavedCredential = z.object({
  /** Where the API is, without a path. */
  apiUrl: z.string(),
  grant: CredentialGrant,
  /** On this host's wall clock, so that half its life is measured on one clock. */
  receivedAtMs: z.number(),
});
export type SavedCredential = z.infer<typeof SavedCredential>;

/** Null when this host has not joined. */
export function loadCredential(file: string): SavedCredential | null {
  try {
    return SavedCredential.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new Error(`${file} is not a credential; join this host anew`, { cause: error });
  }
}

export function saveCredential(file: string, credential: SavedCredential): void {
  writeFileSync(`${file}.new`, JSON.stringify(credential), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** At half its life, so that the other half remains for trying. */
export function renewalDueMs({ grant, receivedAtMs }: SavedCredential): number {
  const { iat, exp } = decode(grant.jwt);
  const lifetimeMs = ((exp ?? iat) - iat) * MS_PER_SECOND;
  return receivedAtMs + lifetimeMs / 2;
}

/** On the control plane's clock; null for one without an end. */
export function credentialExpiryMs(grant: CredentialGrant): number | null {
  const { exp } = decode(grant.jwt);
  return exp === undefined ? null : exp * MS_PER_SECOND;
}

export type Renewal =
  | { renewed: true; grant: CredentialGrant }
  /** The control plane does not know this key any more, or has revoked it. */
  | { renewed: false; isRemoved: boolean; reason: string };

/** @throws ApiUnreachableError */
export async function renewCredential({ apiUrl, grant }: SavedCredential, key: HostKey): Promise<Renewal> {
  const url = new URL(`/api/v1/hosts/${grant.host_id}/credential`, apiUrl);
  const requested = await request(url, { nkey: key.publicKey }, grant.ca);
  if (requested.refused !== null) return { renewed: false, isRemoved: false, reason: requested.refused };
  if (!("challenge" in requested.answer))
    throw new ApiUnreachableError(`${url.origin} answers without a challenge`);

  const { challenge } = requested.answer;
  const signature = key.sign(renewalProofText(grant.host_id, key.publicKey, challenge));
  const answered = await request(
    url,
    { nkey: key.publicKey, challenge, signature, access: key.accessClaim },
    grant.ca,
  );
  if (answered.refused !== null) return { renewed: false, isRemoved: false, reason: answered.refused };
  if ("removed_at" in answered.answer) {
    const reason = `this host was taken out of the fleet at ${answered.answer.removed_at}`;
    return { renewed: false, isRemoved: true, reason };
  }
  if ("challenge" in answered.answer) {
    throw new ApiUnreachableError(`${url.origin} answers a signed challenge with another one`);
  }
  return { renewed: true, grant: answered.answer };
}

type Requested = { refused: string } | { refused: null; answer: z.infer<typeof RenewalAnswer> };

async function request(url: URL, body: object, ca: string | null): Promise<Requested> {
  const answer = await postJson(url, body, ca);
  if (answer.status >= 500 || answer.status === 429) {
    throw new ApiUnreachableError(`${url.origin} cannot renew now: ${problemText(answer)}`);
  }
  if (answer.status >= 300) return { refused: problemText(answer) };
  const parsed = RenewalAnswer.safeParse(answer.body);
  if (!parsed.success) {
    throw new ApiUnreachableError(`${url.origin} answers with no credential`, { cause: parsed.error });
  }
  return { refused: null, answer: parsed.data };
}
