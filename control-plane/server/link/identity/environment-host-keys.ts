/**
 * Makes the host keys of environments. They follow from the operator's key and the environment's id, so every server of
 * the fleet has the same ones, nothing is kept, and an environment shows the same key on whichever host it runs.
 */
import { derivedKey, derivedSecret, ed25519Pem } from "@remotegpu/shared/proof/derived-key";
import type { HostKeys } from "../../core/environments/host-keys.ts";
import type { Operator } from "../servers/operator.ts";
import { publicKeyLine } from "./public-key-line.ts";

export function environmentHostKeys(operator: { key: Pick<Operator["key"], "getSeed"> }): HostKeys {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu host keys of environments");
  return {
    publicOf: (environmentId) => publicKeyLine(derivedKey(secret, environmentId).publicKey),
    privatePemOf: (environmentId) => ed25519Pem(derivedSecret(secret, environmentId)),
  };
}
