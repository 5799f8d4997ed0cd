/** What seals the secrets of webhooks for their stay in the database; how is link's. */
import type { EnvVarOwner } from "./env-var-seal.ts";

/** So begins what is sealed; a secret that was stored before it could be begins with none of it. */
export const SEALED_SECRET = "sealed:";

export interface WebhookSeal {
  /** Names the key that seals now. */
  readonly sealedBy: string;
  /** "sealed:" with the name of the key, and the rest in base64. */
  seal(secret: string, owner: EnvVarOwner): string;
  /** As it was given, where it is plain still; null where its key is not there, or it was somebody else's. */
  open(stored: string, owner: EnvVarOwner): string | null;
}
