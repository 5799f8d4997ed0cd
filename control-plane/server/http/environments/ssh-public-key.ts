/** Reads one line of an authorized_keys file: no options, a key type that is still safe, and a body that matches it. */
import { createHash } from "node:crypto";
import { MAX_KEY_LINE, SSH_KEY_TYPES } from "@remotegpu/shared/instance/ssh-access";
import { keyLine } from "../../core/environments/entrants.ts";
import type { GivenReason } from "../../core/reasons/plain-reason.ts";

const MIN_RSA_BITS = 2048;
/** OpenSSH takes no longer one. */
const MAX_RSA_BITS = 16_384;

export type SshPublicKey =
  | { valid: true; line: string; comment: string; fingerprint: string }
  | { valid: false; why: GivenReason };

export function readSshPublicKey(given: string): SshPublicKey {
  if (given.includes("PRIVATE KEY")) return { valid: false, why: "ssh-key-private" };
  const line = given.trim();
  if (/[\r\n]/.test(line)) return { valid: false, why: "ssh-key-of-lines" };
  const [type = "", body = "", ...comment] = line.split(/[ \t]+/);
  if (!SSH_KEY_TYPES.has(type)) return { valid: false, why: "ssh-key-of-unknown-type" };
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(body)) return { valid: false, why: "ssh-key-without-body" };

  const bytes = Buffer.from(body, "base64");
  const fields = fieldsOf(bytes);
  if (fields === null || fields[0]?.toString("latin1") !== type || fields.length < 2)
    return { valid: false, why: "ssh-key-damaged" };
  if (type === "ssh-rsa" && bitsOf(fields[2]) < MIN_RSA_BITS)
    return { valid: false, why: { code: "ssh-key-too-short", params: { min_bits: MIN_RSA_BITS } } };
  if (type === "ssh-rsa" && bitsOf(fields[2]) > MAX_RSA_BITS)
    return { valid: false, why: { code: "ssh-key-too-long", params: { max_bits: MAX_RSA_BITS } } };
  if (keyLine(line) === null)
    return { valid: false, why: { code: "ssh-key-line-too-long", params: { max_characters: MAX_KEY_LINE } } };

  const digest = createHash("sha256").update(bytes).digest("base64").replace(/=+$/, "");
  return {
    valid: true,
    line: [type, body, ...comment].join(" "),
    comment: comment.join(" "),
    fingerprint: `SHA256:${digest}`,
  };
}

/** The length-prefixed parts of a key's body; null when they do not fill it exactly. */
function fieldsOf(bytes: Buffer): Buffer[] | null {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return null;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return null;
    fields.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/** Bits of a number as SSH writes it, with a zero byte in front where the first bit is set. */
function bitsOf(number: Buffer | undefined): number {
  if (number === undefined) return 0;
  const first = number.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (number.length - first) * 8 - (Math.clz32(number[first] ?? 0) - 24);
}
