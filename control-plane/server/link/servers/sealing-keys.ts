/**
 * The keys that seal what the database stores of secrets: passwords of registries, values of environment variables,
 * secrets of webhooks. The first follows from the operator's key, so every server of the fleet has it and nothing more is
 * stored. A rotation writes others into operator.json; that file is read again when it has changed, so a server that runs
 * seals and opens by them without a restart.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { derivedSecret } from "@remotegpu/shared/proof/derived-key";
import type { Operator } from "./operator.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NAME_BYTES = 8;

export interface SealingKey {
  /** Says nothing of the key. */
  readonly name: string;
  /** The key of 32 bytes. Made ready once: with bare bytes each value took four times as long. */
  readonly secret: KeyObject;
}

/** Those that open; one of them seals. */
export interface SealingKeySet {
  readonly sealsWith: SealingKey;
  readonly keys: readonly SealingKey[];
}

/** As they are at this moment. */
export type SealingKeys = () => SealingKeySet;

/** Of an operator whose keys were rotated, those of its file; else the one that follows from the operator's key. */
export function sealingKeysOf({ key, sealingKeys }: KeyHolder): SealingKeys {
  const derived = derivedSealingKey({ key });
  const only: SealingKeySet = { sealsWith: derived, keys: [derived] };
  return () => sealingKeys?.() ?? only;
}

export type KeyHolder = Pick<Operator, "key"> & Partial<Pick<Operator, "sealingKeys">>;

export function derivedSealingKey({ key }: Pick<Operator, "key">): SealingKey {
  const name = derivedSecret(key.getSeed(), "remotegpu registry passwords: name of the key");
  return {
    name: name.subarray(0, NAME_BYTES).toString("hex"),
    secret: createSecretKey(derivedSecret(key.getSeed(), "remotegpu registry passwords")),
  };
}

export function freshSealingKey(): SealingKey {
  return { name: randomBytes(NAME_BYTES).toString("hex"), secret: createSecretKey(randomBytes(KEY_BYTES)) };
}

/** Nonce, tag and cipher text. What is bound stands nowhere in it: it must be said again to open it. */
export function sealText(text: string, { secret }: SealingKey, bound: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(bound);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** Null where another key sealed it, or anything of it or of what is bound is not what it was. */
export function openText(sealed: Uint8Array, { secret }: SealingKey, bound: Uint8Array): string | null {
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  if (tag.length < TAG_BYTES) return null;
  const decipher = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bound).setAuthTag(tag);
  const text = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    // All that it says is that the tag does not fit.
    return null;
  }
}
