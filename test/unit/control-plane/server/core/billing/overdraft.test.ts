/**
 * How far below its limit an account can fall (control-plane/docs/billing/accounts.md): what all its runs cost for two hours and a minute
 * each, over histories of runs that start, load, are told to end with any grace and take their time, in a model of billing
 * that shares no code with the product.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BillingModel } from "../../../../../support/billing/billing-model.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BEGIN = Date.parse("2026-03-10T00:00:00Z");
const SPECS = [
  { spec: "small", perMinute: 600n },
  { spec: "large", perMinute: 123_456n },
] as const;

const STEP = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("start" as const), spec: fc.nat(1) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("stop" as const),
      run: fc.nat(9),
      rule: fc.constantFrom("person" as const, "rule" as const, "host" as const),
      grace: fc.constantFrom(null, 1, 60, 600),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), run: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("topup" as const), points: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("serve" as const), run: fc.nat(9) }) },
);
const HISTORY = fc.array(fc.tuple(fc.integer({ min: 1, max: 25 }), STEP), { minLength: 5, maxLength: 60 });

interface Alive {
  readonly id: string;
  readonly perMinute: bigint;
  readonly beganAt: number;
  sentTo: number;
  isOver: boolean;
}

/** Minute by minute: hosts send what they have each minute, and the tick comes at each full hour. */
class Played {
  readonly model = new BillingModel({ offsetMinutes: 0, closeDelayHours: 24 });
  readonly runs: Alive[] = [];
  now = BEGIN;
  deepest = 0n;
  readonly beyond: string[] = [];
  #suspendedAt: number | null = null;

  constructor() {
    for (const { spec, perMinute } of SPECS)
      this.model.addPrice({ spec, line: "spec", price: perMinute * 100n, minutesPerUnit: 1n, from: 0 });
    this.model.addCustomer(1);
    this.model.topUp("first", 1, 50_000_000n, this.now);
  }

  passMinute(): void {
    this.now += MINUTE;
    for (const run of this.runs) if (!run.isOver) this.#send(run, false);
    this.model.grantLoading(10 * MINUTE);
    if (this.now % HOUR === 0) this.model.tick(this.now);
    this.check();
  }

  #send(run: Alive, isFinal: boolean): void {
    const row = { key: `${run.id} ${this.now} ${isFinal}`, run: run.id, from: run.sentTo, to: this.now };
    run.sentTo = this.now;
    run.isOver = isFinal;
    this.model.ingest([{ ...row, isProven: true, isFinal }], this.now);
  }

  start(index: number): void {
    const { spec, perMinute } = SPECS[index] ?? SPECS[0];
    if (!this.model.mayStart(1, { hourly: perMinute * 60n, minStartMinutes: 60n, now: this.now })) return;
    const id = `run-${this.runs.length}`;
    this.model.open({ id, customer: 1, spec, lines: [{ line: "spec", quantity: 10n ** 30n }] });
    this.model.beginLoading(id, this.now);
    this.runs.push({ id, perMinute, beganAt: this.now, sentTo: this.now, isOver: false });
  }

  end(nth: number): void {
    const run = this.runs.filter(({ isOver }) => !isOver)[nth];
    if (run !== undefined) this.#send(run, true);
  }

  open(nth: number): string | undefined {
    return this.runs.filter(({ isOver }) => !isOver)[nth]?.id;
  }

  check(): void {
    const { balance, status } = this.model.accounts.get(1) ?? { balance: 0n, status: "normal" };
    if (status !== "suspended") this.#suspendedAt = null;
    else this.#suspendedAt ??= this.now;
    const until = this.#suspendedAt ?? this.now;
    const bound = this.runs.reduce((sum, { id, perMinute }) => {
      const chargedMs = this.model.chargeableMs(id, [until - 2 * HOUR, until]);
      const minutes = BigInt(Math.ceil(Math.min(chargedMs, 2 * HOUR) / MINUTE)) + 1n;
      return chargedMs === 0 ? sum : sum + perMinute * minutes;
    }, 0n);
    this.deepest = balance < this.deepest ? balance : this.deepest;
    if (-balance > bound)
      this.beyond.push(`${balance} at minute ${(this.now - BEGIN) / MINUTE}, bound ${bound}`);
  }
}

test("an account never falls further than what all its runs cost for two hours and a minute each", () => {
  let deepest = 0n;
  fc.assert(
    fc.property(HISTORY, (history) => {
      const played = new Played();
      let topUps = 0;
      for (const [minutes, step] of history) {
        for (let nth = 0; nth < minutes; nth += 1) played.passMinute();
        if (step.kind === "start") played.start(step.spec);
        else if (step.kind === "end") played.end(step.run);
        else if (step.kind === "topup")
          played.model.topUp(`again-${(topUps += 1)}`, 1, BigInt(step.points) * 10_000n, played.now);
        else {
          const id = played.open(step.run);
          if (id === undefined) continue;
          if (step.kind === "serve") played.model.serve(id, played.now);
          else played.model.stop(id, { rule: step.rule, grace: step.grace, at: played.now });
        }
        played.check();
      }
      for (let nth = 0; nth < 180; nth += 1) played.passMinute();
      deepest = played.deepest < deepest ? played.deepest : deepest;

      expect(played.beyond).toEqual([]);
    }),
    { numRuns: 60 },
  );
  // Histories in which no account fell below zero would show nothing.
  expect(deepest).toBeLessThan(0n);
});
