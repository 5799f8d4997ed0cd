/** An Ed25519 public key as SSH writes it: a line, the bytes behind it, and the fingerprint by which it is told. */
import { createHash } from "node:crypto";

const TYPE = "ssh-ed25519";
const PUBLIC_KEY_BYTES = 32;

export interface PublicKeyLine {
  /** Type and body, as a line of an authorized_keys file has them. */
  line: string;
  /** As ssh-keygen shows it. */
  fingerprint: string;
}

/** @param publicKey DER, SubjectPublicKeyInfo */
export function publicKeyLine(publicKey: Buffer): PublicKeyLine {
  // An Ed25519 key's SubjectPublicKeyInfo ends in the key itself (RFC 8410).
  const key = publicKey.subarray(-PUBLIC_KEY_BYTES);
  const body = Buffer.concat([Buffer.from(TYPE), key].flatMap((part) => [lengthOf(part), part]));
  const digest = createHash("sha256").update(body).digest("base64").replace(/=+$/, "");
  return { line: `${TYPE} ${body.toString("base64")}`, fingerprint: `SHA256:${digest}` };
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return length;
}
