/**
 * That this gateway runs, in a row of its own which is kept fresh: hosts learn from it where to dial in, and the API where
 * origins lie; services that have no address yet get theirs with it.
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Log } from "@remotegpu/shared/log";
import type { Database } from "../server/store/database/database.ts";
import {
  forgetGateways,
  keepGateway,
  type NewGateway,
  removeGateway,
} from "../server/store/gateway/gateways.ts";
import { giveEndpoints } from "../server/store/inference/endpoints.ts";

const FRESH_EVERY_MS = 10_000;
const NAME_LENGTH = 64;

/** The id of this incarnation of the process. */
export const newGatewayId = () => `gw-${randomBytes(10).toString("hex")}`;

export interface RegistrationDeps {
  id: string;
  db: Database;
  now: () => Date;
  log: Log;
  /** Where hosts that are not reached dial in; null: nowhere. */
  tunnel: NewGateway["tunnel"];
  webBase: string | null;
  /** The origin below whose paths services lie. */
  serviceBase: string | null;
  /** Where each service has a name of its own; null: nowhere. */
  serviceDomain: string | null;
}

export class Registration {
  readonly #deps: RegistrationDeps;
  #timer: NodeJS.Timeout | null = null;
  #keeping: Promise<void> = Promise.resolve();

  constructor(deps: RegistrationDeps) {
    this.#deps = deps;
  }

  /** Resolves once the row is there, or could not be written; then it is tried again. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => {
      this.#keeping = this.#keeping.then(() => this.#keep());
    }, FRESH_EVERY_MS);
    await this.#keep();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#keeping;
    await removeGateway(this.#deps.db, this.#deps.id).catch((error: unknown) =>
      this.#deps.log.warn({ error }, "this gateway is over, and its row is left to others"),
    );
  }

  async #keep(): Promise<void> {
    const { db, id, now, log, tunnel, webBase, serviceBase, serviceDomain } = this.#deps;
    try {
      const name = hostname().slice(0, NAME_LENGTH) || "gateway";
      await keepGateway(db, { id, name, tunnel, webBase, serviceBase, serviceDomain, now: now() });
      if (serviceBase !== null) await giveEndpoints(db, serviceBase);
      await forgetGateways(db, now());
    } catch (error) {
      log.warn({ error }, "this gateway could not register; retrying");
    }
  }
}
