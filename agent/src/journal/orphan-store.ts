/**
 * For how long containers have been asked for by nobody (core/runs/orphans.ts), one record with all of them. A damaged
 * one counts as none: the grace of each begins anew, which removes nothing too early.
 */
import { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import { z } from "zod";
import type { Orphan } from "../core/runs/orphans.ts";
import type { Statements } from "./database/journal-database.ts";
import { seal, unseal, type StoredSeal } from "./database/sealed.ts";

export const StoredOrphans: z.ZodType<Orphan[]> = z.array(
  z.object({
    containerId: z.string(),
    instanceId: InstanceId,
    placementEpoch: z.int().positive(),
    runId: RunId,
    countedMs: z.int().nonnegative(),
  }),
);

export class OrphanStore {
  readonly #database: Statements;

  constructor(database: Statements) {
    this.#database = database;
  }

  read(): Orphan[] {
    const stored = this.#database
      .prepare<[], StoredSeal>("SELECT entry, entry_hash FROM orphans WHERE singleton = 1")
      .get();
    return (stored === undefined ? null : unseal(stored, StoredOrphans)) ?? [];
  }

  put(orphans: readonly Orphan[]): void {
    this.#database.write(() =>
      this.#database
        .prepare(
          `INSERT INTO orphans (singleton, entry, entry_hash) VALUES (1, :entry, :entry_hash)
           ON CONFLICT (singleton) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
        )
        .run(seal(orphans)),
    );
  }
}
