/**
 * Lets requests pass by the limits of their keys, counting those that did. What all gateways gave of a day's tokens is read
 * of Postgres again and again; what this one gave since counts once for each gateway, as the others may have given as much.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type KeyLimits, type Passage, passage } from "../../server/core/gateway/services/key-limits.ts";
import type { CountedAnswer } from "../../server/core/inference/traffic/traffic-counts.ts";
import type { Database } from "../../server/store/database/database.ts";
import { liveGatewayCount } from "../../server/store/gateway/gateways.ts";
import { type NamedKey, tokensToday } from "../../server/store/inference/gateway/key-use.ts";

const READ_EVERY_MS = 5 * MS_PER_SECOND;
/** Asked by nobody for so long, it is read anew with its next request. */
const FORGOTTEN_AFTER_MS = 2 * MS_PER_MINUTE;

/** A person and a key of the service may have the same name, and use up nothing of each other's. */
type GatedKey = NamedKey & { of: "service" | "person" };

interface CachedEntry {
  key: NamedKey;
  usedAtMs: number;
  minute: number;
  inMinute: number;
  open: number;
  day: number;
  /** The tokens of the day, at all gateways, as they were read last. */
  read: number;
  /** The tokens of the day, here; and how many of them are part of what was read. */
  own: number;
  ownRead: number;
}

export class KeyGate {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #flush: () => Promise<void>;
  readonly #cached = new Map<string, CachedEntry>();
  #gateways = 1;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();
  #isAway = false;

  /** @param flush writes down what this gateway counted */
  constructor(parts: { db: Database; now: () => Date; log: Log; flush: () => Promise<void> }) {
    this.#db = parts.db;
    this.#now = parts.now;
    this.#log = parts.log;
    this.#flush = parts.flush;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#read(), READ_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#reading;
  }

  /** Whoever passes says with `over` that it is over, once. */
  async pass(
    key: GatedKey,
    limits: KeyLimits,
  ): Promise<
    Exclude<Passage, { passes: true }> | { passes: true; over: (tokens: CountedAnswer["tokens"]) => void }
  > {
    const cached = await this.#of(key);
    const nowMs = this.#now().getTime();
    turnOver(cached, nowMs);
    const use = {
      inMinute: cached.inMinute,
      open: cached.open,
      tokensToday: cached.read + (cached.own - cached.ownRead) * this.#gateways,
    };
    const found = passage(limits, use, { gateways: this.#gateways, nowMs });
    if (!found.passes) return found;
    cached.inMinute += 1;
    cached.open += 1;
    return {
      passes: true,
      over: (tokens) => {
        cached.open -= 1;
        turnOver(cached, this.#now().getTime());
        if (tokens !== null && tokens !== "silent") cached.own += tokens.prompt + tokens.completion;
      },
    };
  }

  async #of(key: GatedKey): Promise<CachedEntry> {
    const name = `${key.of} ${key.serviceId} ${key.keyName}`;
    const known = this.#cached.get(name);
    if (known !== undefined) return known;
    const made = { key, usedAtMs: 0, minute: 0, inMinute: 0, open: 0, day: 0, read: 0, own: 0, ownRead: 0 };
    turnOver(made, this.#now().getTime());
    this.#cached.set(name, made);
    // Else whoever asks first after a gateway's start would have a day's tokens once more.
    await this.#read();
    return made;
  }

  /** The tokens of all keys that were used lately are read, one read after the other. */
  async #read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readAll());
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    const now = this.#now();
    for (const [name, { usedAtMs, open }] of this.#cached)
      if (open === 0 && now.getTime() - usedAtMs > FORGOTTEN_AFTER_MS) this.#cached.delete(name);
    const keys = [...this.#cached.values()];
    if (keys.length === 0) return;
    for (const one of keys) turnOver(one, now.getTime(), { isUsed: false });
    const own = keys.map((one) => one.own);
    try {
      await this.#flush();
      this.#gateways = Math.max(1, await liveGatewayCount(this.#db, now));
      const tokens = await tokensToday(
        this.#db,
        keys.map(({ key }) => key),
        now,
      );
      keys.forEach((one, nth) => {
        if (one.day !== Math.floor(now.getTime() / MS_PER_DAY)) return;
        one.read = tokens[nth] ?? 0;
        one.ownRead = own[nth] ?? 0;
      });
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway)
        this.#log.warn({ error }, "what keys have used cannot be read; what is counted here holds");
      this.#isAway = true;
    }
  }
}

/** A new minute, or day, begins with nothing used. */
function turnOver(cached: CachedEntry, nowMs: number, { isUsed } = { isUsed: true }): void {
  if (isUsed) cached.usedAtMs = nowMs;
  const minute = Math.floor(nowMs / MS_PER_MINUTE);
  if (minute !== cached.minute) {
    cached.minute = minute;
    cached.inMinute = 0;
  }
  const day = Math.floor(nowMs / MS_PER_DAY);
  if (day === cached.day) return;
  cached.day = day;
  cached.read = 0;
  cached.own = 0;
  cached.ownRead = 0;
}
