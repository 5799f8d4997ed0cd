/** What seals the secrets of webhooks for their stay in the database; how is link's. */
import type { EnvVarOwner, SealedValue } from "./env-var-seal.ts";

/** So begins what is sealed; a secret that was stored before it could be begins with none of it. */
export const SEALED_SECRET = "sealed:";

export function sealedSecretText({ key, sealed }: SealedValue): string {
  return `${SEALED_SECRET}${key}:${sealed}`;
}

/** Null for a secret that is plain still. */
export function readSealedSecret(stored: string): SealedValue | null {
  if (!stored.startsWith(SEALED_SECRET)) return null;
  const [key = "", sealed = ""] = stored.slice(SEALED_SECRET.length).split(":");
  return { key, sealed };
}

export interface WebhookSeal {
  /** Names the key that seals now. */
  readonly sealedBy: string;
  /** "sealed:" with the name of the key, and the rest in base64. */
  seal(secret: string, owner: EnvVarOwner): string;
  /** As it was given, where it is plain still; null where its key is not there, or it was somebody else's. */
  open(stored: string, owner: EnvVarOwner): string | null;
}
