/**
 * Feeds a billing vector to the real store, ingest and hour tick, moment by moment, and reads back what came of it.
 * The clock is the vector's; nothing is calculated here.
 */
import { parseUtcOffset } from "@remotegpu/control-plane/core/billing-calendar";
import { estimate } from "@remotegpu/control-plane/core/rating";
import { chargeDueHours } from "@remotegpu/control-plane/controllers/charging";
import { ingestBatch } from "@remotegpu/control-plane/controllers/ingest";
import { setThresholds } from "@remotegpu/control-plane/store/alerts/alert-rules";
import { startRule } from "@remotegpu/control-plane/store/billing/accounts";
import { lockAccounts } from "@remotegpu/control-plane/store/billing/ledger";
import { balanceView } from "@remotegpu/control-plane/store/billing/balance";
import { type Connection, type Database, transaction } from "@remotegpu/control-plane/store/database";
import { acquireLeadership } from "@remotegpu/control-plane/store/leader";
import { adjust, type PaymentResult, refund, topUp } from "@remotegpu/control-plane/store/billing/payments";
import { addPrice, pricesInForce } from "@remotegpu/control-plane/store/prices/prices";
import { fixBootZero } from "@remotegpu/control-plane/store/billing/run-time";
import { openRuns } from "@remotegpu/control-plane/store/billing/runs";
import type { HostId } from "@remotegpu/shared/ids";
import {
  GENESIS_HASH,
  JournalBatch,
  type JournalRow,
  rowHash,
  UsageEntry,
} from "@remotegpu/shared/journal-row";
import { formatPoints, parsePoints, parseQuantity, QUANTITY_DECIMALS } from "@remotegpu/shared/money";
import { GIB, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/units";
import { insertCustomer } from "@remotegpu/control-plane/store/accounts/customers";
import { insertWorkspace } from "@remotegpu/control-plane/store/accounts/workspaces";
import type { BillingVector } from "./billing-vector.ts";
import { uuidOf } from "./named-uuid.ts";
import { openStoragePool, sampleStorage } from "./storage-sampler.ts";

type Usage = BillingVector["usage"][number];
type Money = BillingVector["money"][number];
type VectorRun = BillingVector["runs"][number];

const RESOURCE_TYPES = {
  environment: "environment",
  training_job: "training",
  inference_service: "inference",
} as const;
const NOWHERE = "nowhere";
const NO_HASH_KNOWN = "f".repeat(64);

/** What is compared with `expected`. */
export type VectorResult = BillingVector["expected"];

export async function runBillingVector(database: Database, vector: BillingVector): Promise<VectorResult> {
  const run = new VectorRunner(database, vector);
  await run.prepare();
  for (const moment of momentsOf(vector)) await run.at(moment);
  return run.result();
}

/**
 * Every moment at which the vector has something, and every full hour and local midnight between the first and the
 * last. The play goes on until nothing that came is left to be charged: to the full hour after the last message, and to
 * the midnight that ends the last day of storage.
 */
function momentsOf(vector: BillingVector): number[] {
  const times = [
    ...vector.money.map((one) => one.at),
    ...vector.usage.map((one) => one.arrives_at),
    ...vector.start_attempts.map((one) => one.at),
    ...vector.estimates.map((one) => one.at),
    ...vector.observe_at,
  ].map((time) => Date.parse(time));
  const samples = samplesOf(vector).map(({ hourMs }) => hourMs);
  const ends = [
    ...vector.usage.map(({ arrives_at }) => fullHourFrom(Date.parse(arrives_at))),
    ...vector.storage.map(({ day }) => midnightOf(day, vector) + MS_PER_DAY),
  ];
  const moments = new Set([
    ...times,
    ...samples,
    ...ends,
    ...vector.runs.map((run) => opensAtMs(vector, run)),
  ]);
  const [first, last] = [Math.min(...moments), Math.max(...moments)];
  for (let hour = Math.floor(first / MS_PER_HOUR) * MS_PER_HOUR; hour <= last; hour += MS_PER_HOUR)
    moments.add(hour);
  for (let ms = midnightAfter(first, vector); ms <= last; ms += MS_PER_DAY) moments.add(ms);
  return [...moments].sort((a, b) => a - b);
}

interface Sample {
  readonly workspace: string;
  readonly hourMs: number;
  /** Null: not taken. */
  readonly bytes: number | null;
}

/** The hours of a day begin at its midnight in the billing time zone; the product's begin at full hours. */
function samplesOf(vector: BillingVector): Sample[] {
  return vector.storage.flatMap(({ workspace, day, hourly_gb, hourly_bytes }) =>
    (hourly_bytes ?? hourly_gb ?? []).map((sample, hour) => ({
      workspace,
      hourMs: fullHourFrom(midnightOf(day, vector)) + hour * MS_PER_HOUR,
      bytes: sample === null ? null : hourly_bytes === undefined ? bytesOf(sample) : Number(sample),
    })),
  );
}

const fullHourFrom = (ms: number) => Math.ceil(ms / MS_PER_HOUR) * MS_PER_HOUR;

/** The one that begins the day. */
function midnightOf(day: string, { config }: BillingVector): number {
  return Date.parse(`${day}T00:00:00Z`) - parseUtcOffset(config.utc_offset) * MS_PER_MINUTE;
}

/** At the moment or after it. */
function midnightAfter(ms: number, { config }: BillingVector): number {
  const offsetMs = parseUtcOffset(config.utc_offset) * MS_PER_MINUTE;
  return Math.ceil((ms + offsetMs) / MS_PER_DAY) * MS_PER_DAY - offsetMs;
}

/** A begun byte is one, so that what lies exactly half way between two amounts does not fall below it. */
function bytesOf(gb: string): number {
  const one = 10n ** BigInt(QUANTITY_DECIMALS);
  return Number((parseQuantity(gb) * BigInt(GIB) + one - 1n) / one);
}

/** A run is placed just when it begins; one that was submitted earlier has waited until then. */
function opensAtMs(vector: BillingVector, run: VectorRun): number {
  const elsewhere = run.submitted_at ?? vector.observe_at[0] ?? "2026-01-01T00:00:00Z";
  return beginsAtMs(vector, run.run) ?? Date.parse(elsewhere);
}

/** Null for a run of which nothing is ever heard. */
function beginsAtMs(vector: BillingVector, runId: string): number | null {
  const begins = vector.usage
    .filter((message) => message.run === runId)
    .map((message) => zeroOf(vector, message) + message.from_ms);
  return begins.length > 0 ? Math.min(...begins) : null;
}

/** The moment whose lines and prices are the run's. Of a key's messages the first to arrive counts. */
function firstProvenMs(vector: BillingVector, runId: string): number | null {
  const counted = new Map<string, Usage>();
  for (const message of [...vector.usage].sort(
    (a, b) => Date.parse(a.arrives_at) - Date.parse(b.arrives_at),
  )) {
    const key = `${journalOf(message)} ${message.seq}`;
    if (!counted.has(key)) counted.set(key, message);
  }
  const begins = [...counted.values()]
    .filter((one) => one.run === runId && one.proven && one.from_ms < one.to_ms)
    .map((one) => zeroOf(vector, one) + one.from_ms);
  return begins.length > 0 ? Math.min(...begins) : null;
}

/** The catalogue's entries of a spec that are in force then, with their quantities. */
function linesAt(vector: BillingVector, spec: string, ms: number): { line: string; quantity: bigint }[] {
  const inForce = vector.catalog
    .filter((entry) => entry.spec === spec && Date.parse(entry.effective_from) <= ms)
    .sort((a, b) => Date.parse(a.effective_from) - Date.parse(b.effective_from));
  const lines = new Map(inForce.map(({ line, quantity }) => [line, parseQuantity(quantity)]));
  return [...lines].map(([line, quantity]) => ({ line, quantity }));
}

function zeroOf(vector: BillingVector, { node, boot }: { node: string; boot: string }): number {
  const found = vector.boots.find((one) => one.node === node && one.boot === boot);
  return Date.parse(found?.utc_at_zero ?? "");
}

class VectorRunner {
  readonly #database: Database;
  readonly #vector: BillingVector;
  readonly #calendar;
  readonly #chain = new Map<string, string>();
  readonly #workspaces = new Map<string, number>();
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
  }

  async prepare(): Promise<void> {
    const vector = this.#vector;
    this.#writeJournals();
    await transaction(this.#database, async (tx) => {
      const made = await insertCustomer(tx, {
        username: "vector",
        email: "vector@example.com",
        displayName: null,
        userType: "external",
      });
      this.#customerId = made.made ? made.customerId : 0;
      const balances = (vector.config.alert_thresholds ?? []).map(parsePoints);
      const wish = { balances, hoursLeft: [] };
      await setThresholds(tx, { customerId: this.#customerId, wish });
      const owned = [...vector.runs, ...vector.storage].map((one) => one.workspace);
      for (const name of new Set(owned)) {
        const workspace = { ownerId: this.#customerId, name, description: null, type: "team" } as const;
        this.#workspaces.set(name, (await insertWorkspace(tx, workspace)).id);
      }
      await this.#prepareStorage(tx);
      for (const entry of vector.catalog)
        await addPrice(
          tx,
          {
            spec: entry.spec,
            line: entry.line,
            unitPrice: entry.unit_price,
            billingUnit: entry.billing_unit,
            effectiveFrom: new Date(entry.effective_from),
            createdBy: null,
          },
          new Date(0),
        );
      for (const node of new Set([NOWHERE, ...vector.boots.map((boot) => boot.node)]))
        await tx.query(
          "INSERT INTO hosts (id, name, hostname, ip_address) VALUES ($1, $1, $1, '127.0.0.1')",
          [node],
        );
      for (const boot of vector.boots)
        await fixBootZero(tx, {
          hostId: boot.node,
          bootId: uuidOf(`boot ${boot.node} ${boot.boot}`),
          monotonicMs: 0,
          receivedAt: new Date(boot.utc_at_zero),
          roundTripMs: 0,
        });
    });
  }

  /** A pool with one host that samples it, and something of each workspace in it. */
  async #prepareStorage(tx: Connection): Promise<void> {
    const { config, storage } = this.#vector;
    if (storage.length === 0) return;
    await openStoragePool(tx, {
      price: config.storage_price,
      freeGb: config.free_storage_gb,
      things: [...new Set(storage.map(({ workspace }) => workspace))].map((name) => ({
        workspaceId: this.#workspaces.get(name) ?? 0,
        ownerId: this.#customerId,
        name,
      })),
    });
  }

  /** Money, usage, hourly charges, storage and suspension, start attempts, observation, in this order. */
  async at(moment: number): Promise<void> {
    const now = new Date(moment);
    const isNow = (time: string): boolean => Date.parse(time) === moment;
    const vector = this.#vector;
    for (const [index, run] of vector.runs.entries())
      if (opensAtMs(vector, run) === moment) await this.#open(run, index, now);
    for (const money of vector.money) if (isNow(money.at)) await this.#pay(money, now);
    for (const message of vector.usage) if (isNow(message.arrives_at)) await this.#ingest(message, now);
    if (moment % MS_PER_HOUR === 0 || midnightAfter(moment, vector) === moment) await this.#charge(now);
    await this.#sample(
      samplesOf(vector).filter(({ hourMs }) => hourMs === moment),
      now,
    );
    for (const attempt of vector.start_attempts) if (isNow(attempt.at)) await this.#tryStart(attempt, now);
    for (const wish of vector.estimates) if (isNow(wish.at)) await this.#estimate(wish, now);
    for (const time of vector.observe_at) if (isNow(time)) await this.#observe(time, now);
  }

  async #open(run: VectorRun, index: number, now: Date): Promise<void> {
    const kind = RESOURCE_TYPES[run.resource_type];
    // A run that nothing was heard of may be anywhere.
    const node = this.#vector.usage.find((message) => message.run === run.run)?.node ?? NOWHERE;
    await transaction(this.#database, async (tx) => {
      await tx.query(
        "INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state) VALUES ($1, $2, $3, $4, 1, 'ready')",
        [`i-${run.run}`, kind, run.resource_id, index],
      );
      await tx.query(
        `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
         VALUES ($1, 1, $2, 'ready', $3, '{}', '', 0, 0)`,
        [`i-${run.run}`, node, run.run],
      );
      await openRuns(tx, [
        {
          id: run.run,
          instanceId: `i-${run.run}`,
          epoch: 1,
          hostId: node,
          customerId: this.#customerId,
          orderedBy: this.#customerId,
          workspaceId: this.#workspaces.get(run.workspace) ?? null,
          resourceType: kind,
          resourceId: run.resource_id,
          resourceName: run.resource_id,
          spec: run.spec,
          gpuModel: null,
          orderedAt: run.submitted_at === undefined ? now : new Date(run.submitted_at),
          lines: linesAt(this.#vector, run.spec, firstProvenMs(this.#vector, run.run) ?? now.getTime()),
        },
      ]);
    });
  }

  async #pay(money: Money, now: Date): Promise<void> {
    const payment = {
      id: money.id,
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
          return refund(tx, { ...payment, runId: money.run ?? "" });
      }
    });
    if (!result.posted) this.#paymentsRefused.push({ id: money.id, at: money.at, reason: result.reason });
  }

  /** The agents' journals: of each key the first message, chained in the order of seq. */
  #writeJournals(): void {
    const inOrder = this.#vector.usage
      .map((message) => ({ message }))
      .sort(
        (a, b) =>
          a.message.seq - b.message.seq ||
          Date.parse(a.message.arrives_at) - Date.parse(b.message.arrives_at),
      );
    for (const { message } of inOrder) {
      const key = `${journalOf(message)} ${message.seq}`;
      if (!this.#chain.has(key)) this.#chain.set(key, this.#rowOf(message).hash);
    }
  }

  #rowOf(message: Usage): JournalRow {
    const entry = entryOf(message);
    const hash = rowHash(journalOf(message), message.seq, this.#hashBefore(message), entry);
    return { seq: message.seq, entry, hash };
  }

  /** Vectors leave gaps between their keys; what stood there is unknown to both sides. */
  #hashBefore(message: Usage): string {
    if (message.seq === 1) return GENESIS_HASH;
    return this.#chain.get(`${journalOf(message)} ${message.seq - 1}`) ?? NO_HASH_KNOWN;
  }

  async #ingest(message: Usage, now: Date): Promise<void> {
    const batch = JournalBatch.parse({
      kind: "journal-batch",
      journalId: journalOf(message),
      previousHash: this.#hashBefore(message),
      rows: [this.#rowOf(message)],
      signature: "",
    });
    const deps = { db: this.#database, verify: async () => true, calendar: this.#calendar };
    await ingestBatch(deps, message.node as HostId, batch, now);
  }

  async #charge(now: Date): Promise<void> {
    const term = await acquireLeadership(this.#database, { holder: "vectors", now });
    await chargeDueHours({ db: this.#database, calendar: this.#calendar }, { term: term ?? 0, now });
  }

  /** As the agent of the pool does it: asks, and tells what it measured of each owner. */
  async #sample(samples: readonly Sample[], now: Date): Promise<void> {
    if (samples.length === 0) return;
    const bytesOfWorkspace = new Map(
      samples.map(({ workspace, bytes }) => [this.#workspaces.get(workspace) ?? 0, bytes]),
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

  async #estimate(wish: BillingVector["estimates"][number], now: Date): Promise<void> {
    const prices = await pricesInForce(this.#database, { spec: wish.spec, at: now });
    const inForce = linesAt(this.#vector, wish.spec, now.getTime());
    const quantities = new Map(inForce.map((line) => [line.line, line.quantity]));
    const lines = prices.map((price) => ({ ...price, quantity: quantities.get(price.line) ?? 0n }));
    this.#estimates.push({ ...wish, amount: formatPoints(estimate(lines, wish)) });
  }

  async #observe(time: string, now: Date): Promise<void> {
    const view = await balanceView(this.#database, {
      customerId: this.#customerId,
      now,
    });
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

  async result(): Promise<VectorResult> {
    return {
      run_totals: await this.#runTotals(),
      records: await this.#records(),
      charges: await this.#charges(),
      storage_records: await this.#storageRecords(),
      balances: this.#balances,
      state_changes: await this.#events("account-status", (to, at) => ({ at, to })),
      stop_orders: await this.#stopOrders(),
      start_results: this.#startResults,
      rejected: [...this.#paymentsRefused, ...(await this.#quarantined())],
      alerts: await this.#alerts(),
      estimates: this.#estimates,
      totals: await this.#totals(),
    };
  }

  async #runTotals(): Promise<VectorResult["run_totals"]> {
    const { rows } = await this.#database.query<VectorResult["run_totals"][number]>(
      `SELECT r.id AS run, w.name AS workspace, proven_ms AS metered_ms, waived_ms, billed_minutes AS minutes,
              posted_amount AS amount
         FROM runs r JOIN workspaces w ON w.id = r.workspace_id ORDER BY r.id`,
    );
    return rows;
  }

  async #records(): Promise<VectorResult["records"]> {
    const { rows } = await this.#database.query<VectorResult["records"][number]>(
      `SELECT run_id AS run, line, to_char(usage_month, 'YYYY-MM') AS usage_month,
              to_char(invoice_month, 'YYYY-MM') AS invoice_month,
              sum(billing_minutes) AS minutes, sum(amount)::numeric(20,4) AS amount
         FROM billing_records WHERE run_id IS NOT NULL GROUP BY 1, 2, 3, 4`,
    );
    return rows;
  }

  async #charges(): Promise<VectorResult["charges"]> {
    const { rows } = await this.#database.query<{ at: Date; run: string; minutes: number; amount: string }>(
      `SELECT at, run, max(minutes) AS minutes, sum(amount)::numeric(20,4) AS amount
         FROM (SELECT created_at AS at, run_id AS run, line, sum(billing_minutes) AS minutes, sum(amount) AS amount
                 FROM billing_records WHERE run_id IS NOT NULL GROUP BY 1, 2, 3) lines
        GROUP BY at, run`,
    );
    return rows.map((row) => ({ ...row, at: timeText(row.at) }));
  }

  /** Only runs that had begun count: of one that was placed and never heard of the vectors know nothing. */
  async #stopOrders(): Promise<VectorResult["stop_orders"]> {
    const orders = await this.#events("stop-ordered", (run, at) => ({ at, run }));
    return orders.filter(({ at, run }) => (beginsAtMs(this.#vector, run) ?? Infinity) <= Date.parse(at));
  }

  /** A day with nothing but samples of nothing, or without any, is not charged, so it leaves nothing. */
  async #storageRecords(): Promise<VectorResult["storage_records"]> {
    const { rows } = await this.#database.query<VectorResult["storage_records"][number]>(
      `SELECT w.name AS workspace, d.day, d.samples, d.average_gb, d.billable_gb, d.amount
         FROM storage_days d JOIN workspaces w ON w.id = d.workspace_id`,
    );
    const isThere = (one: { workspace: string; day: string }) =>
      rows.some((row) => row.workspace === one.workspace && row.day === one.day);
    const nothing = { billable_gb: "0.000000", amount: "0.0000" };
    const without = this.#vector.storage.flatMap((one) => {
      const taken = samplesOf({ ...this.#vector, storage: [one] }).filter(({ bytes }) => bytes !== null);
      if (isThere(one) || taken.some(({ bytes }) => bytes !== 0)) return [];
      const average = taken.length === 0 ? null : nothing.billable_gb;
      return [
        { workspace: one.workspace, day: one.day, samples: taken.length, average_gb: average, ...nothing },
      ];
    });
    return [...rows, ...without];
  }

  async #events<T>(kind: string, of: (value: string, at: string) => T): Promise<T[]> {
    const { rows } = await this.#database.query<{ at: Date; new: string }>(
      "SELECT at, new FROM events WHERE kind = $1 ORDER BY id",
      [kind],
    );
    return rows.map((row) => of(row.new, timeText(row.at)));
  }

  async #alerts(): Promise<VectorResult["alerts"]> {
    const { rows } = await this.#database.query<{ at: Date; threshold: string }>(
      "SELECT fired_at AS at, threshold FROM alerts WHERE kind = 'low-balance' ORDER BY id",
    );
    return rows.map((row) => ({ ...row, at: timeText(row.at) }));
  }

  async #quarantined(): Promise<VectorResult["rejected"]> {
    const { rows } = await this.#database.query<{
      journal_id: string;
      seq: number;
      reason: string;
      at: Date;
    }>("SELECT journal_id, seq, reason, at FROM quarantine ORDER BY id");
    return rows.map((row) => {
      const source = this.#vector.boots.find((boot) => journalOf(boot) === row.journal_id);
      return { id: `${source?.node}/${source?.boot}/${row.seq}`, at: timeText(row.at), reason: row.reason };
    });
  }

  async #totals(): Promise<VectorResult["totals"]> {
    const { rows } = await this.#database.query<VectorResult["totals"]>(
      `SELECT (${sumOf("topup")}) AS topups, -(${sumOf("charge")}) - (${sumOf("storage")}) AS charges, (${sumOf("refund")}) AS refunds,
              (${sumOf("adjustment")}) AS adjustments, (SELECT balance FROM customers WHERE id = $1) AS closing_balance`,
      [this.#customerId],
    );
    return rows[0] as VectorResult["totals"];
  }
}

