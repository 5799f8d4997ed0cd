/** What somebody typed or pasted at the way in, taken as what it holds: blanks, quotes and names around a key are no part of it. */
import type { LoginProof } from "./session.tsx";

const KEY = /(?<![\w-])rgk_[\w-]{43}(?![\w-])/;
const TICKET = /rgt_[\w-]{43}/;
/** Also those that no eye sees. */
const BLANKS = /[\s\u200B-\u200D\u2060\uFEFF"'`]+/g;

export type NoProof = "empty" | "notWhole" | "ofService" | "ofHost" | "ssh" | "other";

export function proofOf(text: string): LoginProof | NoProof {
  const joined = text.replaceAll(BLANKS, "");
  // A key that was broken over lines is whole once they are joined.
  const [key] = KEY.exec(text) ?? KEY.exec(joined) ?? [];
  if (key !== undefined) return { key };
  const [ticket] = TICKET.exec(joined) ?? [];
  if (ticket !== undefined) return { ticket };
  if (joined === "") return "empty";
  if (joined.includes("rgk_")) return "notWhole";
  if (joined.includes("rgs_")) return "ofService";
  if (joined.includes("rgj_")) return "ofHost";
  return /^(ssh-|ecdsa-|-----BEGIN)/.test(joined) ? "ssh" : "other";
}
