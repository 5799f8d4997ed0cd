/** Seals the secrets of webhooks, each bound to its customer. */
import type { EnvVarOwner } from "../../core/secrets/env-var-seal.ts";
import { readSealedSecret, sealedSecretText, type WebhookSeal } from "../../core/secrets/webhook-seal.ts";
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
      return sealedSecretText({ key: sealsWith.name, sealed });
    },
    open(stored, owner) {
      const value = readSealedSecret(stored);
      if (value === null) return stored;
      const key = keysNow().keys.find(({ name }) => name === value.key);
      return key === undefined ? null : openText(Buffer.from(value.sealed, "base64"), key, boundTo(owner));
    },
  };
}

function boundTo({ customerId }: EnvVarOwner): Buffer {
  return Buffer.from(JSON.stringify(["webhook", customerId]));
}
