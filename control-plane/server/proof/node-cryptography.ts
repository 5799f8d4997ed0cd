/** What a proof is judged with where Node is. */
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { verifySignature } from "../link/identity/signature.ts";
import type { Cryptography } from "./chain-check.ts";

export const NODE: Cryptography = { sha256, verifySignature };
