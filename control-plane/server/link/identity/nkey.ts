/**
 * A public nkey as a key of the system's own cryptography: with a batch of usage from each host each minute, the library's
 * checking of their signatures was most of what taking them in cost. Makes no signatures and reads no seeds.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { keyOfPublicNkey } from "@remotegpu/shared/proof/nkey-bytes";

/** What stands before a raw Ed25519 key in its standard form (RFC 8410). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** More than the hosts of most fleets; the first to be known makes room. */
const MAX_KNOWN_KEYS = 10_000;
const known = new Map<string, KeyObject>();

/** @throws Error for a text that is no public nkey, or one that was mistyped */
export function keyOfNkey(nkey: string): KeyObject {
  const key = known.get(nkey) ?? readKey(nkey);
  if (known.has(nkey)) return key;
  const [first] = known.keys();
  if (known.size >= MAX_KNOWN_KEYS && first !== undefined) known.delete(first);
  known.set(nkey, key);
  return key;
}

function readKey(nkey: string): KeyObject {
  const key = keyOfPublicNkey(nkey);
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: "der", type: "spki" });
}
