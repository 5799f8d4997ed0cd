/** A gateway among the rows of a database, that has what a test says: it tells of the services that it was given load of. */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { keepGateway, removeGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";

interface ServiceLoad {
  inFlight: number;
  held: number;
  requests: number;
  left: object;
  /** By its replicas, as many as a test says. */
  listed: Readonly<Record<string, number>>;
}

export class ScriptedGateway {
  readonly id: string;
  readonly #db: Database;
  readonly #now: () => Date;
  readonly #services: Record<string, ServiceLoad> = {};
  #reportedAtMs: number | null = null;

  constructor(id: string, { db, now }: { db: Database; now: () => Date }) {
    this.id = id;
    this.#db = db;
    this.#now = now;
  }

  /** It lives, and so many requests a second have come since it told the last time. */
  async report(
    serviceId: string,
    {
      qps = 0,
      inFlight = 0,
      held = 0,
      listed = {},
    }: { qps?: number } & Partial<Pick<ServiceLoad, "inFlight" | "held" | "listed">> = {},
  ): Promise<void> {
    const at = this.#now();
    const seconds = (at.getTime() - (this.#reportedAtMs ?? at.getTime())) / MS_PER_SECOND;
    this.#reportedAtMs = at.getTime();
    const requests = (this.#services[serviceId]?.requests ?? 0) + qps * seconds;
    this.#services[serviceId] = { inFlight, held, requests, left: {}, listed };
    await this.live();
    await this.#db.query(
      `INSERT INTO gateway_reports (gateway_id, routes_as_of, reported_at, services) VALUES ($1, $2, $2, $3)
       ON CONFLICT (gateway_id) DO UPDATE SET reported_at = excluded.reported_at, services = excluded.services`,
      [this.id, at, JSON.stringify(this.#services)],
    );
  }

  /** It lives, and what it has told is as old as it is. */
  async live(): Promise<void> {
    const base = "http://localhost:1";
    await keepGateway(this.#db, {
      id: this.id,
      name: this.id,
      tunnel: null,
      webBase: base,
      serviceBase: base,
      serviceDomain: null,
      now: this.#now(),
    });
  }

  async end(): Promise<void> {
    await removeGateway(this.#db, this.id);
  }
}
