/** Seals the state of logins with a key that follows from the operator's, so every server of the fleet opens it. */
import { createSecretKey } from "node:crypto";
import { derivedSecret } from "@remotegpu/shared/proof/derived-key";
import type { LoginSeal } from "../../core/sign-on/sign-on.ts";
import type { Operator } from "../servers/operator.ts";
import { openText, sealText } from "../servers/sealing-keys.ts";

export function loginSeal(operator: { key: Pick<Operator["key"], "getSeed"> }): LoginSeal {
  const secret = createSecretKey(derivedSecret(operator.key.getSeed(), "remotegpu single sign-on"));
  const key = { name: "single sign-on", secret };
  return {
    seal: (purpose, text) => sealText(text, key, Buffer.from(purpose)).toString("base64url"),
    open: (purpose, sealed) => openText(Buffer.from(sealed, "base64url"), key, Buffer.from(purpose)),
  };
}
