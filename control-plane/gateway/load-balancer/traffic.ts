/**
 * What this life of a gateway has counted of each service, minute by minute, and its way to Postgres: a row that changed is
 * written over with all that it counts, so that a word lost on the way, or said twice, changes nothing.
 */
import type { IncomingMessage } from "node:http";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import {
  type CountedAnswer,
  countAnswer,
  noCounts,
  type TrafficCounts,
} from "../../server/core/inference/traffic/traffic-counts.ts";
import type { Database } from "../../server/store/database/database.ts";
import { keepTraffic, SETTLED_DAYS } from "../../server/store/inference/gateway/traffic.ts";
import { type CountedAt, CountedRequest } from "./counted-request.ts";

const FLUSH_EVERY_MS = 5 * MS_PER_SECOND;
/** Rows that wait for Postgres; beyond that the oldest are given up. */
const MAX_UNSENT = 20_000;

interface Row {
  at: CountedAt;
  minute: Date;
  counts: TrafficCounts;
}

export class Traffic {
  readonly #gateway: string;
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  /** Those of the minute that is now. */
  readonly #rows = new Map<string, Row>();
  readonly #unsent = new Set<Row>();
  readonly #open = new Set<CountedRequest>();
  #minuteMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor({ gateway, db, now, log }: { gateway: string; db: Database; now: () => Date; log: Log }) {
    this.#gateway = gateway;
    this.#db = db;
    this.#now = now;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.flush(), FLUSH_EVERY_MS);
  }

  /** What is still open counts as it stands. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const request of this.#open) request.over(false);
    await this.flush();
  }

  /** Counted once it is said to be over. */
  begin(request: IncomingMessage, of: Omit<CountedAt, "revision"> & { beganMs: number }): CountedRequest {
    const counted = new CountedRequest(request, of, (at, answer) => {
      this.#open.delete(counted);
      this.#count(at, answer);
    });
    this.#open.add(counted);
    return counted;
  }

  /** Resolves once all that was counted so far is in Postgres, or could not be written. */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#send());
    await this.#flushing;
  }

  #count(at: CountedAt, answer: CountedAnswer): void {
    // A clock that is set back must not open a minute again whose row is forgotten here.
    const minuteMs = Math.max(
      this.#minuteMs,
      Math.floor(this.#now().getTime() / MS_PER_MINUTE) * MS_PER_MINUTE,
    );
    if (minuteMs > this.#minuteMs) this.#rows.clear();
    this.#minuteMs = minuteMs;
    const name = `${at.serviceId} ${at.revision} ${at.keyName ?? ""}`;
    const row = this.#rows.get(name) ?? { at, minute: new Date(minuteMs), counts: noCounts() };
    this.#rows.set(name, row);
    countAnswer(row.counts, answer);
    this.#unsent.add(row);
  }

  async #send(): Promise<void> {
    // What is older than that may have been put together with what others counted; beside it, it would count twice.
    const settledMs = this.#now().getTime() - SETTLED_DAYS * MS_PER_DAY;
    const rows = [...this.#unsent].filter(({ minute }) => minute.getTime() > settledMs);
    this.#unsent.clear();
    if (rows.length === 0) return;
    try {
      await keepTraffic(this.#db, this.#gateway, rows);
      this.#isAway = false;
    } catch (error) {
      // Before those that were counted meanwhile: the oldest go first where they become too many.
      const meanwhile = [...this.#unsent];
      this.#unsent.clear();
      const cached = [...new Set([...rows, ...meanwhile])].slice(-MAX_UNSENT);
      for (const row of cached) this.#unsent.add(row);
      if (!this.#isAway) this.#log.warn({ error }, "service traffic could not be written; it is buffered");
      this.#isAway = true;
    }
  }
}
