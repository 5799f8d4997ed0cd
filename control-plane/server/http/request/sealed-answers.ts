/**
 * Answers can hold secrets that are shown once (keys, tokens), so what is kept of them under an Idempotency-Key is
 * sealed with a key that is derived from what the caller showed, a key or a session, which the server does not keep.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import type { ApiContext } from "../deps.ts";

const SEAL = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

export function sealAnswer(c: ApiContext, text: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(SEAL, sealingKey(c), iv);
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString("base64");
}

export function openAnswer(c: ApiContext, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv(SEAL, sealingKey(c), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  const body = bytes.subarray(IV_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
}

/** Under the caller's own key: a body may hold a password, which a plain hash would let others guess at. */
export async function bodyHashOf(c: ApiContext): Promise<string> {
  return createHmac("sha256", sealingKey(c))
    .update(await c.req.text())
    .digest("hex");
}

function sealingKey(c: ApiContext): Buffer {
  const { secret } = c.var;
  assert(secret !== undefined, "whoever asks is known before anything is kept for them");
  return Buffer.from(hkdfSync("sha256", secret, "", "idempotency", 32));
}
