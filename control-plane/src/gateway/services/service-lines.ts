/**
 * The services that this gateway was asked for, as Postgres says where they stand: read when one is first asked for, then
 * again and again for all of them together. What was read last stays while Postgres is away.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import { type Database, StoreError } from "../../store/database/database.ts";
import { serviceRoutes } from "../../store/inference/service-routes.ts";
import { RightsUnknown } from "../entry/rights.ts";
import { ServiceLine } from "./service-line.ts";

const READ_EVERY_MS = 1_000;
/** Asked for by nobody for so long, it is read anew with its next request. */
const FORGOTTEN_AFTER_MS = 5 * MS_PER_MINUTE;

interface Kept {
  line: ServiceLine;
  askedAtMs: number;
}

export class ServiceLines {
  readonly #db: Database;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #first = new Map<string, Promise<ServiceLine | null>>();
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
      return kept.line;
    }
    const first = this.#first.get(id) ?? this.#readFirst(id).finally(() => this.#first.delete(id));
    this.#first.set(id, first);
    return await first;
  }

  async #readFirst(id: string): Promise<ServiceLine | null> {
    try {
      const [route] = await serviceRoutes(this.#db, [id]);
      if (route === undefined) return null;
      const line = new ServiceLine(route, this.#nowMs);
      this.#kept.set(id, { line, askedAtMs: this.#nowMs() });
      return line;
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause;
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
    const line = this.#kept.get(id)?.line;
    if (line === undefined) return;
    if (route !== undefined) return line.follow(route);
    line.follow({ ...line.route, status: "stopped", replicas: [] });
    this.#kept.delete(id);
  }
}
