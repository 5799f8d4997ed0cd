/**
 * Keeps NATS in agreement with the revoked keys: pushes at start, after each change, whenever NATS came back (it may
 * have been wiped), and by a slow poll that also mends what another replica pushed from an older list.
 */
import { Events, type NatsConnection } from "nats";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Revocation } from "../servers/account-claims.ts";
import type { NatsAddress } from "../servers/connection.ts";
import type { Operator } from "../servers/operator.ts";
import { pushAccounts } from "./revocation.ts";

const PUSH_EVERY_MS = 5 * MS_PER_MINUTE;
const RETRY_AFTER_MS = 2_000;

export interface AccountKeeperParts {
  operator: Operator;
  address: NatsAddress;
  /** The control plane's own; its reconnects say that NATS came back. */
  connection: NatsConnection;
  /** All revoked keys, as the database has them now. */
  readRevoked: () => Promise<Revocation[]>;
  log: Log;
}

export class AccountKeeper {
  readonly #parts: AccountKeeperParts;
  #last: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** An outage is told of once, however often it is tried meanwhile. */
  #isBehind = false;

  constructor(parts: AccountKeeperParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#followReconnects();
    void this.#pushAndSleep();
  }

  /** Resolves once NATS has the list as it is now. @throws what reading or pushing throws; it is tried again anyway */
  push(): Promise<void> {
    // One after the other, each with a list read by itself: an older list never overtakes a newer one.
    const mine = this.#last.then(() => this.#push());
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#last;
  }

  async #push(): Promise<void> {
    const { operator, address, readRevoked } = this.#parts;
    try {
      await pushAccounts(operator, address, { revoked: await readRevoked(), now: new Date() });
      this.#isBehind = false;
      this.#sleep(PUSH_EVERY_MS);
    } catch (error) {
      this.#sleep(RETRY_AFTER_MS);
      throw error;
    }
  }

  async #pushAndSleep(): Promise<void> {
    try {
      await this.push();
    } catch (error) {
      if (!this.#isBehind)
        this.#parts.log.warn({ error }, "the revoked keys could not be pushed to NATS yet");
      this.#isBehind = true;
    }
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#pushAndSleep(), ms);
  }

  async #followReconnects(): Promise<void> {
    for await (const { type } of this.#parts.connection.status()) {
      if (type === Events.Reconnect && !this.#isStopped) void this.#pushAndSleep();
    }
  }
}
