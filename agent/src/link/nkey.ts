/** The host's key. It is made on the host, never leaves it, and is who the host is to the control plane. */
import { sign as signBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createUser, fromSeed } from "@nats-io/nkeys";
import { derivedKey, ed25519Key } from "@remotegpu/shared/proof/derived-key";
import { keyOfNkeySeed } from "@remotegpu/shared/proof/nkey-bytes";
import { accessKeyProofText, type AccessKeyClaim } from "@remotegpu/shared/messages/joining";

export interface HostKey {
  publicKey: string;
  seed: Uint8Array;
  /** Base64 signature of the text. */
  sign: (text: string) => string;
  /** PEM of the key of this host's TLS port for gateways; it follows from the host's key. */
  accessKeyPem: string;
  /** What is sent to get a certificate for it. */
  accessClaim: AccessKeyClaim;
}

/** Reads the key's file (mode 0600), or makes it. */
export function openHostKey(path: string): HostKey {
  const pair = fromSeed(readSeed(path) ?? makeSeed(path));
  const key = ed25519Key(keyOfNkeySeed(new TextDecoder().decode(pair.getSeed())));
  const sign = (text: string) => signBytes(null, Buffer.from(text), key).toString("base64");
  const access = derivedKey(pair.getSeed(), "remotegpu access key");
  const accessKey = access.publicKey.toString("base64");
  return {
    publicKey: pair.getPublicKey(),
    seed: pair.getSeed(),
    sign,
    accessKeyPem: access.privateKeyPem,
    accessClaim: {
      key: accessKey,
      proof: sign(accessKeyProofText(pair.getPublicKey(), accessKey)),
    },
  };
}

function readSeed(path: string): Uint8Array | null {
  try {
    return new TextEncoder().encode(readFileSync(path, "utf8").trim());
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

/** Linked into its place whole, so that a crash leaves no half key and a second process the same one. */
function makeSeed(path: string): Uint8Array {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const ours = `${path}.${process.pid}`;
  writeFileSync(ours, createUser().getSeed(), { mode: 0o600 });
  try {
    linkSync(ours, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(ours);
  }
  return new TextEncoder().encode(readFileSync(path, "utf8").trim());
}
