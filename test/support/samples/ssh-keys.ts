/** SSH public keys as people send them. */
import { generateKeyPairSync } from "node:crypto";

/** Type and length of the body of an Ed25519 key, up to its 32 bytes. */
const HEAD = Buffer.from("0000000b7373682d6564323535313900000020", "hex");

/** Of a fresh Ed25519 key, without a comment. */
export function aPublicKey(): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  return `ssh-ed25519 ${Buffer.concat([HEAD, Buffer.from(x, "base64url")]).toString("base64")}`;
}
