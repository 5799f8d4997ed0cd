/** Whose keys open instances by SSH, as pulled with the desired set. Absence ends them, as with images. */
import { KeySet } from "@remotegpu/shared/instance/ssh-access";
import type { Statements } from "../database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "../database/sealed.ts";

type StoredKeySet = StoredSeal & { key_set_id: string };

export class DesiredKeySets {
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(bySchema(KeySet));

  constructor(database: Statements) {
    this.#database = database;
  }

  all(): KeySet[] {
    return this.#unsealed.all(this.#stored(), (row) => row.key_set_id).filter((keySet) => keySet !== null);
  }

  /** Call it inside the transaction that takes the whole set. */
  replace(keySets: readonly KeySet[]): void {
    this.#database.prepare("DELETE FROM desired_key_sets").run();
    const put = this.#database.prepare(
      `INSERT INTO desired_key_sets (key_set_id, entry, entry_hash) VALUES (:id, :entry, :entry_hash)
       ON CONFLICT (key_set_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    for (const keySet of keySets) put.run({ id: keySet.id, ...seal(keySet) });
  }

  /** Sets whose stored bytes changed by themselves. */
  damaged(): string[] {
    return this.#stored()
      .filter((row) => unseal(row, KeySet) === null)
      .map((row) => row.key_set_id);
  }

  /** Call it inside a transaction. */
  drop(ids: readonly string[]): void {
    const drop = this.#database.prepare("DELETE FROM desired_key_sets WHERE key_set_id = ?");
    for (const id of ids) drop.run(id);
  }

  #stored(): StoredKeySet[] {
    return this.#database
      .prepare<[], StoredKeySet>(
        "SELECT key_set_id, entry, entry_hash FROM desired_key_sets ORDER BY key_set_id",
      )
      .all();
  }
}
