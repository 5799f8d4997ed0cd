/**
 * All of billing, said once more as one plain object in memory: runs, prices, accounts, hours. It takes the same
 * commands as the product, in the order in which they are committed, and answers what must then be true. Written from
 * the rules of the billing vectors; shares no code with the product.
 */
import { type ModelLine, type ModelPrice, ModelRun, monthEnd, monthName, type Posted } from "./model-run.ts";

export interface ModelAccount {
  balance: bigint;
  creditLimit: bigint;
  status: "normal" | "overdue" | "suspended";
  overdueSince: number;
  /** What every posting was, in order. */
  entries: bigint[];
}

export interface ModelRow {
  readonly key: string;
  readonly run: string;
  /** In UTC. */
  readonly from: number;
  readonly to: number;
  readonly isProven: boolean;
  readonly isFinal: boolean;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** In bytes. */
const GB = 2n ** 30n;

interface StorageTerms {
  /** In 1/1,000,000 point for a GB and day. */
  readonly price: bigint;
  readonly freeGb: bigint;
}

export class BillingModel {
  readonly runs = new Map<string, ModelRun>();
  readonly accounts = new Map<number, ModelAccount>();
  /** "run line usage-month invoice-month". */
  readonly records = new Map<string, Posted>();
  /** What changed since it was last asked. */
  readonly touched = new Set<string>();
  /** Runs that suspensions ordered to stop. */
  readonly stopOrders: { run: string; at: number }[] = [];
  /** What storage costs; nothing is charged without. */
  storageTerms: StorageTerms | null = null;
  /** By "customer day": the samples that are there. */
  readonly #samples = new Map<string, bigint[]>();
  readonly #prices: ModelPrice[] = [];
  readonly #seen = new Set<string>();
  readonly #refunded = new Map<string, bigint>();
  readonly #payments = new Set<string>();
  readonly #offsetMinutes: number;
  readonly #closeDelayMs: number;

  constructor(calendar: { offsetMinutes: number; closeDelayHours: number }) {
    this.#offsetMinutes = calendar.offsetMinutes;
    this.#closeDelayMs = calendar.closeDelayHours * HOUR;
  }

  addPrice(price: ModelPrice): void {
    this.#prices.push(price);
  }

  addCustomer(customer: number, creditLimit = 0n): void {
    const account = { balance: 0n, creditLimit, status: "normal", overdueSince: 0, entries: [] } as const;
    this.accounts.set(customer, { ...account, entries: [] });
  }