function sumOf(kind: string): string {
  return `SELECT coalesce(sum(e.amount), 0)::numeric(20,4) FROM ledger_entries e JOIN ledger_transactions t
    ON t.id = e.transaction_id WHERE e.account = 'customer' AND t.source_kind = '${kind}'`;
}

function journalOf({ node, boot }: { node: string; boot: string }): string {
  return uuidOf(`journal ${node} ${boot}`);
}

function entryOf(message: Usage): UsageEntry {
  return UsageEntry.parse({
    kind: "usage",
    runId: message.run,
    instanceId: `i-${message.run}`,
    placementEpoch: 1,
    bootId: uuidOf(`boot ${message.node} ${message.boot}`),
    startMs: message.from_ms,
    endMs: message.to_ms,
    proof: message.proven ? "exact" : "unproven",
    final: message.final,
    wallEnd: message.node_wall_start ?? "",
  });
}

/** As the vectors write it: no fraction where there is none. */
function timeText(at: Date): string {
  return at.toISOString().replace(".000Z", "Z");
}

/** Lists that the vectors compare as sets come in one order; of what was rejected only id and moment count. */
export function comparable(result: VectorResult): VectorResult {
  const byText = <T>(items: readonly T[]): T[] =>
    [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return {
    run_totals: byText(result.run_totals.map(sortedKeys)),
    records: byText(result.records.map(sortedKeys)),
    charges: byText(result.charges.map(sortedKeys)),
    storage_records: byText(result.storage_records.map(sortedKeys)),
    balances: result.balances,
    state_changes: result.state_changes,
    stop_orders: byText(result.stop_orders.map(sortedKeys)),
    start_results: result.start_results,
    rejected: byText(result.rejected.map(({ id, at }) => ({ id, at, reason: "" }))),
    alerts: result.alerts,
    estimates: result.estimates,
    totals: result.totals,
  };
}

function sortedKeys<T extends object>(item: T): T {
  return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) as T;
}
