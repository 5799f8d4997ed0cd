/**
 * State that changes in place, kept as JSON beside its own hash: SQLite does not notice a flipped bit, and a wrong
 * number in an order or an interval is worse than none. What does not match its hash counts as absent.
 */
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { z } from "zod";

/** The two columns of every table of this kind. */
export interface Sealed {
  entry: string;
  entry_hash: string;
}

export function seal(value: unknown): Sealed {
  const entry = canonicalJson(value);
  return { entry, entry_hash: sha256(entry) };
}

/** As read back: damage can change even what kind of value a column holds. */
export type StoredSeal = Record<keyof Sealed, unknown>;

/** How what was sealed is read; null for a shape that this agent does not know. */
export type Reader<T> = (value: unknown) => T | null;

export function bySchema<T>(schema: z.ZodType<T>): Reader<T> {
  return (value) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed.data : null;
  };
}

/** Null for bytes that changed by themselves, or that an agent wrote whose shapes this one does not know. */
export function unseal<T>(sealed: StoredSeal, schema: z.ZodType<T>): T | null {
  return unsealBy(sealed, bySchema(schema));
}

export function unsealBy<T>({ entry, entry_hash: hash }: StoredSeal, read: Reader<T>): T | null {
  if (typeof entry !== "string" || sha256(entry) !== hash) return null;
  return read(JSON.parse(entry));
}

/**
 * Values that were unsealed before, by the key of their row: the loop reads the same few dozen in every round, and
 * bytes that are still the same need no second proof. What is not asked for any more is forgotten.
 */
export class Unsealed<T> {
  readonly #read: Reader<T>;
  #known = new Map<string, StoredSeal & { value: T | null }>();

  constructor(read: Reader<T>) {
    this.#read = read;
  }

  /** The value of each row, null for a damaged one. */
  all<Row extends StoredSeal>(rows: readonly Row[], keyOf: (row: Row) => string): (T | null)[] {
    const before = this.#known;
    this.#known = new Map();
    return rows.map((row) => {
      const key = keyOf(row);
      const earlier = before.get(key);
      const value =
        earlier !== undefined && earlier.entry === row.entry && earlier.entry_hash === row.entry_hash
          ? earlier.value
          : unsealBy(row, this.#read);
      this.#known.set(key, { entry: row.entry, entry_hash: row.entry_hash, value });
      return value;
    });
  }
}
