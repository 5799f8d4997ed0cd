/** Whether a host has signed a text. It knows public keys alone, so that whoever checks a bill needs no more than this. */
import { verify } from "node:crypto";
import { keyOfNkey } from "./nkey.ts";

/** True when `signature` (base64) is the nkey's signature of `text`; false for anything malformed. */
export function verifySignature(nkey: string, text: string, signature: string): boolean {
  try {
    return verify(null, Buffer.from(text), keyOfNkey(nkey), Buffer.from(signature, "base64"));
  } catch {
    // A malformed key is thrown and is simply not a proof.
    return false;
  }
}
