/** The images that waiting orders need, as pulled with the desired set. Unlike instances, absence ends them. */
import { DesiredFetch, type FetchId } from "@remotegpu/shared/instance/image-fetch";
import type { Statements } from "../database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "../database/sealed.ts";

type StoredFetch = StoredSeal & { fetch_id: FetchId };

export class DesiredFetches {
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(bySchema(DesiredFetch));

  constructor(database: Statements) {
    this.#database = database;
  }

  all(): DesiredFetch[] {
    return this.#unsealed.all(this.#stored(), (row) => row.fetch_id).filter((fetch) => fetch !== null);
  }

  /** Call it inside the transaction that takes the whole set. */
  replace(fetches: readonly DesiredFetch[]): void {
    this.#database.prepare("DELETE FROM desired_fetches").run();
    const put = this.#database.prepare(
      `INSERT INTO desired_fetches (fetch_id, entry, entry_hash) VALUES (:fetchId, :entry, :entry_hash)
       ON CONFLICT (fetch_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    for (const fetch of fetches) put.run({ fetchId: fetch.fetchId, ...seal(fetch) });
  }

  /** Orders whose stored bytes changed by themselves. */
  damaged(): FetchId[] {
    return this.#stored()
      .filter((row) => unseal(row, DesiredFetch) === null)
      .map((row) => row.fetch_id);
  }

  /** Call it inside a transaction. */
  drop(fetchIds: readonly FetchId[]): void {
    const drop = this.#database.prepare("DELETE FROM desired_fetches WHERE fetch_id = ?");
    for (const fetchId of fetchIds) drop.run(fetchId);
  }

  #stored(): StoredFetch[] {
    return this.#database
      .prepare<[], StoredFetch>("SELECT fetch_id, entry, entry_hash FROM desired_fetches ORDER BY fetch_id")
      .all();
  }
}
