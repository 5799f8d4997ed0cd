/**
 * A fleet over months of simulated time: hosts that run things, reboot, go away, send twice, late and in pieces;
 * customers who order, stop, pay and run out of money; prices that change; a control plane that dies amid its
 * statements and misses hours. Everything is drawn from one seed. The product's ingest, hour tick and payments do the
 * work on Postgres, and after every hour the model of the same commands has to agree.
 */
import { drawFrom, type Draw } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { BillingWorld, type WorldHost } from "../support/billing/billing-world.ts";
import { failingDatabase } from "../support/engines/failing-database.ts";
import type { FreshDatabase } from "../support/engines/postgres.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const POINT = 10_000n;
const ONE = 10n ** 30n;
const GB = 2n ** 30n;
/** A row says at most so much of a run. */
const ROW_MS = 20 * MINUTE;
const MAX_RUNS_PER_HOST = 4;

interface RunningRun {
  readonly id: string;
  /** When its metering began. */
  readonly gate: number;
  /** Up to where the journal has it. */
  written: number;
  /** When the host stops it; Infinity while nobody wants that. */
  stopsAt: number;
}

interface SimulatedHost {
  readonly world: WorldHost;
  running: RunningRun[];
  /** Rows up to this seq were sent and taken. */
  sent: number;
  awayUntil: number;
}

export interface FleetOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly customers: number;
  readonly startsAt: number;
}

/** What happened, for the reader. */
export interface FleetCounts {
  runs: number;
  rows: number;
  crashes: number;
  suspensions: number;
  reboots: number;
  outages: number;
}

export class FleetSimulation {
  readonly counts: FleetCounts = { runs: 0, rows: 0, crashes: 0, suspensions: 0, reboots: 0, outages: 0 };
  readonly #world: BillingWorld;
  readonly #fresh: FreshDatabase;
  readonly #draw: Draw;
  readonly #hosts: SimulatedHost[] = [];
  readonly #customers: number[] = [];
  readonly #stored = new Map<number, bigint>();
  readonly #broken = new Map<string, { from: number; ends: number }>();
  #now: number;
  #ids = 0;
  #stopOrdersSeen = 0;
  #controlPlaneAwayUntil = 0;

