/** Seals the secrets of webhooks, each bound to its customer. */
import type { EnvVarOwner } from "../../core/secrets/env-var-seal.ts";
import { SEALED_SECRET, type WebhookSeal } from "../../core/secrets/webhook-seal.ts";
import { type KeyHolder, openText, sealingKeysOf, sealText } from "../servers/sealing-keys.ts";

export function webhookSeal(operator: KeyHolder): WebhookSeal {
  const keysNow = sealingKeysOf(operator);
  return {
    get sealedBy() {
      return keysNow().sealsWith.name;
    },
    seal(secret, owner) {
      const { sealsWith } = keysNow();
      const sealed = sealText(secret, sealsWith, boundTo(owner)).toString("base64");
      return `${SEALED_SECRET}${sealsWith.name}:${sealed}`;
    },
    open(stored, owner) {
      if (!stored.startsWith(SEALED_SECRET)) return stored;
      const [named, sealed = ""] = stored.slice(SEALED_SECRET.length).split(":");
      const key = keysNow().keys.find(({ name }) => name === named);
      return key === undefined ? null : openText(Buffer.from(sealed, "base64"), key, boundTo(owner));
    },
  };
}

function boundTo({ customerId }: EnvVarOwner): Buffer {
  return Buffer.from(JSON.stringify(["webhook", customerId]));
}
