/**
 * Histories of billing at random, for fast-check: a few customers, hosts and runs, and steps that lie on the edges
 * where bills go wrong: a millisecond around whole minutes, full hours and the end of a month, rows that overlap,
 * come twice or backwards, statements at which the control plane dies. Every step goes to product and model.
 */
import * as fc from "fast-check";
import { BillingWorld, type WorldHost } from "./billing-world.ts";
import { failingDatabase } from "../engines/failing-database.ts";
import type { FreshDatabase } from "../engines/postgres.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ONE = 10n ** 30n;

const who = fc.nat({ max: 1 });
/** Lets time pass first: by so much, or to the next full hour, or to just before it. */
const pause = fc.oneof(
  fc.constantFrom(0, 1, 1_000, MINUTE - 1, MINUTE, MINUTE + 1, 30 * MINUTE, 5 * HOUR),
  fc.constantFrom("hour" as const, "before-hour" as const),
);
/** A statement at which the control plane dies; mostly none. */
const crash = fc.option(
  fc.record({
    at: fc.oneof(fc.integer({ min: 1, max: 25 }), fc.constant("COMMIT" as const)),
    when: fc.constantFrom("before" as const, "after" as const),
  }),
  { nil: null, freq: 3 },
);

const STEP = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("order" as const), customer: who, host: who, spec: who }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      run: fc.nat({ max: 5 }),
      /** Where the row begins beside the end of the last one: a gap, or an overlap. */
      shift: fc.constantFrom(0, 0, 0, -MINUTE, 1, 61_000),
      pieces: fc.integer({ min: 1, max: 3 }),
      isProven: fc.constantFrom(true, true, true, false),
      isFinal: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      host: who,
      order: fc.constantFrom("in-order" as const, "backwards" as const, "twice" as const),
      crash,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("tick" as const), crash }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "topup" as const,
        "adjustment" as const,
        "to-zero" as const,
        "refund" as const,
        "again" as const,
      ),
      customer: who,
      tenths: fc.integer({ min: -20, max: 40 }),
      run: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("stop" as const),
      run: fc.nat({ max: 5 }),
      rule: fc.constantFrom("person" as const, "rule" as const, "host" as const),
      grace: fc.constantFrom(null, null, 1, 600),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("break" as const),
      run: fc.nat({ max: 5 }),
      sinceMinutes: fc.nat({ max: 90 }),
      lasts: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("credit" as const),
      customer: who,
      tenths: fc.nat({ max: 20 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("price" as const),
      spec: who,
      micro: fc.nat({ max: 9_999_999 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reboot" as const), host: who }) },
);
type Step = typeof STEP extends fc.Arbitrary<infer S> ? S : never;

export const HISTORY = fc.array(fc.tuple(pause, STEP), { minLength: 10, maxLength: 45, size: "max" });
export type History = readonly (readonly [number | "hour" | "before-hour", Step])[];

interface HistoryRun {
  readonly id: string;
  readonly host: number;
  written: number;
  isOver: boolean;
}

export class PlayedHistory {
  readonly world: BillingWorld;
  readonly #fresh: FreshDatabase;
  readonly #prefix: string;
  readonly #customers: number[] = [];
  readonly #hosts: WorldHost[] = [];
  readonly #sent: number[] = [];
  readonly #runs: HistoryRun[] = [];
  readonly #payments: { id: string; customer: number; points: bigint }[] = [];
  #now: number;
  #count = 0;

  /** `prefix` tells histories of one database apart; one begins after the one before has ended. */
  constructor(fresh: FreshDatabase, { prefix, startsAt }: { prefix: string; startsAt: number }) {
    this.#fresh = fresh;
    this.#prefix = prefix;
    this.#now = startsAt;
    this.world = new BillingWorld(fresh.database, { offsetMinutes: 480, closeDelayHours: 24, startsAt });
  }

  get now(): number {
    return this.#now;
  }

  async begin(): Promise<void> {
    await this.world.tick(this.#now);
    for (const index of [0, 1]) {
      this.#customers.push(await this.world.customer(`${this.#prefix}-${index}`));
      this.#hosts.push(await this.world.host(`${this.#prefix}-host-${index}`, this.#now - 1_234_567));
      this.#sent.push(0);
      for (const line of ["cpu", "gpu"])
        await this.#addPrice(index, line, line === "cpu" ? 60_000n : 1_234_567n * BigInt(index + 1));
    }
  }

  async step([pause, step]: History[number]): Promise<void> {
    this.#wait(pause);
    await this.#perform(step);
  }

  /** All that is written arrives, and the hours until nothing is left to charge. */
  async settle(): Promise<void> {
    for (const host of [0, 1]) await this.#send(host, "in-order");
    this.#wait("hour");
    await this.world.tick(this.#now);
  }

  #wait(pause: number | "hour" | "before-hour"): void {
    const nextHour = Math.floor(this.#now / HOUR) * HOUR + HOUR;
    if (typeof pause === "number") this.#now += pause;
    else this.#now = Math.max(this.#now, pause === "hour" ? nextHour : nextHour - 1);
  }

  async #perform(step: Step): Promise<void> {
    switch (step.kind) {
      case "order":
        return this.#order(step);
      case "write":
        return this.#write(step);
      case "send":
        return this.#send(step.host, step.order, step.crash);
      case "tick":
        return this.#survivingCrash(() => this.world.tick(this.#now), step.crash);
      case "topup":
      case "adjustment":
      case "to-zero":
      case "refund":
      case "again":
        return this.#pay(step);
      case "stop": {
        const run = this.#runs[step.run];
        return run === undefined ? undefined : this.world.stop(run.id, step, this.#now);
      }
      case "break": {
        const run = this.#runs[step.run];
        const from = this.#now - step.sinceMinutes * MINUTE;
        const to = step.lasts ? Infinity : from + 10 * MINUTE + 1;
        return run === undefined ? undefined : this.world.breakDown(run.id, [from, to], this.#now);
      }
      case "credit":
        return this.world.creditLimit(
          this.#customers[step.customer] ?? 0,
          BigInt(step.tenths) * 1_000n,
          this.#now,
        );
      case "price":
        return this.#addPrice(step.spec, "gpu", BigInt(step.micro));
      case "reboot": {
        const host = this.#hosts[step.host];
        return host === undefined ? undefined : this.world.reboot(host, this.#now);
      }
    }
  }

  async #order({ customer, host, spec }: { customer: number; host: number; spec: number }): Promise<void> {
    const ordered = this.#hosts[host];
    if (ordered === undefined || this.#runs.length > 5) return;
    const id = `${this.#prefix}-r${this.#runs.length}`;
    await this.world.order({
      id,
      customer: this.#customers[customer] ?? 0,
      host: ordered,
      spec: this.#specName(spec),
      lines: [
        { line: "cpu", quantity: 3n * ONE },
        { line: "gpu", quantity: ONE / 3n },
      ],
      at: this.#now,
    });
    this.#runs.push({ id, host, written: this.#now, isOver: false });
  }

  async #write(step: Extract<Step, { kind: "write" }>): Promise<void> {
    const run = this.#runs[step.run];
    const host = this.#hosts[run?.host ?? 0];
    if (run === undefined || host === undefined || run.isOver) return;
    // Nothing before the run was ordered, and nothing before the boot that says it.
    const from = Math.max(run.written + step.shift, host.boot.zero, this.world.orderedAt(run.id));
    if (from > this.#now) return;
    const length = this.#now - from;
    for (let piece = 0; piece < step.pieces; piece += 1) {
      const [start, end] = [piece, piece + 1].map((at) => from + Math.floor((length * at) / step.pieces));
      const isFinal = step.isFinal && piece === step.pieces - 1;
      this.world.write(host, {
        run: run.id,
        from: start ?? from,
        to: end ?? from,
        isProven: step.isProven,
        isFinal,
      });
    }
    run.written = this.#now;
    run.isOver = step.isFinal;
  }

  async #send(
    index: number,
    order: "in-order" | "backwards" | "twice",
    crash: { at: number | "COMMIT"; when: "before" | "after" } | null = null,
  ): Promise<void> {
    const host = this.#hosts[index];
    const first = (this.#sent[index] ?? 0) + 1;
    if (host === undefined || host.journal.head < first) return;
    const seqs = Array.from({ length: host.journal.head - first + 1 }, (_, at) => first + at);
    const parts: (readonly [number, number])[] =
      order === "backwards" ? seqs.toReversed().map((seq) => [seq, seq]) : [[first, host.journal.head]];
    if (order === "twice") parts.push([Math.max(1, first - 3), host.journal.head]);
    for (const part of parts)
      await this.#survivingCrash(() => this.world.deliver(host, part, this.#now), crash);
    this.#sent[index] = host.journal.head;
  }

  async #pay(step: {
    kind: "topup" | "adjustment" | "to-zero" | "refund" | "again";
    customer: number;
    tenths: number;
    run: number;
  }) {
    this.#count += 1;
    const id = `${this.#prefix}-p${this.#count}`;
    const customer = this.#customers[step.customer] ?? 0;
    const points = BigInt(step.tenths) * 1_000n;
    const earlier = this.#payments.at(-1);
    const run = this.#runs[step.run];
    if (step.kind === "again" && earlier !== undefined)
      await this.world.pay("topup", { ...earlier, at: this.#now });
    if (step.kind === "topup" && points > 0n) {
      await this.world.pay("topup", { id, customer, points, at: this.#now });
      this.#payments.push({ id, customer, points });
    }
    if (step.kind === "adjustment" && points !== 0n)
      await this.world.pay("adjustment", { id, customer, points, at: this.#now });
    // What is left after it is nothing at all, or the smallest amount beside it.
    const toZero = BigInt(step.tenths % 2) - this.world.fundsOf(customer);
    if (step.kind === "to-zero" && toZero !== 0n)
      await this.world.pay("adjustment", { id, customer, points: toZero, at: this.#now });
    if (step.kind === "refund" && run !== undefined && points > 0n)
      await this.world.refund({ id, run: run.id, points: points / 10n, at: this.#now });
  }

  async #survivingCrash(
    command: () => Promise<void>,
    crash: { at: number | "COMMIT"; when: "before" | "after" } | null,
  ): Promise<void> {
    if (crash === null) return command();
    const dying = failingDatabase(this.#fresh.url, crash);
    this.world.database = dying;
    try {
      await command();
    } catch (error) {
      if (!dying.hasFailed()) throw error;
      this.world.database = this.#fresh.database;
      await command();
    } finally {
      this.world.database = this.#fresh.database;
      await dying.close();
    }
  }

  #specName(index: number): string {
    return `${this.#prefix}-spec-${index}`;
  }

  /** From now on; at one moment there is one price. */
  async #addPrice(index: number, line: string, price: bigint): Promise<void> {
    const spec = this.#specName(index);
    await this.world.price({ spec, line, price, unit: "hour", minutesPerUnit: 60n, from: this.#now });
  }
}