  open(run: { id: string; customer: number; spec: string; lines: readonly ModelLine[] }): void {
    this.runs.set(run.id, new ModelRun({ ...run, offsetMinutes: this.#offsetMinutes }));
  }

  /** Rows of one batch, as they arrive together. */
  ingest(rows: readonly ModelRow[], now: number): void {
    const finished = new Set<string>();
    for (const row of rows) {
      const run = this.runs.get(row.run);
      if (run === undefined || this.#seen.has(row.key)) continue;
      this.#seen.add(row.key);
      this.touched.add(run.id);
      if (row.isProven) run.prove(row.from, row.to);
      if (row.isFinal) finished.add(row.run);
    }
    for (const id of [...finished].sort()) {
      const run = this.#run(id);
      run.closed = true;
      this.#charge(run, { at: now, until: Infinity });
    }
  }

  /** A customer has one workspace, and all of it lies on one pool. `hour` is the one that the sample is of. */
  sample(customer: number, hour: number, bytes: bigint): void {
    const key = `${customer} ${this.#dayOf(hour)}`;
    this.#samples.set(key, [...(this.#samples.get(key) ?? []), bytes]);
  }

  /** The local day, as a number. */
  #dayOf(at: number): number {
    return Math.floor((at + this.#offsetMinutes * 60_000) / DAY);
  }

  /** At the first full hour of a day, for the day before. */
  #chargeStorage(customer: number, hour: number): void {
    const day = this.#dayOf(hour) - 1;
    const samples = this.#samples.get(`${customer} ${day}`) ?? [];
    if (this.storageTerms === null || this.#dayOf(hour - HOUR) !== day || samples.length === 0) return;
    const { price, freeGb } = this.storageTerms;
    const count = BigInt(samples.length);
    const beyondFree = samples.reduce((sum, bytes) => sum + bytes, 0n) - freeGb * GB * count;
    if (beyondFree <= 0n) return;
    // From 1/1,000,000 to 1/10,000 point.
    const divisor = count * GB * 100n;
    const amount = (2n * beyondFree * price + divisor) / (2n * divisor);
    if (amount > 0n) this.#post(customer, -amount, hour);
  }

  /** An hour's tick, under its nominal hour. */
  tick(hour: number): void {
    const due = [...this.runs.values()].filter((run) => run.dirty).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const run of due) this.#charge(run, { at: hour, until: hour });
    const customers = [...this.accounts.keys()].sort((a, b) => a - b);
    for (const customer of customers) this.#chargeStorage(customer, hour);
    for (const customer of customers) this.#settle(customer, hour);
  }

  topUp(id: string, customer: number, amount: bigint, at: number): void {
    if (this.#isNew(id)) this.#post(customer, amount, at);
  }

  adjust(id: string, customer: number, amount: bigint, at: number): void {
    if (this.#isNew(id)) this.#post(customer, amount, at);
  }

  /** Whether it was made. */
  refund(id: string, runId: string, amount: bigint, at: number): boolean {
    const run = this.#run(runId);
    const before = this.#refunded.get(runId) ?? 0n;
    if (this.#payments.has(id) || amount > this.postedOf(run) - before) return false;
    this.#payments.add(id);
    this.#refunded.set(runId, before + amount);
    this.#post(run.customer, amount, at);
    return true;
  }

  setCreditLimit(customer: number, limit: bigint): void {
    const account = this.#account(customer);
    account.creditLimit = limit;
    if (account.balance + limit > 0n) account.status = "normal";
  }

  waive(runId: string, from: number): void {
    const run = this.#run(runId);
    if (run.closed || run.waiveFrom <= from) return;
    run.waiveFrom = from;
    run.wanted = false;
    this.#markWaived(run, from);
  }

  /** An order to end it, by the rule that holds for it; `grace` is what its order chose, in seconds. */
  stop(
    runId: string,
    { rule, grace, at }: { rule: "person" | "rule" | "host"; grace: number | null; at: number },
  ): void {
    const chosenMs = grace === null ? 0 : grace * 1_000;
    const chargedMs = { person: 60_000 + chosenMs, rule: chosenMs, host: 0 }[rule];
    this.waive(runId, at + chargedMs);
  }

  /** A replica: what it uses before it serves may be free. */
  beginLoading(runId: string, orderedAt: number): void {
    this.#run(runId).orderedAt = orderedAt;
  }

  serve(runId: string, at: number): void {
    const run = this.#run(runId);
    run.servedAt = Math.min(run.servedAt, at);
  }

  /** Slice by slice from the earliest on, each for the one that was ordered first, until an hour's allowance is used. */
  grantLoading(allowanceMs: number): void {
    for (const customer of this.accounts.keys()) {
      const own = [...this.runs.values()].filter(
        (run) => run.customer === customer && run.orderedAt !== null,
      );
      own.sort((a, b) => (a.orderedAt ?? 0) - (b.orderedAt ?? 0) || (a.id < b.id ? -1 : 1));
      const loads = own.map((run) => ({ run, stretches: run.loading() }));
      if (loads.every(({ stretches }) => stretches.length === 0)) continue;
      const granted = own.flatMap((run) => run.free);
      const edges = new Set([...loads.flatMap(({ stretches }) => stretches), ...granted].flat());
      const [first, last] = [Math.min(...edges), Math.max(...edges)];
      for (let hour = Math.ceil(first / HOUR) * HOUR; hour < last; hour += HOUR) edges.add(hour);
      const inOrder = [...edges].sort((a, b) => a - b);
      for (const [nth, from] of inOrder.entries()) {
        const to = inOrder[nth + 1];
        const covers = ([start, end]: readonly [number, number]) => start <= from && from < end;
        if (to === undefined || granted.some(covers)) continue;
        const loader = loads.find(({ stretches }) => stretches.some(covers))?.run;
        const hour = Math.floor(from / HOUR) * HOUR;
        const used = granted
          .filter(([start]) => start >= hour && start < hour + HOUR)
          .reduce((sum, [start, end]) => sum + end - start, 0);
        const end = Math.min(to, from + allowanceMs - used);
        if (loader === undefined || end <= from) continue;
        granted.push([from, end]);
        loader.free.push([from, end]);
        this.#markWaived(loader, from);
      }
    }
  }

  /** How long a run was within that time, as far as it is charged by now. */
  chargeableMs(runId: string, [from, to]: readonly [number, number]): number {
    return this.#run(runId)
      .payable()
      .reduce((sum, [start, end]) => sum + Math.max(0, Math.min(end, to) - Math.max(start, from)), 0);
  }

  /** A stretch in which the run was broken; the same `from` again sets the end of one that had none. */
  breakDown(runId: string, from: number, to: number): void {
    const run = this.#run(runId);
    const known = run.broken.get(String(from));
    if (known !== undefined && known[1] !== Infinity) return;
    run.broken.set(String(from), [from, to]);
    this.#markWaived(run, from);
  }

  /** May something start whose hour costs `hourly`, beside all that runs and is on its way? */
  mayStart(customer: number, start: { hourly: bigint; minStartMinutes: bigint; now: number }): boolean {
    const { status, balance, creditLimit } = this.#account(customer);
    const { minStartMinutes, now } = start;
    const hourly = [...this.runs.values()]
      .filter((run) => run.customer === customer && run.wanted && !run.closed)
      .reduce((sum, run) => sum + run.hourly(this.#prices, now), start.hourly);
    const funds = balance + creditLimit;
    return status === "normal" && funds > 0n && funds * 60n >= hourly * minStartMinutes;
  }

  postedOf(run: ModelRun): bigint {
    return [...run.posted.values()].reduce((sum, { amount }) => sum + amount, 0n);
  }

  minutesOf(run: ModelRun): number {
    const [first] = run.lines;
    const ofLine = [...run.posted].filter(([key]) => key.endsWith(` ${first?.line ?? ""}`));
    return ofLine.reduce((sum, [, { minutes }]) => sum + minutes, 0);
  }

  #charge(run: ModelRun, { at, until }: { at: number; until: number }): void {
    if (run.lastPostedAt > at) return;
    const shares = run.shares(this.#prices, until);
    if (shares === null) return;
    this.touched.add(run.id);
    let amount = 0n;
    for (const key of new Set([...shares.keys(), ...run.posted.keys()])) {
      const due = shares.get(key) ?? { minutes: 0, amount: 0n };
      const posted = run.posted.get(key) ?? { minutes: 0, amount: 0n };
      const difference = { minutes: due.minutes - posted.minutes, amount: due.amount - posted.amount };
      if (difference.minutes === 0 && difference.amount === 0n) continue;
      run.posted.set(key, due);
      run.lastPostedAt = at;
      amount += difference.amount;
      this.#record(run.id, key, difference, at);
    }
    run.dirty = run.provenMs(until) < run.provenMs();
    if (amount === 0n) return;
    // What is not charged any more and was refunded before is taken back: it comes to nothing, or to less.
    const refunded = this.#refunded.get(run.id) ?? 0n;
    const excess = refunded - this.postedOf(run);
    const rolledBack = amount < 0n && excess > 0n ? excess : 0n;
    this.#refunded.set(run.id, refunded - rolledBack);
    const account = this.#account(run.customer);
    const inTurn = [-amount, -rolledBack];
    if (account.balance + account.creditLimit <= 0n) inTurn.reverse();
    for (const change of inTurn) if (change !== 0n) this.#post(run.customer, change, at);
  }

  #record(runId: string, monthAndLine: string, difference: Posted, at: number): void {
    const [month = "", ...line] = monthAndLine.split(" ");
    const closesAt = monthEnd(Date.parse(`${month}-15T12:00:00Z`), this.#offsetMinutes) + this.#closeDelayMs;
    const invoice = at < closesAt ? month : monthName(at, this.#offsetMinutes);
    const key = `${runId} ${line.join(" ")} ${month} ${invoice}`;
    const known = this.records.get(key) ?? { minutes: 0, amount: 0n };
    this.records.set(key, {
      minutes: known.minutes + difference.minutes,
      amount: known.amount + difference.amount,
    });
  }

  #post(customer: number, change: bigint, at: number): void {
    const account = this.#account(customer);
    account.balance += change;
    account.entries.push(change);
    if (account.balance + account.creditLimit > 0n) account.status = "normal";
    else if (account.status === "normal" && change < 0n) {
      account.status = "overdue";
      account.overdueSince = at;
    }
  }

  #settle(customer: number, hour: number): void {
    const account = this.#account(customer);
    const isOut = account.balance + account.creditLimit <= 0n;
    if (!isOut) account.status = "normal";
    if (!isOut || account.status !== "overdue" || account.overdueSince >= hour) return;
    account.status = "suspended";
    for (const run of this.runs.values()) {
      if (run.customer !== customer || run.closed) continue;
      if (run.wanted) this.stopOrders.push({ run: run.id, at: hour });
      run.wanted = false;
      if (run.waiveFrom <= hour) continue;
      run.waiveFrom = hour;
      this.#markWaived(run, hour);
    }
  }

  #markWaived(run: ModelRun, from: number): void {
    this.touched.add(run.id);
    if ((run.lastProven() ?? -Infinity) > from) run.dirty = true;
  }

  #isNew(id: string): boolean {
    if (this.#payments.has(id)) return false;
    this.#payments.add(id);
    return true;
  }

  #run(id: string): ModelRun {
    const run = this.runs.get(id);
    if (run === undefined) throw new Error(`the model has no run ${id}`);
    return run;
  }

  #account(customer: number): ModelAccount {
    const account = this.accounts.get(customer);
    if (account === undefined) throw new Error(`the model has no customer ${customer}`);
    return account;
  }
}
