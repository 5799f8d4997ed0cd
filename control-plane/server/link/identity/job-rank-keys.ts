/**
 * Makes the keys of jobs whose first rank enters the others. They follow from the operator's key, the job's id and its
 * attempt, so every server of the fleet has the same ones, nothing is kept, and one of an earlier attempt opens nothing.
 */
import { derivedKey, derivedSecret } from "@remotegpu/shared/proof/derived-key";
import type { RankKeyring } from "../../core/training/launch/rank-keys.ts";
import type { Operator } from "../servers/operator.ts";
import { publicKeyLine } from "./public-key-line.ts";

export function jobRankKeys(operator: { key: Pick<Operator["key"], "getSeed"> }): RankKeyring {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu ranks of jobs");
  return {
    keysOf({ workloadId, attempt, role }) {
      // The id stands last, so that none can stand for another attempt or side.
      const ofSide = (side: "client" | "server") => derivedKey(secret, `${side} ${attempt} ${workloadId}`);
      const [own, other] =
        role === "leads" ? (["client", "server"] as const) : (["server", "client"] as const);
      return {
        privateKey: ofSide(own).privateKeyPem,
        otherLine: publicKeyLine(ofSide(other).publicKey).line,
      };
    },
  };
}
