/**
 * When the control plane was last heard: one record (core/reconcile/contact.ts). Damaged, it is none: the count of
 * the time cut off then begins anew, which stops nothing too early.
 */
import { BootId } from "@remotegpu/shared/values/ids";
import { z } from "zod";
import type { Contact } from "../core/reconcile/contact.ts";
import type { Statements } from "./database/journal-database.ts";
import { seal, unseal, type StoredSeal } from "./database/sealed.ts";

export const StoredContact: z.ZodType<Contact> = z.object({
  bootId: BootId,
  atMs: z.int().nonnegative(),
  cutOffMs: z.int().nonnegative(),
  wasHeardInBoot: z.boolean(),
});

export class ContactStore {
  readonly #database: Statements;

  constructor(database: Statements) {
    this.#database = database;
  }

  read(): Contact | null {
    const stored = this.#database
      .prepare<[], StoredSeal>("SELECT entry, entry_hash FROM contact WHERE singleton = 1")
      .get();
    return stored === undefined ? null : unseal(stored, StoredContact);
  }

  put(contact: Contact): void {
    this.#database.write(() =>
      this.#database
        .prepare(
          `INSERT INTO contact (singleton, entry, entry_hash) VALUES (1, :entry, :entry_hash)
           ON CONFLICT (singleton) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
        )
        .run(seal(contact)),
    );
  }
}
