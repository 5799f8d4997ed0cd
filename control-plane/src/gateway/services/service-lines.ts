/**
 * The services that this gateway was asked for, as Postgres says where they stand: read when one is first asked for, then
 * again and again for all of them together. What was read last stays while Postgres is away.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import { whyClosed } from "../../core/gateway/services/service-route.ts";
import { type Database, StoreError } from "../../store/database/database.ts";
import { serviceRoutes } from "../../store/inference/service-routes.ts";
import { RightsUnknown } from "../entry/rights.ts";
import { ServiceLine } from "./service-line.ts";

const READ_EVERY_MS = 1_000;
const YOUNG_MS = 200;
/** Asked for by nobody for so long, it is read anew with its next request. */
const FORGOTTEN_AFTER_MS = 5 * MS_PER_MINUTE;

interface Kept {
  line: ServiceLine;
  askedAtMs: number;
  readAtMs: number;
}

export class ServiceLines {
  readonly #db: Database;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #now = new Map<string, Promise<ServiceLine | null>>();
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor({
    db,
    log,
    nowMs = () => performance.now(),
  }: {
    db: Database;
    log: Log;
    nowMs?: () => number;
  }) {
    this.#db = db;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#reading = this.#reading.then(() => this.#readAgain());
    }, READ_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const { line } of this.#kept.values()) line.close();
    await this.#reading;
  }

  /** Null where there is no such service. @throws RightsUnknown while Postgres is away and it was never asked for */
  async of(id: string): Promise<ServiceLine | null> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) {
      kept.askedAtMs = this.#nowMs();
      // That nobody answers is not believed without asking: it may have been started just now.
      const isDoubtful = whyClosed(kept.line.route) !== null && this.#nowMs() - kept.readAtMs >= YOUNG_MS;
      if (!isDoubtful) return kept.line;
    }
    const read = this.#now.get(id) ?? this.#readNow(id).finally(() => this.#now.delete(id));
    this.#now.set(id, read);
    return await read;
  }

  async #readNow(id: string): Promise<ServiceLine | null> {
    const kept = this.#kept.get(id);
    try {
      const [route] = await serviceRoutes(this.#db, [id]);
      if (kept !== undefined) this.#follow(id, route);
      if (route === undefined) return null;
      if (kept !== undefined) return kept.line;
      const line = new ServiceLine(route, this.#nowMs);
      const nowMs = this.#nowMs();
      this.#kept.set(id, { line, askedAtMs: nowMs, readAtMs: nowMs });
      return line;
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
      if (kept !== undefined) return kept.line;
      throw new RightsUnknown("The database does not answer now; try again shortly.", { cause });
    }
  }

  async #readAgain(): Promise<void> {
    const oldestMs = this.#nowMs() - FORGOTTEN_AFTER_MS;
    for (const [id, { line, askedAtMs }] of this.#kept)
      if (askedAtMs < oldestMs && line.isIdle) this.#kept.delete(id);
    if (this.#kept.size === 0) return;
    const asked = [...this.#kept.keys()];
    try {
      const routes = new Map((await serviceRoutes(this.#db, asked)).map((route) => [route.id, route]));
      for (const id of asked) this.#follow(id, routes.get(id));
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway)
        this.#log.warn({ error }, "where services stand cannot be read; what was read last holds");
      this.#isAway = true;
    }
  }

  #follow(id: string, route: ServiceLine["route"] | undefined): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    kept.readAtMs = this.#nowMs();
    const { line } = kept;
    if (route !== undefined) return line.follow(route);
    line.follow({ ...line.route, status: "stopped", replicas: [] });
    this.#kept.delete(id);
  }
}
