/** Keys that follow from another secret, so that nothing more has to be kept. Pure. */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from "node:crypto";

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

/** 32 bytes by HKDF-SHA-256 (RFC 5869). Those for another purpose say nothing of these. */
export function derivedSecret(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", purpose, SECRET_BYTES));
}

/** The key of these 32 bytes. */
export function ed25519Key(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" });
}

/** The same as OpenSSL writes it: PKCS #8, PEM. */
export function ed25519Pem(bytes: Buffer): string {
  const body = Buffer.concat([PKCS8_PREFIX, bytes]).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

/** An Ed25519 key. */
export function derivedKey(secret: Uint8Array, purpose: string): DerivedKey {
  const bytes = derivedSecret(secret, purpose);
  const key = ed25519Key(bytes);
  const privateKey = key.export({ format: "der", type: "pkcs8" });
  return {
    privateKey,
    privateKeyPem: ed25519Pem(bytes),
    publicKey: createPublicKey(key).export({ format: "der", type: "spki" }),
  };
}
