/**
 * Prometheus metrics: what this process did and holds, and the state of the fleet as the database has it. Fleet numbers are
 * for administrators, so strangers are refused; a scraper on the same machine needs no key, and one elsewhere a key that
 * opens nothing else. What is read for a scrape is cached, so scraping in a loop asks the database no more often.
 */
import { setTimeout as pause } from "node:timers/promises";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { LOOPBACK } from "../../core/accounts/client-address.ts";
import { scopeRefusal } from "../../core/accounts/key-scopes.ts";
import {
  CONTROL_PLANE_FAMILIES,
  type ControlPlaneMetric,
  type ServerSamples,
} from "../../core/metrics/families.ts";
import type { AnsweredRequests } from "../../core/metrics/answered-requests.ts";
import type { JournalBacklog } from "../../core/ingest/journal-stream.ts";
import { type TrialBalance, trialBalance } from "../../store/billing/ledger/ledger.ts";
import { StoreError } from "../../store/database/store-error.ts";
import { Cached } from "../../store/fleet/cached.ts";
import type { ApiContext, ApiDeps } from "../deps.ts";
import { actorFrom } from "../request/authentication.ts";
import { peerAddress } from "../request/rate-limit.ts";
import { forbidden } from "../request/refusal.ts";
import type { StreamFeed } from "../stream/feed.ts";
import { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { collectFleet, collectJournal, type FleetReadings, readFleet } from "./fleet-metrics.ts";
import { LeaderCounters } from "./leader-counters.ts";
import { MetricsRegistry } from "@remotegpu/shared/metrics/metrics-registry";
import { collectPool } from "./pool-metrics.ts";

const READINGS_CACHED_MS = 5 * MS_PER_SECOND;
/** What takes long to read is cached so many times as long. */
const REST_PER_READ = 10;
/** The books are summed up at most this often, since that reads every entry. */
const BOOKS_CACHED_MS = 5 * MS_PER_MINUTE;
/** Scrapers give up after ten seconds: what takes longer is left out, and there for the next. */
const READ_WITHIN_MS = 5 * MS_PER_SECOND;

const OWN_MACHINE = new Set(["local", ...LOOPBACK]);

interface Readings {
  readonly fleet: FleetReadings;
  readonly isLeader: boolean;
}

export class Metrics {
  readonly #deps: ApiDeps;
  readonly #streams: Pick<StreamFeed, "clients">;
  readonly #registry = new MetricsRegistry(CONTROL_PLANE_FAMILIES);
  readonly #leaderCounters = new LeaderCounters();
  readonly #readings: Cached<Readings>;
  readonly #backlog: Cached<JournalBacklog | null>;
  readonly #books: Cached<TrialBalance>;

  constructor(deps: ApiDeps, streams: Pick<StreamFeed, "clients">) {
    this.#deps = deps;
    this.#streams = streams;
    const often = { now: deps.now, storedMs: READINGS_CACHED_MS, restPerRead: REST_PER_READ };
    this.#readings = new Cached((now) => this.#read(now), often);
    this.#backlog = new Cached(() => deps.link.journalBacklog(), often);
    this.#books = new Cached(() => trialBalance(deps.db), { now: deps.now, storedMs: BOOKS_CACHED_MS });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** @throws ApiRefusal for strangers */
  async text(c: ApiContext): Promise<string> {
    await refuseStrangers(c);
    const collected = new CollectedMetrics<ControlPlaneMetric>();
    const [readings, backlog, books] = await Promise.all([
      this.#inTime(this.#readings.recent()),
      this.#inTime(this.#backlog.recent()),
      this.#inTime(this.#books.recent()),
    ]);
    this.#collectProcess(collected, c.var.answered);
    collectPool(collected, this.#deps.db);
    if (readings !== null) this.#collectReadings(collected, readings);
    if (backlog !== null) collectJournal(collected, backlog);
    if (books !== null) {
      collected.add("ledger_imbalance", Number(books.total));
      collected.add("customers_unbalanced", books.unbalancedCustomers);
    }
    return await this.#registry.text(collected);
  }

  async #read(now: Date): Promise<Readings> {
    const { db, metrics } = this.#deps;
    const isLeader = metrics.isLeader();
    if (isLeader) await this.#leaderCounters.read(db);
    else this.#leaderCounters.forget();
    return { fleet: await readFleet(db, { now, isLeader }), isLeader };
  }

  #collectReadings(collected: ServerSamples, { fleet, isLeader }: Readings): void {
    collectFleet(collected, fleet);
    if (isLeader) this.#leaderCounters.collect(collected);
  }

  #collectProcess(collected: ServerSamples, answered: AnsweredRequests): void {
    const { config, link, metrics } = this.#deps;
    const { counters } = metrics;
    const { requests, durations, secondsTotal: sum, count } = answered;
    collected.addAll("control_plane_build_info", [{ labels: { version: config.version }, value: 1 }]);
    collected.add("control_plane_is_leader", metrics.isLeader() ? 1 : 0);
    collected.addAll("http_requests_total", requests.samples());
    collected.distributions("http_request_duration_seconds", durations.distributions());
    collected.distributions("http_request_seconds", [{ labels: {}, cumulative: [], sum, count }]);
    collected.add("event_stream_clients", this.#streams.clients);
    collected.add("nats_connected", link.isConnected() ? 1 : 0);
    collected.addAll("placements_total", counters.placements.samples());
    collected.distributions("placement_duration_seconds", counters.placementDurations.distributions());
    collected.addAll("usage_ingested_rows_total", counters.ingestedRows.samples());
    collected.addAll("webhook_deliveries_total", counters.webhookDeliveries.samples());
    collected.addAll("gateway_requests_total", counters.gatewayRequests.samples());
  }

  /** Null where the database does not answer, or not in time; what this process has is served all the same. */
  async #inTime<Value>(reading: Promise<Value>): Promise<Value | null> {
    const over = new AbortController();
    try {
      return await Promise.race([reading, pause(READ_WITHIN_MS, null, { ref: false, signal: over.signal })]);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#deps.log.warn({ error }, "metrics of the fleet are left out: the database does not answer");
      return null;
    } finally {
      over.abort();
    }
  }
}

/** A forwarded request comes from elsewhere, even when the proxy stands on this machine. */
async function refuseStrangers(c: ApiContext): Promise<void> {
  const forwarded = c.req.header("X-Forwarded-For") !== undefined || c.req.header("Forwarded") !== undefined;
  if (!forwarded && OWN_MACHINE.has(peerAddress(c))) return;
  const { isAdmin, keyRights } = await actorFrom(c);
  if (keyRights.role === "metrics") return;
  if (!isAdmin) throw forbidden("metrics-not-allowed");
  const refusal = scopeRefusal(keyRights, "read");
  if (refusal !== null) throw forbidden(refusal);
}
