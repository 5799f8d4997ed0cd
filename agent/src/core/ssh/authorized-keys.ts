/**
 * The file that tells sshd which keys open a container, and whose each of them is. Of what a customer once wrote only
 * the key's type and body are copied, after a look at both: no comment, no option, no line of theirs.
 */
import { SSH_KEY_TYPES } from "@remotegpu/shared/instance/ssh-access";

/** RSA of 16,384 bits, the most that sshd takes, has 2,800 characters. */
const MAX_BODY = 4_096;
const BODY = /^[A-Za-z0-9+/]+={0,2}$/;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const LENGTH_BYTES = 4;
/** YYYYMMDDHHMMSS. */
const TIME_DIGITS = 14;

/**
 * A key by the name that the control plane gave it, its line of an authorized_keys file, and until when it opens, in RFC
 * 3339; null or absent: for good.
 */
export type NamedKey = { id: string; line: string; expiresAt?: string | null };
export type RefusedKey = { id: string; because: string };

/** Every key that can be a line, and why others cannot. */
export function authorizedKeys(keys: readonly NamedKey[]): { text: string; refused: RefusedKey[] } {
  const lines: string[] = [];
  const refused: RefusedKey[] = [];
  for (const { id, line, expiresAt = null } of keys) {
    const [type = "", body = ""] = line.trim().split(/[ \t]+/);
    const expiry = expiresAt === null ? "" : expiryOf(expiresAt);
    const because = expiry === null ? "its time is none" : faultOf(id, type, body);
    if (because === null) lines.push(`environment="REMOTEGPU_KEY=${id}"${expiry} ${type} ${body}\n`);
    else refused.push({ id, because });
  }
  return { text: lines.join(""), refused };
}

function faultOf(id: string, type: string, body: string): string | null {
  if (!KEY_ID.test(id)) return "its name is not one that the control plane gives";
  if (!SSH_KEY_TYPES.has(type)) return "it does not begin with a type of key that is taken";
  if (body.length > MAX_BODY) return `its body has ${body.length} characters, more than ${MAX_BODY}`;
  if (!BODY.test(body) || body.length % 4 !== 0) return "its body is not base64";
  if (typeWithin(body) !== type) return "its body is of another type than it says";
  return null;
}

/** In whole seconds of UTC, never later than it is meant. Null for what is no time. */
function expiryOf(expiresAt: string): string | null {
  const ms = Date.parse(expiresAt);
  if (Number.isNaN(ms)) return null;
  const digits = new Date(ms)
    .toISOString()
    .replaceAll(/[^0-9]/g, "")
    .slice(0, TIME_DIGITS);
  return `,expiry-time="${digits}Z"`;
}

/** The body begins with its own type, after the length of it. */
function typeWithin(body: string): string {
  const bytes = atob(body);
  let length = 0;
  for (let at = 0; at < LENGTH_BYTES; at += 1) length = length * 256 + bytes.charCodeAt(at);
  return bytes.slice(LENGTH_BYTES, LENGTH_BYTES + length);
}