  private constructor(fresh: FreshDatabase, options: FleetOptions) {
    this.#fresh = fresh;
    this.#draw = drawFrom(options.seed);
    this.#now = options.startsAt;
    this.#world = new BillingWorld(fresh.database, {
      offsetMinutes: 480,
      closeDelayHours: 24,
      startsAt: options.startsAt,
    });
  }

  static async begin(fresh: FreshDatabase, options: FleetOptions): Promise<FleetSimulation> {
    const fleet = new FleetSimulation(fresh, options);
    await fleet.#world.tick(options.startsAt);
    for (const [spec, line, points] of [
      ["small", "cpu", 50_000n],
      ["small", "memory", 10_000n],
      ["large", "gpu", 3_333_333n],
      ["large", "cpu", 70_001n],
    ] as const)
      await fleet.#addPrice(spec, line, points, options.startsAt - HOUR);
    for (let index = 0; index < options.customers; index++) await fleet.#addCustomer(index);
    for (let index = 0; index < options.hosts; index++) await fleet.#addHost(index);
    await fleet.#world.openStorage({ price: 3_333n, freeGb: 50n }, fleet.#customers);
    return fleet;
  }

  /** Plays one hour. Answers in what product and model differ after it. */
  async hour(): Promise<string[]> {
    const end = this.#now + HOUR;
    const steps = [
      ...this.#hosts.map((host) => ({
        at: this.#momentBefore(end),
        act: (at: number) => this.#hostStep(host, at),
      })),
      ...this.#customers.map((customer) => ({
        at: this.#momentBefore(end),
        act: (at: number) => this.#customerStep(customer, at),
      })),
      { at: this.#momentBefore(end), act: (at: number) => this.#ownerStep(at) },
      { at: this.#momentBefore(end), act: (at: number) => this.#sampleStep(at) },
    ].sort((a, b) => a.at - b.at);
    for (const { at, act } of steps) await act(at);
    this.#now = end;
    if (this.#isOneIn(80)) this.#controlPlaneAwayUntil = end + (1 + this.#draw(6)) * HOUR;
    if (end >= this.#controlPlaneAwayUntil) await this.#tick(end + this.#draw(5 * SECOND));
    return this.#world.differences();
  }

  /** Everything that was ever made, and the books. */
  async wholeDifferences(): Promise<string[]> {
    return this.#world.differences({ all: true });
  }

  async #tick(now: number): Promise<void> {
    await this.#survivingCrashes(() => this.#world.tick(now));
    const orders = this.#world.model.stopOrders.slice(this.#stopOrdersSeen);
    this.#stopOrdersSeen += orders.length;
    this.counts.suspensions += orders.length;
    for (const { run } of orders) this.#stopSoon(run, now + this.#draw(10 * MINUTE));
  }

  async #hostStep(host: SimulatedHost, at: number): Promise<void> {
    if (this.#isOneIn(300)) await this.#reboot(host, at);
    else this.#write(host, at);
    if (this.#isOneIn(400)) {
      this.counts.outages += 1;
      host.awayUntil = at + this.#draw(72) * HOUR;
    }
    if (at >= host.awayUntil) await this.#send(host, at);
  }

  /** What runs is written up to now; what was to stop by now has. */
  #write(host: SimulatedHost, at: number): void {
    for (const run of host.running) {
      const until = Math.min(at, run.stopsAt);
      const isProven = !this.#isOneIn(40);
      while (run.written < until) {
        const to = Math.min(run.written + ROW_MS, until);
        const isFinal = to === run.stopsAt;
        this.#world.write(host.world, { run: run.id, from: run.written, to, isProven, isFinal });
        run.written = to;
      }
      // A run that was to stop before it was even written about ends all the same.
      if (run.stopsAt <= at && run.written > run.stopsAt)
        this.#world.write(host.world, { run: run.id, from: run.written, to: run.written, isFinal: true });
    }
    host.running = host.running.filter((run) => run.stopsAt > at);
  }

  /** What ran until shortly before it goes on after it, under another clock. */
  async #reboot(host: SimulatedHost, at: number): Promise<void> {
    this.counts.reboots += 1;
    this.#write(host, at - 2 * MINUTE);
    await this.#world.reboot(host.world, at - MINUTE - this.#draw(SECOND));
    for (const run of host.running) run.written = Math.max(run.written, at);
  }

  /** In one piece, or in two of which the later comes first, or with what was sent before; twice at times. */
  async #send(host: SimulatedHost, at: number): Promise<void> {
    const { journal } = host.world;
    if (journal.head === host.sent) return;
    const [first, last] = [host.sent + 1, journal.head];
    this.counts.rows += last - first + 1;
    const middle = first + this.#draw(last - first + 1);
    const pieces: [number, number][] =
      middle > first && this.#isOneIn(4)
        ? [
            [middle, last],
            [first, middle - 1],
          ]
        : [[this.#isOneIn(10) ? Math.max(1, first - 5) : first, last]];
    if (this.#isOneIn(10)) pieces.push([first, last]);
    for (const piece of pieces)
      for (const part of inBatches(piece))
        await this.#survivingCrashes(() => this.#world.deliver(host.world, part, at));
    host.sent = last;
  }

  async #customerStep(customer: number, at: number): Promise<void> {
    const own = this.#hosts.flatMap((host) =>
      host.running.filter((run) => this.#customerOf(run.id) === customer),
    );
    if (this.#isOneIn(5)) await this.#order(customer, at);
    const stopped = own[this.#draw(Math.max(own.length * 20, 1))];
    if (stopped !== undefined && stopped.stopsAt === Infinity) {
      await this.#world.stop(stopped.id, { rule: "person", grace: null }, at);
      this.#stopSoon(stopped.id, at + this.#draw(3 * MINUTE));
    }
    if (this.#isOneIn(15))
      await this.#world.pay("topup", {
        id: this.#newId("t"),
        customer,
        points: BigInt(1 + this.#draw(400)) * POINT,
        at,
      });
  }

  /** Hosts take what they have room for; a payer without money gets nothing. */
  async #order(customer: number, at: number): Promise<void> {
    const host = this.#hosts[this.#draw(this.#hosts.length)];
    if (host === undefined || host.running.length >= MAX_RUNS_PER_HOST || at < host.awayUntil) return;
    const isLarge = this.#isOneIn(2);
    const lines = isLarge
      ? [
          { line: "gpu", quantity: BigInt(1 + this.#draw(8)) * ONE },
          { line: "cpu", quantity: BigInt(1 + this.#draw(32)) * ONE },
        ]
      : [
          { line: "cpu", quantity: BigInt(1 + this.#draw(16)) * ONE },
          { line: "memory", quantity: (BigInt(1 + this.#draw(100_000)) * ONE) / 1024n },
        ];
    if (!(await this.#world.mayStart(customer, { hourly: isLarge ? 4n * POINT : POINT / 10n, at }))) return;
    const id = this.#newId("r");
    await this.#world.order({ id, customer, host: host.world, spec: isLarge ? "large" : "small", lines, at });
    this.counts.runs += 1;
    const gate = at + 1 + this.#draw(MINUTE);
    host.running.push({ id, gate, written: gate, stopsAt: Infinity });
  }

  /** Some hours nobody samples, and some workspaces cannot be measured. */
  async #sampleStep(at: number): Promise<void> {
    if (this.#isOneIn(25)) return;
    for (const customer of this.#customers) {
      const grown =
        (this.#stored.get(customer) ?? 0n) + BigInt(this.#draw(8) - 3) * GB + BigInt(this.#draw(99_999));
      this.#stored.set(customer, grown > 1n ? grown : 1n);
    }
    const measured = [...this.#stored].map(
      ([customer, bytes]) => [customer, this.#isOneIn(20) ? null : bytes] as const,
    );
    await this.#world.sample(new Map(measured), at);
  }

  /** Prices, corrections, refunds, credit, cards that fall off and come back. */
  async #ownerStep(at: number): Promise<void> {
    const customer = this.#customers[this.#draw(this.#customers.length)] ?? 0;
    if (this.#isOneIn(100))
      await this.#addPrice(
        "large",
        "gpu",
        BigInt(1_000_000 + this.#draw(4_000_000)),
        at + this.#draw(24 * HOUR),
      );
    if (this.#isOneIn(30)) {
      const points = BigInt(this.#draw(20_000) - 10_000);
      if (points !== 0n) await this.#world.pay("adjustment", { id: this.#newId("a"), customer, points, at });
    }
    if (this.#isOneIn(200)) await this.#world.creditLimit(customer, BigInt(this.#draw(5)) * 10n * POINT, at);
    if (this.#isOneIn(20)) await this.#refund(at);
    await this.#breakAndMend(at);
  }

  async #refund(at: number): Promise<void> {
    const runs = [...this.#world.model.runs.values()].slice(-200);
    const run = runs[this.#draw(runs.length)];
    if (run === undefined) return;
    const charged = this.#world.model.postedOf(run);
    if (charged > 0n)
      await this.#world.refund({
        id: this.#newId("f"),
        run: run.id,
        points: charged / BigInt(1 + this.#draw(2)),
        at,
      });
  }

  async #breakAndMend(at: number): Promise<void> {
    for (const [run, { from, ends }] of this.#broken)
      if (ends <= at) {
        await this.#world.breakDown(run, [from, ends], at);
        this.#broken.delete(run);
      }
    const host = this.#hosts[this.#draw(this.#hosts.length)];
    const run = host?.running[0];
    if (run === undefined || this.#broken.has(run.id) || !this.#isOneIn(5)) return;
    const from = at - this.#draw(2 * HOUR);
    this.#broken.set(run.id, { from, ends: at + 1 + this.#draw(5 * HOUR) });
    await this.#world.breakDown(run.id, [from, Infinity], at);
  }

  /** Some commands find a control plane that dies at one of their statements, and are tried again by the next one. */
  async #survivingCrashes(command: () => Promise<void>): Promise<void> {
    if (!this.#isOneIn(50)) return command();
    this.counts.crashes += 1;
    const when = this.#isOneIn(2) ? "before" : "after";
    const at = this.#isOneIn(4) ? "COMMIT" : 1 + this.#draw(20);
    const dying = failingDatabase(this.#fresh.url, { at, when });
    this.#world.database = dying;
    try {
      await command();
    } catch (error) {
      if (!dying.hasFailed()) throw error;
      this.#world.database = this.#fresh.database;
      await command();
    } finally {
      this.#world.database = this.#fresh.database;
      await dying.close();
    }
  }

  /** Every other time at the end of a whole minute, or a millisecond beside it: there the bill jumps. */
  #stopSoon(runId: string, at: number): void {
    for (const host of this.#hosts)
      for (const run of host.running) {
        if (run.id !== runId) continue;
        const edge = run.gate + Math.ceil((at - run.gate) / MINUTE) * MINUTE + this.#draw(3) - 1;
        run.stopsAt = Math.min(run.stopsAt, this.#isOneIn(2) && edge > run.gate ? edge : at);
      }
  }

  #customerOf(runId: string): number | undefined {
    return this.#world.model.runs.get(runId)?.customer;
  }

  async #addPrice(spec: string, line: string, price: bigint, from: number): Promise<void> {
    await this.#world.price({ spec, line, price, unit: "hour", minutesPerUnit: 60n, from });
  }

  async #addCustomer(index: number): Promise<void> {
    const customer = await this.#world.customer(`customer-${index}`);
    this.#customers.push(customer);
    this.#stored.set(customer, BigInt(this.#draw(120)) * GB + 1n);
    const points = BigInt(20 + this.#draw(400)) * POINT;
    await this.#world.pay("topup", { id: this.#newId("t"), customer, points, at: this.#now });
  }

  async #addHost(index: number): Promise<void> {
    const zero = this.#now - this.#draw(30 * 24 * HOUR);
    const world = await this.#world.host(`host-${index}`, zero);
    this.#hosts.push({ world, running: [], sent: 0, awayUntil: 0 });
  }

  /** Strictly within the hour, so that nothing is at one moment with its end. */
  #momentBefore(end: number): number {
    return end - HOUR + 1 + this.#draw(HOUR - 2);
  }

  #isOneIn(count: number): boolean {
    return this.#draw(count) === 0;
  }

  /** Ids that sort in the order in which they were made. */
  #newId(kind: string): string {
    this.#ids += 1;
    return `${kind}${String(this.#ids).padStart(8, "0")}`;
  }
}

const BATCH_ROWS = 500;

function inBatches([first, last]: readonly [number, number]): [number, number][] {
  const parts: [number, number][] = [];
  for (let from = first; from <= last; from += BATCH_ROWS)
    parts.push([from, Math.min(from + BATCH_ROWS - 1, last)]);
  return parts;
}
