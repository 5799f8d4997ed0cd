/**
 * Makes the host keys of environments. They follow from the operator's key and the environment's id, so every server of
 * the fleet has the same ones, nothing is kept, and an environment shows the same key on whichever host it runs.
 */
import { createHash } from "node:crypto";
import { derivedKey, derivedSecret, ed25519Pem } from "@remotegpu/shared/derived-key";
import type { HostKeys } from "../../core/environments/host-keys.ts";
import type { Operator } from "../servers/operator.ts";

const TYPE = "ssh-ed25519";
const PUBLIC_KEY_BYTES = 32;

export function environmentHostKeys(operator: { key: Pick<Operator["key"], "getSeed"> }): HostKeys {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu host keys of environments");
  return {
    publicOf(environmentId) {
      // An Ed25519 key's SubjectPublicKeyInfo ends in the key itself (RFC 8410).
      const key = derivedKey(secret, environmentId).publicKey.subarray(-PUBLIC_KEY_BYTES);
      const body = Buffer.concat([Buffer.from(TYPE), key].flatMap((part) => [lengthOf(part), part]));
      const digest = createHash("sha256").update(body).digest("base64").replace(/=+$/, "");
      return { line: `${TYPE} ${body.toString("base64")}`, fingerprint: `SHA256:${digest}` };
    },
    privatePemOf: (environmentId) => ed25519Pem(derivedSecret(secret, environmentId)),
  };
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}
