/** An Ed25519 key that follows from another secret, so that nothing more has to be kept. Pure. */
import { createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";

/** DER of a PKCS #8 private key of Ed25519 up to its 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SECRET_BYTES = 32;

export interface DerivedKey {
  /** DER, PKCS #8. */
  privateKey: Buffer;
  privateKeyPem: string;
  /** DER, SubjectPublicKeyInfo. */
  publicKey: Buffer;
}

/** By HKDF-SHA-256 (RFC 5869). Another purpose gives a key that says nothing of this one. */
export function derivedKey(secret: Uint8Array, purpose: string): DerivedKey {
  const seed = hkdfSync("sha256", secret, "", purpose, SECRET_BYTES);
  const privateKey = Buffer.concat([PKCS8_PREFIX, Buffer.from(seed)]);
  const key = createPrivateKey({ key: privateKey, format: "der", type: "pkcs8" });
  return {
    privateKey,
    privateKeyPem: key.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey: createPublicKey(key).export({ format: "der", type: "spki" }),
  };
}
