/**
 * The services that this gateway was asked for, as Postgres says where they stand: read when one is first asked for, then
 * again and again for all of them together, after which others are told how far this gateway follows and what it has open.
 * More often those of which somebody waits for the first replica, and all of them once there is news, as of a stop. What
 * was read last stays while Postgres is away.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { RoutesReport } from "../../server/core/gateway/services/gateway-report.ts";
import { whyClosed } from "../../server/core/gateway/services/service-route.ts";
import type { Database } from "../../server/store/database/database.ts";
import { StoreError } from "../../server/store/database/store-error.ts";
import { serviceRoutes } from "../../server/store/inference/gateway/service-routes.ts";
import { RightsUnknown } from "../entry/rights.ts";
import { LoadBalancerQueue } from "./load-balancer-queue.ts";

const READ_EVERY_MS = 1_000;
const READ_AWAITED_EVERY_MS = 100;
/** Whatever news there is: in a large fleet there is some all the time. */
const READ_BY_MESSAGE_EVERY_MS = 250;
const YOUNG_MS = 200;
/** Asked for by nobody for so long, it is read anew with its next request; while Postgres is away none is forgotten. */
const FORGOTTEN_AFTER_MS = 5 * MS_PER_MINUTE;

const NOTHING_SEEN = new Date(0);

interface CachedEntry {
  line: LoadBalancerQueue;
  checkedAtMs: number;
  readAtMs: number;
  /** What the read saw that it follows. */
  asOf: Date;
}

export class LoadBalancerQueues {
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #wake: (id: string) => void;
  readonly #sendReport: (report: RoutesReport) => Promise<void>;
  readonly #cached = new Map<string, CachedEntry>();
  readonly #requesting = new Map<string, Promise<LoadBalancerQueue | null>>();
  /** The state that the newest read before saw, for each read that still runs: it sees as much. */
  readonly #running = new Set<{ seenBefore: Date | null }>();
  #newest: Date | null = null;
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  #readAllAtMs = Number.NEGATIVE_INFINITY;
  #hasChange = false;
  #readByMessageAtMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #isEnding = false;

  constructor({
    db,
    now,
    log,
    nowMs = () => performance.now(),
    wake,
    report,
  }: {
    db: Database;
    now: () => Date;
    log: Log;
    nowMs?: () => number;
    /** Somebody waits for one that sleeps. */
    wake: (id: string) => void;
    /** After each read of all of them. */
    report: (report: RoutesReport) => Promise<void>;
  }) {
    this.#db = db;
    this.#now = now;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#wake = wake;
    this.#sendReport = report;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#readOnce(() => this.#readDue()), READ_AWAITED_EVERY_MS);
  }

