/**
 * State that changes in place, kept as JSON beside its own hash: SQLite does not notice a flipped bit, and a wrong
 * number in an order or an interval is worse than none. What does not match its hash counts as absent.
 */
import { canonicalJson, sha256 } from "@remotegpu/shared/journal-row";
import type { z } from "zod";

/** The two columns of every table of this kind. */
export interface Sealed {
  entry: string;
  entry_hash: string;
}

export function seal(value: object): Sealed {
  const entry = canonicalJson(value);
  return { entry, entry_hash: sha256(entry) };
}

/** As read back: damage can change even what kind of value a column holds. */
export type StoredSeal = Record<keyof Sealed, unknown>;

/** Null for bytes that changed by themselves, or that an agent wrote whose shapes this one does not know. */
export function unseal<T>({ entry, entry_hash: hash }: StoredSeal, schema: z.ZodType<T>): T | null {
  if (typeof entry !== "string" || sha256(entry) !== hash) return null;
  const parsed = schema.safeParse(JSON.parse(entry));
  return parsed.success ? parsed.data : null;
}
