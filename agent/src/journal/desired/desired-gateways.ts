/** Gateways that this host is to dial, as pulled with the desired set. Absence ends it: they reach it, or are gone. */
import { GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import type { Statements } from "../database/journal-database.ts";
import { bySchema, seal, unseal, Unsealed, type StoredSeal } from "../database/sealed.ts";

type StoredGateway = StoredSeal & { address: string };

export class DesiredGateways {
  readonly #database: Statements;
  readonly #unsealed = new Unsealed(bySchema(GatewayAddress));

  constructor(database: Statements) {
    this.#database = database;
  }

  all(): GatewayAddress[] {
    return this.#unsealed.all(this.#stored(), (row) => row.address).filter((gateway) => gateway !== null);
  }

  /** Call it inside the transaction that takes the whole set. */
  replace(gateways: readonly GatewayAddress[]): void {
    this.#database.prepare("DELETE FROM desired_gateways").run();
    const put = this.#database.prepare(
      `INSERT INTO desired_gateways (address, entry, entry_hash) VALUES (:id, :entry, :entry_hash)
       ON CONFLICT (address) DO UPDATE SET entry = :entry, entry_hash = :entry_hash`,
    );
    for (const gateway of gateways) put.run({ id: keyOf(gateway), ...seal(gateway) });
  }

  /** Those whose stored bytes changed by themselves. */
  damaged(): string[] {
    return this.#stored()
      .filter((row) => unseal(row, GatewayAddress) === null)
      .map((row) => row.address);
  }

  /** Call it inside a transaction. */
  drop(ids: readonly string[]): void {
    const drop = this.#database.prepare("DELETE FROM desired_gateways WHERE address = ?");
    for (const id of ids) drop.run(id);
  }

  #stored(): StoredGateway[] {
    return this.#database
      .prepare<[], StoredGateway>("SELECT address, entry, entry_hash FROM desired_gateways ORDER BY address")
      .all();
  }
}

function keyOf({ host, port }: GatewayAddress): string {
  return `${host} ${port}`;
}
