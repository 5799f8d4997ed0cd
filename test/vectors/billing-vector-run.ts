/**
 * Feeds a billing vector to the real store, ingest and hour tick, moment by moment, and reads back what came of it.
 * The clock is the vector's; nothing is calculated here.
 */
import { parseUtcOffset } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { estimate } from "@remotegpu/control-plane/server/core/billing/rating";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { setThresholds } from "@remotegpu/control-plane/server/store/events/alert-rules";
import { startRule } from "@remotegpu/control-plane/server/store/orders/checks/start-rule";
import { lockAccounts } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { balanceView } from "@remotegpu/control-plane/server/store/spending/balance";
import type { Transaction, Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import {
  adjust,
  type PaymentResult,
  refund,
  topUp,
} from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { addPrice, pricesInForce } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { openRuns } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import { GIB, MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import { insertWorkspace } from "@remotegpu/control-plane/server/store/accounts/workspaces";
import { type Catalogue, catalogueOf } from "./catalogue.ts";
import { bootIdOf, Journals } from "./journals.ts";
import { beginsAtMs, fullHourFrom, midnightAfter, momentsOf, type Sample, samplesOf } from "./moments.ts";
import { Names } from "./names.ts";
import * as came from "./result.ts";
import type { BillingVector, VectorResult } from "../support/billing/billing-vector.ts";
import { openStoragePool, sampleStorage, sealCopy } from "../support/billing/storage-sampler.ts";

type Usage = BillingVector["usage"][number];
type Money = BillingVector["money"][number];
type VectorRun = BillingVector["runs"][number];

const RESOURCE_TYPES = {
  environment: "environment",
  training_job: "training",
  inference_service: "inference",
} as const;
/** The host of runs of which nothing is ever heard. */
const NOWHERE = "nowhere";

export async function runBillingVector(database: Database, vector: BillingVector): Promise<VectorResult> {
  const run = new VectorRunner(database, vector);
  return await run.play();
}

class VectorRunner {
  readonly #database: Database;
  readonly #vector: BillingVector;
  readonly #calendar;
  readonly #moments: readonly number[];
  readonly #runs: Names;
  readonly #hosts: Names;
  readonly #resources: Names;
  readonly #specs: Names;
  readonly #lines: Names;
  readonly #workspaces: Names;
  readonly #payments: Names;
  readonly #workspaceIds = new Map<string, number>();
  readonly #journals: Journals;
  readonly #catalogue: Catalogue;
  readonly #paymentsRefused: VectorResult["rejected"] = [];
  readonly #startResults: VectorResult["start_results"] = [];
  readonly #estimates: VectorResult["estimates"] = [];
  readonly #balances: VectorResult["balances"] = [];
  #customerId = 0;

  constructor(database: Database, vector: BillingVector) {
    this.#database = database;
    this.#vector = vector;
    this.#calendar = {
      utcOffsetMinutes: parseUtcOffset(vector.config.utc_offset),
      closeDelayHours: vector.config.close_delay_hours,
    };
    this.#moments = momentsOf(vector);
    const { runs, boots, usage, catalog, estimates, storage } = vector;
    this.#runs = new Names(
      "run-",
      [...runs, ...usage].map(({ run }) => run),
    );
    this.#hosts = new Names(
      "host-",
      [...boots, ...usage].map(({ node }) => node),
    );
    this.#resources = new Names(
      "resource-",
      runs.map(({ resource_id }) => resource_id),
    );
    this.#specs = new Names(
      "spec-",
      [...runs, ...catalog, ...estimates].map(({ spec }) => spec),
    );
    this.#lines = new Names(
      "line-",
      catalog.map(({ line }) => line),
    );
    this.#workspaces = new Names(
      "workspace-",
      [...runs, ...storage].map(({ workspace }) => workspace),
    );
    this.#payments = new Names(
      "payment-",
      vector.money.map(({ id }) => id),
    );
    this.#journals = new Journals(usage, { runs: this.#runs, hosts: this.#hosts });
    this.#catalogue = catalogueOf(
      catalog.map((entry) => ({
        ...entry,
        spec: this.#specs.idOf(entry.spec),
        line: this.#lines.idOf(entry.line),
      })),
      this.#beforeAll(),
    );
  }

  #beforeAll(): Date {
    const prices = this.#vector.catalog.map(({ effective_from }) => Date.parse(effective_from));
    return new Date(Math.min(...this.#moments, ...prices) - MS_PER_DAY);
  }

  /** It goes on until nothing that came is left to be charged: to the full hour after the last moment. */
  async play(): Promise<VectorResult> {
    await transaction(this.#database, (tx) => this.#prepare(tx));
    for (const moment of this.#moments) await this.#at(moment);
    if (await this.#isChargeDue()) await this.#at(fullHourFrom((this.#moments.at(-1) ?? 0) + 1));
    // A run of which nothing was heard never began. That it was ordered is only seen in the totals.
    for (const [index, run] of this.#vector.runs.entries())
      if (beginsAtMs(this.#vector, run.run) === null) await this.#open(run, index, this.#beforeAll());
    return await this.#result();
  }

  async #isChargeDue(): Promise<boolean> {
    const { rowCount } = await this.#database.query("SELECT FROM runs WHERE uncharged");
    return rowCount > 0;
  }

  async #prepare(tx: Transaction): Promise<void> {
    const vector = this.#vector;
    const made = await insertCustomer(tx, {
      username: "vector",
      email: "vector@example.com",
      displayName: null,
      userType: "external",
    });
    if (!made.made) throw new Error("the vector's customer is there already");
    this.#customerId = made.customerId;
    const balances = (vector.config.alert_thresholds ?? []).map(parsePoints);
    await setThresholds(tx, { customerId: this.#customerId, request: { balances, hoursLeft: [] } });
    for (const name of this.#workspaces.ids) {
      const workspace = { ownerId: this.#customerId, name, description: null, type: "team" } as const;
      this.#workspaceIds.set(this.#workspaces.nameOf(name), (await insertWorkspace(tx, workspace)).id);
    }
    await this.#prepareStorage(tx);
    for (const price of this.#catalogue.prices) {
      const added = await addPrice(tx, price, price.effectiveFrom);
      if (added.added === null)
        throw new Error(
          `the price of ${this.#lines.nameOf(price.line)} in ${this.#specs.nameOf(price.spec)}: ${added.reason}`,
        );
    }
    for (const host of [NOWHERE, ...this.#hosts.ids])
      await tx.query("INSERT INTO hosts (id, name, hostname, ip_address) VALUES ($1, $1, $1, '127.0.0.1')", [
        host,
      ]);
    for (const boot of vector.boots)
      await fixBootZero(tx, {
        hostId: this.#hosts.idOf(boot.node),
        bootId: bootIdOf(boot),
        monotonicMs: 0,
        receivedAt: new Date(boot.utc_at_zero),
        roundTripMs: 0,
      });
  }

  /** A pool with one host that samples it, and something of each workspace in it. */
  async #prepareStorage(tx: Transaction): Promise<void> {
    const { config, storage } = this.#vector;
    if (storage.length === 0) return;
    await openStoragePool(tx, {
      price: config.storage_price,
      freeGb: config.free_storage_gb,
      resources: [...new Set(storage.map(({ workspace }) => workspace))].map((name) => ({
        workspaceId: this.#workspaceIds.get(name) ?? 0,
        ownerId: this.#customerId,
        name: this.#workspaces.idOf(name),
      })),
      ...(config.pool_disk_gb !== undefined && { diskBytes: Number(config.pool_disk_gb) * GIB }),
    });
    for (const { workspace, sealed_gb: gb } of storage)
      if (gb !== undefined)
        await sealCopy(tx, {
          workspaceId: this.#workspaceIds.get(workspace) ?? 0,
          ownerId: this.#customerId,
          bytes: Number(gb) * GIB,
          at: this.#beforeAll(),
        });
  }

  /** Money, usage, hourly charges, storage and suspension, start attempts, observation, in this order. */
  async #at(moment: number): Promise<void> {
    const now = new Date(moment);
    const isNow = (time: string): boolean => Date.parse(time) === moment;
    const vector = this.#vector;
    // A run is placed just when it begins; one that was submitted earlier has waited until then.
    for (const [index, run] of vector.runs.entries())
      if (beginsAtMs(vector, run.run) === moment) await this.#open(run, index, now);
    for (const money of vector.money) if (isNow(money.at)) await this.#pay(money, now);
    for (const message of vector.usage) if (isNow(message.arrives_at)) await this.#ingest(message, now);
    if (moment % MS_PER_HOUR === 0 || midnightAfter(moment, vector) === moment) await this.#charge(now);
    await this.#sample(
      samplesOf(vector).filter(({ hourMs }) => hourMs === moment),
      now,
    );
    for (const attempt of vector.start_attempts) if (isNow(attempt.at)) await this.#tryStart(attempt, now);
    for (const options of vector.estimates) if (isNow(options.at)) await this.#estimate(options, now);
    for (const time of vector.observe_at) if (isNow(time)) await this.#observe(time, now);
  }

  async #open(run: VectorRun, index: number, now: Date): Promise<void> {
    const kind = RESOURCE_TYPES[run.resource_type];
    const id = this.#runs.idOf(run.run);
    const spec = this.#specs.idOf(run.spec);
    const heard = this.#vector.usage.find((message) => message.run === run.run);
    const hostId = heard === undefined ? NOWHERE : this.#hosts.idOf(heard.node);
    const resourceId = this.#resources.idOf(run.resource_id);
    await transaction(this.#database, async (tx) => {
      await tx.query(
        "INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state) VALUES ($1, $2, $3, $4, 1, 'ready')",
        [`i-${id}`, kind, resourceId, index],
      );
      await tx.query(
        `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
         VALUES ($1, 1, $2, 'ready', $3, '{}', '', 0, 0)`,
        [`i-${id}`, hostId, id],
      );
      await openRuns(tx, [
        {
          id,
          instanceId: `i-${id}`,
          epoch: 1,
          hostId,
          customerId: this.#customerId,
          orderedBy: this.#customerId,
          workspaceId: this.#workspaceIds.get(run.workspace) ?? null,
          resourceType: kind,
          resourceId,
          resourceName: resourceId,
          spec,
          gpuModel: null,
          orderedAt: run.submitted_at === undefined ? now : new Date(run.submitted_at),
          lines: this.#catalogue.lines.get(spec) ?? [],
        },
      ]);
    });
  }

  async #pay(money: Money, now: Date): Promise<void> {
    const payment = {
      id: this.#payments.idOf(money.id),
      customerId: this.#customerId,
      amount: parsePoints(money.amount),
      at: now,
      reason: "vector",
      actor: "vector",
    };
    const result = await transaction(this.#database, (tx): Promise<PaymentResult> => {
      switch (money.kind) {
        case "topup":
          return topUp(tx, payment);
        case "adjustment":
          return adjust(tx, payment);
        case "refund":
          return refund(tx, { ...payment, runId: this.#runs.idOf(money.run ?? "") });
      }
    });
    if (!result.posted) this.#paymentsRefused.push({ id: money.id, at: money.at, reason: result.reason });
  }

  async #ingest(message: Usage, now: Date): Promise<void> {
    const { hostId, batch } = this.#journals.batchOf(message);
    const deps = { db: this.#database, verify: async () => true, calendar: this.#calendar };
    await ingestBatch(deps, hostId, batch, now);
  }

  async #charge(now: Date): Promise<void> {
    const term = await acquireLeadership(this.#database, { holder: "vectors", now });
    await chargeDueHours({ db: this.#database, calendar: this.#calendar }, { term: term ?? 0, now });
  }

  /** As the agent of the pool does it: asks, and tells what it measured of each owner. */
  async #sample(samples: readonly Sample[], now: Date): Promise<void> {
    if (samples.length === 0) return;
    const bytesOfWorkspace = new Map(
      samples.map(({ workspace, bytes }) => [this.#workspaceIds.get(workspace) ?? 0, bytes]),
    );
    await sampleStorage(this.#database, bytesOfWorkspace, now);
  }

  async #tryStart(attempt: { at: string; workspace: string }, now: Date): Promise<void> {
    const customerId = this.#customerId;
    const decision = await transaction(this.#database, async (tx) => {
      const accounts = await lockAccounts(tx, [customerId]);
      const mayStart = await startRule(tx, { accounts, waiting: new Map(), minStartMinutes: 0, at: now });
      return mayStart({ customerId, hourly: 0n });
    });
    this.#startResults.push({ ...attempt, accepted: decision.allowed });
  }

  async #estimate(options: BillingVector["estimates"][number], now: Date): Promise<void> {
    const spec = this.#specs.idOf(options.spec);
    const prices = await pricesInForce(this.#database, { spec, at: now });
    const counted = this.#catalogue.lines.get(spec) ?? [];
    const lines = prices.map((price) => ({
      ...price,
      quantity: counted.find(({ line }) => line === price.line)?.quantity ?? 0n,
    }));
    this.#estimates.push({ ...options, amount: formatPoints(estimate(lines, options)) });
  }

  async #observe(time: string, now: Date): Promise<void> {
    const view = await balanceView(this.#database, { customerId: this.#customerId, now });
    if (view === null) throw new Error("the vector's customer is gone");
    this.#balances.push({
      at: time,
      balance: view.balance,
      state: view.overdue_status,
      ...(this.#vector.config.report_runway === true
        ? { burn_per_hour: view.burn_per_hour, hours_left: view.hours_left }
        : {}),
    });
  }

  async #result(): Promise<VectorResult> {
    const database = this.#database;
    const names = {
      runs: this.#runs,
      lines: this.#lines,
      workspaces: this.#workspaces,
      journals: this.#journals,
    };
    return {
      run_totals: await came.runTotals(database, names),
      records: await came.records(database, names),
      charges: await came.charges(database, names),
      storage_records: await came.storageRecords(database, names),
      balances: this.#balances,
      state_changes: await came.stateChanges(database),
      stop_orders: await came.stopOrders(database, names),
      start_results: this.#startResults,
      rejected: [...this.#paymentsRefused, ...(await came.quarantined(database, names))],
      alerts: await came.alerts(database),
      estimates: this.#estimates,
      totals: await came.totals(database, this.#customerId),
    };
  }
}
