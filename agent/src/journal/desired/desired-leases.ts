/**
 * The ports that were ordered, as pulled with the desired set and replaced with it. As with instances, absence takes
 * nothing away: an order stays until the lease is known to be over and the set lacks it, too.
 */
import { DesiredLease } from "@remotegpu/shared/instance/lease";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { Statements } from "../database/journal-database.ts";
import { seal, unseal, type StoredSeal } from "../database/sealed.ts";

type StoredLease = StoredSeal & { lease_id: LeaseId };

export class DesiredLeases {
  readonly #database: Statements;

  constructor(database: Statements) {
    this.#database = database;
  }

  /** Those of the last set first. */
  all(): DesiredLease[] {
    return this.#stored().flatMap((row) => unseal(row, DesiredLease) ?? []);
  }

  /** Call it inside the transaction that takes the whole set. */
  replace(leases: readonly DesiredLease[]): void {
    this.#database.prepare("UPDATE desired_leases SET absent = 1").run();
    const put = this.#database.prepare(
      `INSERT INTO desired_leases (lease_id, entry, entry_hash) VALUES (:leaseId, :entry, :entry_hash)
       ON CONFLICT (lease_id) DO UPDATE SET entry = :entry, entry_hash = :entry_hash, absent = 0`,
    );
    for (const lease of leases) put.run({ leaseId: lease.leaseId, ...seal(lease) });
  }

  /** These are over, for good: what of them the last set lacked is dropped. */
  confirmReleased(leaseIds: readonly LeaseId[]): void {
    const absent = this.#database
      .prepare<[], { lease_id: LeaseId }>("SELECT lease_id FROM desired_leases WHERE absent = 1")
      .all()
      .map((row) => row.lease_id);
    const over = new Set(leaseIds);
    const done = absent.filter((leaseId) => over.has(leaseId));
    if (done.length > 0) this.#database.write(() => this.drop(done));
  }

  /** Orders whose stored bytes changed by themselves. */
  damaged(): LeaseId[] {
    return this.#stored()
      .filter((row) => unseal(row, DesiredLease) === null)
      .map((row) => row.lease_id);
  }

  /** Call it inside a transaction. */
  drop(leaseIds: readonly LeaseId[]): void {
    const drop = this.#database.prepare("DELETE FROM desired_leases WHERE lease_id = ?");
    for (const leaseId of leaseIds) drop.run(leaseId);
  }

  #stored(): StoredLease[] {
    return this.#database
      .prepare<[], StoredLease>(
        "SELECT lease_id, entry, entry_hash FROM desired_leases ORDER BY absent, lease_id",
      )
      .all();
  }
}
