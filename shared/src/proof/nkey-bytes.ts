/**
 * The 32 bytes of Ed25519 within an nkey's text, for the system's own cryptography: it signs and checks in a tenth of a
 * millisecond, where the nkeys library, written in JavaScript, takes several and keeps a process from all else meanwhile.
 * Public ones come from elsewhere and are checked; a seed is our own and is taken to be one. Pure.
 */
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_PER_LETTER = 5;
const BITS_PER_BYTE = 8;
const KEY_BYTES = 32;
/** Whose key it is stands before it, in a seed with the mark of seeds; two bytes of checksum follow the key. */
const PUBLIC_FROM = 1;
const SEED_FROM = 2;

/** The keys of accounts, clusters, servers, operators and users; seeds begin with S. */
const PUBLIC_NKEY = /^[ACNOU][A-Z2-7]{55}$/;

/** @throws Error for a text that is no public nkey, or one that was mistyped */
export function keyOfPublicNkey(nkey: string): Uint8Array {
  const bytes = PUBLIC_NKEY.test(nkey) ? fromBase32(nkey) : null;
  const checkedTo = PUBLIC_FROM + KEY_BYTES;
  if (bytes === null || checksumOf(bytes.subarray(0, checkedTo)) !== littleEndian(bytes.subarray(checkedTo)))
    throw new Error("not a public nkey");
  return bytes.subarray(PUBLIC_FROM, checkedTo);
}

export function keyOfNkeySeed(seed: string): Uint8Array {
  return fromBase32(seed).subarray(SEED_FROM, SEED_FROM + KEY_BYTES);
}

function littleEndian([low = 0, high = 0]: Uint8Array): number {
  return low | (high << BITS_PER_BYTE);
}

function fromBase32(text: string): Uint8Array {
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
  return Uint8Array.from(bytes);
}

/** CRC-16 of the polynomial x^16 + x^12 + x^5 + 1, from zero on. */
function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << BITS_PER_BYTE;
    for (let bit = 0; bit < BITS_PER_BYTE; bit += 1)
      sum = (sum & 0x8000) === 0 ? sum << 1 : ((sum << 1) ^ 0x1021) & 0xffff;
  }
  return sum & 0xffff;
}
