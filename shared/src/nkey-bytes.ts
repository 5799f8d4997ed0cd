/**
 * The 32 bytes of Ed25519 within an nkey's text, for the system's own cryptography: it signs and checks in a tenth of a
 * millisecond, where the nkeys library, written in JavaScript, takes several and keeps a process from all else meanwhile.
 * The text is taken to be one; its checksum is the library's to look at. Pure.
 */
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_PER_LETTER = 5;
const BITS_PER_BYTE = 8;
const KEY_BYTES = 32;
/** Whose key it is stands before it, in a seed with the mark of seeds; two bytes of checksum follow the key. */
const PUBLIC_FROM = 1;
const SEED_FROM = 2;

export function keyOfPublicNkey(nkey: string): Buffer {
  return fromBase32(nkey).subarray(PUBLIC_FROM, PUBLIC_FROM + KEY_BYTES);
}

export function keyOfNkeySeed(seed: string): Buffer {
  return fromBase32(seed).subarray(SEED_FROM, SEED_FROM + KEY_BYTES);
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
