/**
 * A public nkey as a key of the system's own cryptography, which checks a signature in a tenth of a millisecond where the
 * nkeys library, written in JavaScript, takes several: with a batch of usage from each host each minute that was most
 * of what taking them in cost. Makes no signatures and reads no seeds.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { fromPublic } from "@nats-io/nkeys";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_PER_LETTER = 5;
const BITS_PER_BYTE = 8;
/** The prefix byte says whose key it is; two bytes of checksum follow the key. */
const KEY_BYTES = { from: 1, to: 33 };
/** What stands before a raw Ed25519 key in its standard form (RFC 8410). */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** More than the hosts of most fleets; the first to be known makes room. */
const MAX_KNOWN_KEYS = 10_000;
const known = new Map<string, KeyObject>();

/** @throws NKeysError for a text that is no public nkey, or one that was mistyped */
export function keyOfNkey(nkey: string): KeyObject {
  const key = known.get(nkey) ?? readKey(nkey);
  if (known.has(nkey)) return key;
  const [first] = known.keys();
  if (known.size >= MAX_KNOWN_KEYS && first !== undefined) known.delete(first);
  known.set(nkey, key);
  return key;
}

function readKey(nkey: string): KeyObject {
  const key = fromBase32(fromPublic(nkey).getPublicKey()).subarray(KEY_BYTES.from, KEY_BYTES.to);
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: "der", type: "spki" });
}

function fromBase32(text: string): Buffer {
  const bytes: number[] = [];
  let value = 0;
  let bits = 0;
  for (const letter of text) {
    value = (value << BITS_PER_LETTER) | BASE32.indexOf(letter);
    bits += BITS_PER_LETTER;
    if (bits < BITS_PER_BYTE) continue;
    bits -= BITS_PER_BYTE;
    bytes.push((value >> bits) & 0xff);
    value &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
