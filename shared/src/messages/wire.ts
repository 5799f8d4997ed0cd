/**
 * How a message becomes bytes and back. What arrives is parsed here once, with the message's own schema; bytes
 * that are not such a message are an expected outcome, never an exception.
 */
import type { z } from "zod";

export type Decoded<T> = { ok: true; message: T } | { ok: false; reason: string };

const MAX_REASON_LENGTH = 300;
const utf8 = new TextDecoder("utf-8", { fatal: true });

export function encode(message: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

/** Reads one message; `reason` names the first member that is wrong. */
export function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array): Decoded<T> {
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    return { ok: false, reason: `not JSON: ${error instanceof Error ? error.message : "unreadable"}` };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, message: parsed.data };
  const issue = parsed.error.issues[0];
  const where = issue?.path.length ? `${issue.path.map(String).join(".")}: ` : "";
  return { ok: false, reason: `${where}${issue?.message ?? "invalid"}`.slice(0, MAX_REASON_LENGTH) };
}
