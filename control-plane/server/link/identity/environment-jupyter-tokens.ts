/**
 * Makes the tokens of JupyterLab. They follow from the operator's key and from what the database made at random for the
 * environment's start, so every server and gateway of the fleet has the same ones, and a copy of the database opens none.
 */
import { derivedSecret } from "@remotegpu/shared/proof/derived-key";
import type { JupyterTokens } from "../../core/environments/jupyter-tokens.ts";
import type { Operator } from "../servers/operator.ts";

/** What an earlier version made is the token itself, until the environment's next start. */
const OF_BEFORE = /^[0-9a-f]{64}$/;

export function environmentJupyterTokens(operator: { key: Pick<Operator["key"], "getSeed"> }): JupyterTokens {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu tokens of JupyterLab");
  return {
    tokenOf: (stored) => (OF_BEFORE.test(stored) ? stored : derivedSecret(secret, stored).toString("hex")),
  };
}
