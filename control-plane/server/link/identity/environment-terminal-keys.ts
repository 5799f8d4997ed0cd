/**
 * Makes the keys of the terminal in the browser. They follow from the operator's key, the environment's id and the epoch
 * of its placement, so every gateway of the fleet has the same ones and nothing is kept: they outlive restarts, and one
 * of an earlier placement opens nothing.
 */
import { createHash, type KeyObject } from "node:crypto";
import { derivedKey, derivedSecret, ed25519Key } from "@remotegpu/shared/proof/derived-key";
import {
  TERMINAL_KEY_ID,
  type TerminalKeys,
  type TerminalPlace,
  terminalSetId,
} from "../../core/environments/terminal-keys.ts";
import type { Operator } from "../servers/operator.ts";
import { publicKeyLine } from "./public-key-line.ts";

/** What only gateways have. */
export interface TerminalSigners {
  signerOf(place: TerminalPlace): { privateKey: KeyObject; publicLine: string };
}

export function environmentTerminalKeys(operator: {
  key: Pick<Operator["key"], "getSeed">;
}): TerminalKeys & TerminalSigners {
  const secret = derivedSecret(operator.key.getSeed(), "remotegpu terminals of environments");
  const lineOf = (place: TerminalPlace) => publicKeyLine(derivedKey(secret, purposeOf(place)).publicKey).line;
  return {
    keySetOf(place) {
      const line = lineOf(place);
      const digest = createHash("sha256").update(line).digest("hex");
      return { id: terminalSetId(digest), keys: [{ id: TERMINAL_KEY_ID, line }] };
    },
    signerOf: (place) => ({
      privateKey: ed25519Key(derivedSecret(secret, purposeOf(place))),
      publicLine: lineOf(place),
    }),
  };
}

/** The number stands first, so that no id can stand for another place. */
function purposeOf({ environmentId, placementEpoch }: TerminalPlace): string {
  return `${placementEpoch} ${environmentId}`;
}
