/** Sessions that are to be cut off, as pulled with the desired set. Absence ends them: they are over, or may stay. */
import { Cut } from "@remotegpu/shared/instance/ssh-access";
import type { Statements } from "../database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "../database/sealed.ts";

type StoredCut = StoredSeal & { session_id: string };

export class DesiredCuts {
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(bySchema(Cut));

  constructor(database: Statements) {
    this.#database = database;
  }

  all(): Cut[] {
    return this.#unsealed.all(this.#stored(), (row) => row.session_id).filter((cut) => cut !== null);
  }

  /** Call it inside the transaction that takes the whole set. */
  replace(cuts: readonly Cut[]): void {
    this.#database.prepare("DELETE FROM desired_cuts").run();
    const put = this.#database.prepare(
      `INSERT INTO desired_cuts (session_id, entry, entry_hash) VALUES (:id, :entry, :entry_hash)
       ON CONFLICT (session_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    for (const cut of cuts) put.run({ id: cut.sessionId, ...seal(cut) });
  }

  /** Those whose stored bytes changed by themselves. */
  damaged(): string[] {
    return this.#stored()
      .filter((row) => unseal(row, Cut) === null)
      .map((row) => row.session_id);
  }

  /** Call it inside a transaction. */
  drop(ids: readonly string[]): void {
    const drop = this.#database.prepare("DELETE FROM desired_cuts WHERE session_id = ?");
    for (const id of ids) drop.run(id);
  }

  #stored(): StoredCut[] {
    return this.#database
      .prepare<[], StoredCut>("SELECT session_id, entry, entry_hash FROM desired_cuts ORDER BY session_id")
      .all();
  }
}
