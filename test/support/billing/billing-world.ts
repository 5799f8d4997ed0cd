/**
 * Gives the same commands to the product on Postgres and to the model in memory, in the order in which they are
 * committed, and compares what came of it. Decides nothing itself.
 */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { setCreditLimit } from "@remotegpu/control-plane/server/store/spending/suspensions";
import { startRule } from "@remotegpu/control-plane/server/store/orders/checks/start-rule";
import { lockAccounts, trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { adjust, refund, topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { addPrice } from "@remotegpu/control-plane/server/store/billing/prices/prices";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { waiveBroken } from "@remotegpu/control-plane/server/store/billing/runs/run-waivers";
import { stopWaiver } from "@remotegpu/control-plane/server/core/billing/stop-waiver";
import { lockRun, openRuns, waiveRun } from "@remotegpu/control-plane/server/store/billing/runs/runs";
import { insertCustomer } from "@remotegpu/control-plane/server/store/accounts/customers";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { HostId } from "@remotegpu/shared/values/ids";
import { type JournalBatch, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { formatDecimal, formatPoints, PRICE_DECIMALS } from "@remotegpu/shared/values/money";
import { BillingModel, type ModelRow } from "./billing-model.ts";
import { ChainedJournal } from "../samples/chained-journal.ts";
import type { ModelLine, ModelPrice } from "./model-run.ts";
import { uuidOf } from "./named-uuid.ts";
import { openStoragePool, sampleStorage } from "./storage-sampler.ts";

export interface Boot {
  readonly bootId: string;
  /** UTC at which the boot's clock was zero. */
  readonly zero: number;
}

export interface WorldHost {
  readonly id: HostId;
  readonly journal: ChainedJournal;
  boot: Boot;
}

export interface RunOrder {
  readonly id: string;
  readonly customer: number;
  readonly host: WorldHost;
  readonly spec: string;
  readonly lines: readonly ModelLine[];
  readonly at: number;
}

const BOOKS_AGREE = { total: "0.0000", unbalancedCustomers: 0 };
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const MIN_START_MINUTES = 60;

export class BillingWorld {
  readonly model: BillingModel;
  readonly calendar;
  /** Where a command goes; exchanged for one that fails amid it. */
  database: Database;
  readonly #orderedAt = new Map<string, number>();
  /** Of each customer. */
  readonly #workspaces = new Map<number, number>();
  /** By boot id. */
  readonly #zeros = new Map<string, number>();
  #lastHour: number;

  constructor(
    database: Database,
    options: { offsetMinutes: number; closeDelayHours: number; startsAt: number },
  ) {
    this.database = database;
    this.calendar = { utcOffsetMinutes: options.offsetMinutes, closeDelayHours: options.closeDelayHours };
    this.model = new BillingModel(options);
    this.#lastHour = Math.floor(options.startsAt / HOUR_MS) * HOUR_MS;
  }

  async customer(name: string): Promise<number> {
    const made = await transaction(this.database, (tx) =>
      insertCustomer(tx, {
        username: name,
        email: `${name}@example.com`,
        displayName: null,
        userType: "external",
      }),
    );
    if (!made.made) throw new Error(`the name ${name} is taken`);
    this.model.addCustomer(made.customerId);
    return made.customerId;
  }

  async host(name: string, zero: number): Promise<WorldHost> {
    await this.database.query(
      "INSERT INTO hosts (id, name, hostname, ip_address) VALUES ($1, $1, $1, '127.0.0.1')",
      [name],
    );
    const id = name as HostId;
    return {
      id,
      journal: new ChainedJournal(uuidOf(`journal ${name}`)),
      boot: await this.#newBoot(id, zero),
    };
  }

  /** The host's clock begins anew at `zero`. */
  async reboot(host: WorldHost, zero: number): Promise<void> {
    host.boot = await this.#newBoot(host.id, zero);
  }

  async #newBoot(hostId: HostId, zero: number): Promise<Boot> {
    const bootId = uuidOf(`boot ${hostId} ${this.#zeros.size}`);
    const receivedAt = new Date(zero);
    await fixBootZero(this.database, { hostId, bootId, monotonicMs: 0, receivedAt, roundTripMs: 0 });
    this.#zeros.set(bootId, zero);
    return { bootId, zero };
  }

  async price(price: ModelPrice & { readonly unit: "minute" | "hour" | "day" }): Promise<void> {
    const added = await transaction(this.database, (tx) =>
      addPrice(
        tx,
        {
          spec: price.spec,
          line: price.line,
          unitPrice: formatDecimal(price.price, PRICE_DECIMALS),
          billingUnit: price.unit,
          effectiveFrom: new Date(price.from),
          createdBy: null,
        },
        new Date(price.from),
      ),
    );
    if (added.added !== null) this.model.addPrice(price);
  }

  /**
   * Whether the start rule lets the customer start something whose hour costs so much.
   * @throws Error where product and model do not agree
   */
  async mayStart(customer: number, start: { hourly: bigint; at: number }): Promise<boolean> {
    const { hourly, at } = start;
    const decision = await transaction(this.database, async (tx) => {
      const accounts = await lockAccounts(tx, [customer]);
      const rule = { accounts, waiting: new Map(), minStartMinutes: MIN_START_MINUTES, at: new Date(at) };
      return (await startRule(tx, rule))({ customerId: customer, hourly });
    });
    const minStartMinutes = BigInt(MIN_START_MINUTES);
    const expected = this.model.mayStart(customer, { hourly, minStartMinutes, now: at });
    if (decision.allowed !== expected)
      throw new Error(`a start of customer ${customer} is ${decision.allowed}, by the model ${expected}`);
    return expected;
  }

  async order(order: RunOrder): Promise<void> {
    const { id, host, customer } = order;
    await transaction(this.database, async (tx) => {
      await tx.query(
        "INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state) VALUES ($1, 'environment', $2, 1, 'ready')",
        [`i-${id}`, `env-${id}`],
      );
      await tx.query(
        `INSERT INTO placements (instance_id, epoch, host_id, state, run_id, spec, spec_hash, cpu_milli, memory_bytes)
         VALUES ($1, 1, $2, 'ready', $3, '{}', '', 0, 0)`,
        [`i-${id}`, host.id, id],
      );
      await openRuns(tx, [
        {
          id,
          instanceId: `i-${id}`,
          epoch: 1,
          hostId: host.id,
          customerId: customer,
          orderedBy: customer,
          workspaceId: null,
          resourceType: "environment",
          resourceId: `env-${id}`,
          resourceName: id,
          spec: order.spec,
          gpuModel: null,
          orderedAt: new Date(order.at),
          lines: order.lines,
        },
      ]);
    });
    this.model.open(order);
    this.#orderedAt.set(id, order.at);
  }

  fundsOf(customer: number): bigint {
    const account = this.model.accounts.get(customer);
    return account === undefined ? 0n : account.balance + account.creditLimit;
  }

  orderedAt(run: string): number {
    return this.#orderedAt.get(run) ?? NaN;
  }

  /** Writes into the host's journal, as of its present boot; answers the seq. */
  write(
    host: WorldHost,
    claim: { run: string; from: number; to: number; isProven?: boolean; isFinal?: boolean },
  ): number {
    return host.journal.append(
      UsageEntry.parse({
        kind: "usage",
        runId: claim.run,
        instanceId: `i-${claim.run}`,
        placementEpoch: 1,
        bootId: host.boot.bootId,
        startMs: claim.from - host.boot.zero,
        endMs: claim.to - host.boot.zero,
        proof: claim.isProven === false ? "unproven" : "exact",
        final: claim.isFinal ?? false,
        // A label that nobody may go by: it jumps by years.
        wallEnd: new Date(claim.to + ((claim.to % 7) - 3) * YEAR_MS).toISOString(),
      }),
    );
  }

  /** A batch arrives. */
  async deliver(host: WorldHost, [firstSeq, lastSeq]: readonly [number, number], now: number): Promise<void> {
    const batch = host.journal.batch(firstSeq, lastSeq);
    await ingestBatch(
      { db: this.database, verify: async () => true, calendar: this.calendar },
      host.id,
      batch,
      new Date(now),
    );
    this.model.ingest(this.#modelRows(batch), now);
  }

  #modelRows(batch: JournalBatch): ModelRow[] {
    return batch.rows.flatMap(({ seq, entry }) => {
      if (entry.kind !== "usage") return [];
      const zero = this.#zeros.get(entry.bootId) ?? NaN;
      return [
        {
          key: `${batch.journalId} ${seq}`,
          run: entry.runId,
          from: entry.startMs + zero,
          to: entry.endMs + zero,
          isProven: entry.proof !== "unproven",
          isFinal: entry.final,
        },
      ];
    });
  }

  /** The leader looks at the clock, again and again until every hour that has come is charged. */
  async tick(now: number): Promise<void> {
    const at = new Date(now);
    const term = (await acquireLeadership(this.database, { holder: "world", now: at })) ?? 0;
    const deps = { db: this.database, calendar: this.calendar };
    while ((await chargeDueHours(deps, { term, now: at })).length > 0);
    for (let hour = this.#lastHour + HOUR_MS; hour <= now; hour += HOUR_MS) {
      this.model.tick(hour);
      this.#lastHour = hour;
    }
  }

  /** From now on each customer's personal workspace has something on a pool that is sampled. */
  async openStorage(terms: { price: bigint; freeGb: bigint }, customers: readonly number[]): Promise<void> {
    const { rows } = await this.database.query<{ id: number; owner_id: number }>(
      "SELECT id, owner_id FROM workspaces WHERE owner_id = ANY($1::bigint[])",
      [customers],
    );
    for (const { id, owner_id: ownerId } of rows) this.#workspaces.set(ownerId, id);
    await transaction(this.database, (tx) =>
      openStoragePool(tx, {
        price: formatDecimal(terms.price, PRICE_DECIMALS),
        freeGb: String(terms.freeGb),
        resources: rows.map((row) => ({
          workspaceId: row.id,
          ownerId: row.owner_id,
          name: `data-${row.id}`,
        })),
      }),
    );
    this.model.storageTerms = terms;
  }

  /** What each customer has stored in the hour of `now`; null could not be measured. */
  async sample(bytesOf: ReadonlyMap<number, bigint | null>, now: number): Promise<void> {
    const bytesOfWorkspace = new Map(
      [...bytesOf].map(([customer, bytes]) => [
        this.#workspaces.get(customer) ?? 0,
        bytes === null ? null : Number(bytes),
      ]),
    );
    await sampleStorage(this.database, bytesOfWorkspace, new Date(now));
    for (const [customer, bytes] of bytesOf)
      if (bytes !== null) this.model.sample(customer, Math.floor(now / HOUR_MS) * HOUR_MS, bytes);
  }

  async pay(
    kind: "topup" | "adjustment",
    { id, customer, points, at }: { id: string; customer: number; points: bigint; at: number },
  ): Promise<void> {
    const payment = {
      id,
      customerId: customer,
      amount: points,
      at: new Date(at),
      reason: "test",
      actor: "test",
    };
    await transaction(this.database, (tx) => (kind === "topup" ? topUp(tx, payment) : adjust(tx, payment)));
    if (kind === "topup") this.model.topUp(`topup ${id}`, customer, points, at);
    else this.model.adjust(`adjustment ${id}`, customer, points, at);
  }

  async refund({
    id,
    run,
    points,
    at,
  }: {
    id: string;
    run: string;
    points: bigint;
    at: number;
  }): Promise<void> {
    const payment = { id, runId: run, amount: points, at: new Date(at), reason: "test", actor: "test" };
    const made = await transaction(this.database, (tx) => refund(tx, payment));
    const expected = this.model.refund(`refund ${id}`, run, points, at);
    if (made.posted !== expected) throw new Error(`refund ${id}: the model says ${expected}`);
  }

  async creditLimit(customer: number, points: bigint, at: number): Promise<void> {
    await transaction(this.database, (tx) =>
      setCreditLimit(tx, { customerId: customer, creditLimit: formatPoints(points), at: new Date(at) }),
    );
    this.model.setCreditLimit(customer, points);
  }

  /** An order to end it; the product's table says from when on that frees it, the model by its own words. */
  async stop(
    run: string,
    { rule, grace }: { rule: "person" | "rule" | "host"; grace: number | null },
    at: number,
  ): Promise<void> {
    const by = rule === "person" ? "customer" : "control-plane";
    const cause = rule === "host" ? "host" : "own";
    const { fromMs } = stopWaiver({ by, cause, orderedMs: at, chosenGraceSeconds: grace });
    await transaction(this.database, async (tx) => {
      await tx.query("UPDATE placements SET want = 'stopped', ordered_by = $2 WHERE run_id = $1", [run, by]);
      const held = await lockRun(tx, run);
      if (held?.closedAt === null)
        await waiveRun(tx, { runId: run, from: new Date(fromMs), reason: "stopped" });
    });
    this.model.stop(run, { rule, grace, at });
  }

  /** `to` Infinity: it lasts on, until the same again with an end. */
  async breakDown(run: string, [from, to]: readonly [number, number], now: number): Promise<void> {
    await transaction(this.database, async (tx) => {
      await lockRun(tx, run);
      const end = to === Infinity ? null : new Date(to);
      const stretch = {
        runId: run,
        reason: "gpu-lost",
        from: new Date(from),
        to: end,
        evidence: {},
      } as const;
      await waiveBroken(tx, stretch, new Date(now));
    });
    this.model.breakDown(run, from, to);
  }

  /** A sentence for each thing in which the product and the model differ, of what changed since the last time. */
  async differences({ all = false } = {}): Promise<string[]> {
    const ids = all ? [...this.model.runs.keys()] : [...this.model.touched];
    this.model.touched.clear();
    return [
      ...(await this.#runDifferences(ids)),
      ...(await this.#recordDifferences(ids)),
      ...(await this.#accountDifferences()),
      ...(all ? await this.#bookDifferences() : []),
    ];
  }

  async #runDifferences(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.database.query<{ id: string; text: string }>(
      `SELECT id, concat_ws(' ', proven_ms, billed_minutes, posted_amount, CASE WHEN uncharged THEN 'uncharged' ELSE 'waived ' || waived_ms END) AS text
         FROM runs WHERE id = ANY($1::text[])`,
      [ids],
    );
    return rows.flatMap(({ id, text }) => {
      const run = this.model.runs.get(id);
      if (run === undefined) return [`run ${id} is not the model's`];
      const rest = run.dirty ? "uncharged" : `waived ${run.waivedMs()}`;
      const expected = `${run.provenMs()} ${this.model.minutesOf(run)} ${formatPoints(this.model.postedOf(run))} ${rest}`;
      return text === expected ? [] : [`run ${id} is ${text}, by the model ${expected}`];
    });
  }

  async #recordDifferences(ids: readonly string[]): Promise<string[]> {
    const { rows } = await this.database.query<{ key: string; text: string }>(
      `SELECT concat_ws(' ', run_id, line, to_char(usage_month, 'YYYY-MM'), to_char(invoice_month, 'YYYY-MM')) AS key,
              sum(billing_minutes) || ' ' || sum(amount) AS text
         FROM billing_records WHERE run_id = ANY($1::text[]) GROUP BY 1`,
      [ids],
    );
    const sums = new Map(rows.map((row) => [row.key, row.text]));
    const requested = new Set(ids);
    const expected = new Map(
      [...this.model.records]
        .filter(([key]) => requested.has(key.split(" ", 1)[0] ?? ""))
        .map(([key, { minutes, amount }]) => [key, `${minutes} ${formatPoints(amount)}`]),
    );
    return [...new Set([...sums.keys(), ...expected.keys()])].flatMap((key) =>
      sums.get(key) === expected.get(key)
        ? []
        : [`records ${key} sum to ${sums.get(key)}, by the model ${expected.get(key)}`],
    );
  }

  async #accountDifferences(): Promise<string[]> {
    const { rows } = await this.database.query<{ id: number; text: string }>(
      "SELECT id, concat_ws(' ', balance, overdue_status, overdue_since AT TIME ZONE 'UTC') AS text FROM customers ORDER BY id",
    );
    return rows.flatMap(({ id, text }) => {
      const account = this.model.accounts.get(id);
      if (account === undefined) return [];
      const since = new Date(account.overdueSince)
        .toISOString()
        .replace("T", " ")
        .replace(/\.?0*Z$/, "");
      const expected = [
        formatPoints(account.balance),
        account.status,
        ...(account.status === "normal" ? [] : [since]),
      ].join(" ");
      return text === expected ? [] : [`customer ${id} is ${text}, by the model ${expected}`];
    });
  }

  async #bookDifferences(): Promise<string[]> {
    const books = await trialBalance(this.database);
    const agree = JSON.stringify(books) === JSON.stringify(BOOKS_AGREE);
    return agree ? [] : [`the books do not agree: ${JSON.stringify(books)}`];
  }
}
