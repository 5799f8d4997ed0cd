/** SSH public keys as people send them. */
import { createHash, generateKeyPairSync } from "node:crypto";

/** Type and length of the body of an Ed25519 key, up to its 32 bytes. */
const HEAD = Buffer.from("0000000b7373682d6564323535313900000020", "hex");

/** Of a fresh Ed25519 key, without a comment. */
export function aPublicKey(): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  return `ssh-ed25519 ${Buffer.concat([HEAD, Buffer.from(x, "base64url")]).toString("base64")}`;
}

/** As ssh-keygen -l prints it. */
export function fingerprintOf(line: string): string {
  const body = Buffer.from(line.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(body).digest("base64").replace(/=+$/, "")}`;
}
