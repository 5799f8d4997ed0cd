/**
 * Who asks a service: by the key that is shown, asked of Postgres unless the answer is two seconds young, and again and
 * again while something of that key is open. While Postgres is away, what was answered within the last minutes holds for
 * new requests, and what is open goes on.
 */
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { type CallRight, callRight, type KeyState } from "../../server/core/gateway/services/call-right.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { batchedRead } from "../../server/store/database/batched-read.ts";
import { keyStates, type PresentedServiceKey } from "../../server/store/inference/gateway/service-callers.ts";
import { type Open, OpenByRight } from "../entry/open-by-right.ts";
import { RightsUnknown } from "../entry/rights.ts";

const YOUNG_MS = 2_000;
const HOLDS_MS = 5 * MS_PER_MINUTE;
/** More than these and the ones longest unasked are asked anew. */
const MAX_CACHED = 20_000;

interface CachedEntry {
  state: KeyState;
  checkedAtMs: number;
}

export class Callers {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #cached = new Map<string, CachedEntry>();
  readonly #open = new OpenByRight<PresentedServiceKey>((open) => this.#checkAgain(open));
  readonly #readBatched: (sql: Database, presented: PresentedServiceKey) => Promise<KeyState | null>;

  constructor({ db, now, log }: { db: Database; now: () => Date; log: Log }) {
    this.#db = db;
    this.#now = now;
    this.#log = log;
    this.#readBatched = batchedRead(async (sql, requested: readonly PresentedServiceKey[]) => {
      const states = await keyStates(sql, requested, this.#now());
      return new Map(requested.map((presented, nth) => [presented, states[nth] as KeyState]));
    });
  }

  start(): void {
    this.#open.start();
  }

  async stop(): Promise<void> {
    await this.#open.stop();
  }

  /** @throws RightsUnknown */
  async right(serviceId: string, key: string): Promise<CallRight> {
    const presented = { serviceId, keyHash: sha256(key) };
    const name = nameOf(presented);
    const cached = this.#cached.get(name);
    const nowMs = this.#now().getTime();
    if (cached !== undefined && nowMs - cached.checkedAtMs < YOUNG_MS) return callRight(cached.state);
    try {
      return callRight(this.#keep(name, await this.#readBatched(this.#db, presented), nowMs));
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      if (cached !== undefined && nowMs - cached.checkedAtMs < HOLDS_MS) return callRight(cached.state);
      throw new RightsUnknown({ cause });
    }
  }

  /**
   * Aborted, with a Reason, once the key opens nothing there any more. Call `leave` once it is over.
   * @param ended called then as well
   */
  enter(serviceId: string, key: string, ended: () => void): { signal: AbortSignal; leave: () => void } {
    const presented = { serviceId, keyHash: sha256(key) };
    const { open, leave } = this.#open.enter(nameOf(presented), presented, ended);
    return { signal: open.signal, leave };
  }

  async #checkAgain(requested: readonly Open<PresentedServiceKey>[]): Promise<void> {
    const nowMs = this.#now().getTime();
    try {
      const states = await keyStates(
        this.#db,
        requested.map(({ what }) => what),
        this.#now(),
      );
      requested.forEach(({ what, end }, nth) => {
        const right = callRight(this.#keep(nameOf(what), states[nth] ?? null, nowMs));
        if (!right.allowed) end(right.reason);
      });
    } catch (error) {
      // What is open goes on, however long: it ends by a no of the database, and never for want of an answer.
      this.#log.warn({ error }, "keys of services cannot be checked again now");
    }
  }

  #keep(name: string, state: KeyState | null, checkedAtMs: number): KeyState | null {
    this.#cached.delete(name);
    if (state !== null) this.#cached.set(name, { state, checkedAtMs });
    const oldest = this.#cached.size > MAX_CACHED ? this.#cached.keys().next() : null;
    if (oldest?.done === false) this.#cached.delete(oldest.value);
    return state;
  }
}

const nameOf = ({ serviceId, keyHash }: PresentedServiceKey) => `${serviceId} ${keyHash}`;