  /** Something has changed somewhere: a service may be stopped, or serve whoever waits. */
  checkNow(): void {
    if (this.#isEnding || this.#timer === null) return;
    this.#hasChange = true;
    this.#readOnce(() => this.#readMessages());
  }

  /** Before the gateway ends: what is open goes on, and nobody waits. */
  turnAway(): void {
    this.#isEnding = true;
    for (const { line } of this.#cached.values()) line.turnAway();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#reading;
  }

  /** Null where there is no such service. @throws RightsUnknown while Postgres is away and it was never asked for */
  async of(id: string): Promise<LoadBalancerQueue | null> {
    const cached = this.#cached.get(id);
    if (cached !== undefined) {
      cached.checkedAtMs = this.#nowMs();
      // That nobody answers is not believed without asking: it may have been started just now.
      const isDoubtful = whyClosed(cached.line.route) !== null && this.#nowMs() - cached.readAtMs >= YOUNG_MS;
      if (!isDoubtful) return cached.line;
    }
    const read = this.#requesting.get(id) ?? this.#readNow(id).finally(() => this.#requesting.delete(id));
    this.#requesting.set(id, read);
    return await read;
  }

  async #readNow(id: string): Promise<LoadBalancerQueue | null> {
    const cached = this.#cached.get(id);
    const running = { seenBefore: this.#newest };
    this.#running.add(running);
    try {
      const { asOf, routes } = await serviceRoutes(this.#db, [id], this.#now());
      this.#noteSeen(asOf);
      const [route] = routes;
      if (cached !== undefined) this.#follow(id, route, asOf);
      if (route === undefined) return null;
      if (cached !== undefined) return cached.line;
      const line = new LoadBalancerQueue(route, { nowMs: this.#nowMs, wake: () => this.#wake(id) });
      if (this.#isEnding) line.turnAway();
      const nowMs = this.#nowMs();
      this.#cached.set(id, { line, checkedAtMs: nowMs, readAtMs: nowMs, asOf });
      return line;
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      if (cached !== undefined) return cached.line;
      throw new RightsUnknown({ cause });
    } finally {
      this.#running.delete(running);
    }
  }

  /** One after the other: whoever comes while one is under way is served by the next that is due. */
  #readOnce(read: () => Promise<void>): void {
    this.#reading ??= read().finally(() => (this.#reading = null));
  }

  async #readDue(): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#readAllAtMs >= READ_EVERY_MS - READ_AWAITED_EVERY_MS / 2) {
      this.#readAllAtMs = nowMs;
      this.#hasChange = false;
      return await this.#readAll();
    }
    await this.#readMessages();
  }

  /** All of them where there is news, unless that was just now; then the next look does it. */
  async #readMessages(): Promise<void> {
    const nowMs = this.#nowMs();
    if (!this.#hasChange || nowMs - this.#readByMessageAtMs < READ_BY_MESSAGE_EVERY_MS)
      return await this.#readAwaited();
    this.#readByMessageAtMs = nowMs;
    this.#hasChange = false;
    if (this.#cached.size > 0) await this.#read([...this.#cached.keys()]);
  }

  async #readAwaited(): Promise<void> {
    const awaited = [...this.#cached].flatMap(([id, { line }]) => (line.awaitsFirst ? [id] : []));
    if (awaited.length > 0) await this.#read(awaited);
  }

  async #readAll(): Promise<void> {
    const asOf = await this.#read([...this.#cached.keys()]);
    if (asOf === null) return;
    this.#forget();
    await this.#sendReport(this.#report(asOf));
  }

  /** Only while it could be read anew. */
  #forget(): void {
    const oldestMs = this.#nowMs() - FORGOTTEN_AFTER_MS;
    for (const [id, { line, checkedAtMs }] of this.#cached)
      if (checkedAtMs < oldestMs && line.isIdle) this.#cached.delete(id);
  }

  /** What they follow now; null while Postgres is away. */
  async #read(requested: readonly string[]): Promise<Date | null> {
    try {
      const { asOf, routes } = await serviceRoutes(this.#db, requested, this.#now());
      this.#noteSeen(asOf);
      const byId = new Map(routes.map((route) => [route.id, route]));
      for (const id of requested) this.#follow(id, byId.get(id), asOf);
      this.#isAway = false;
      return asOf;
    } catch (error) {
      if (!this.#isAway)
        this.#log.warn({ error }, "where services stand cannot be read; what was read last holds");
      this.#isAway = true;
      return null;
    }
  }

  /** Each service that is kept, or will be by a read that runs, follows at least what was committed before `asOf`. */
  #report(whole: Date): RoutesReport {
    const followed = [
      whole,
      ...[...this.#cached.values()].map(({ asOf }) => asOf),
      ...[...this.#running].map(({ seenBefore }) => seenBefore ?? NOTHING_SEEN),
    ];
    return {
      asOf: followed.reduce((oldest, at) => (at < oldest ? at : oldest)),
      services: Object.fromEntries([...this.#cached].map(([id, { line }]) => [id, line.report])),
    };
  }

  #noteSeen(asOf: Date): void {
    if (this.#newest === null || asOf > this.#newest) this.#newest = asOf;
  }

  #follow(id: string, route: LoadBalancerQueue["route"] | undefined, asOf: Date): void {
    const cached = this.#cached.get(id);
    // An answer that was long on its way knows less than what is followed by now.
    if (cached === undefined || asOf < cached.asOf) return;
    cached.asOf = asOf;
    cached.readAtMs = this.#nowMs();
    const { line } = cached;
    if (route !== undefined) return line.follow(route);
    line.follow({ ...line.route, status: "stopped", replicas: [] });
    this.#cached.delete(id);
  }
}
