/**
 * The keeper of leases against a model, on its real file: whatever is ordered, taken by strangers, cut off or
 * started again, no number is given twice and no promise is forgotten.
 */
import assert from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LeaseKeeper } from "@remotegpu/agent/access/leases/lease-keeper";
import { openLeaseStore, type LeaseStore } from "@remotegpu/agent/access/store/lease-store";
import type { BindOutcome, LeaseRecord } from "@remotegpu/agent/core/leases/lease";
import { PORT_REUSE_DELAY_MS } from "@remotegpu/agent/core/leases/lease-port";
import type { DesiredLease } from "@remotegpu/shared/instance/lease";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { wantedLease } from "../../support/samples/lease-samples.ts";
import { quietLog } from "../../support/quiet-log.ts";

const RANGE = { first: 20_000, last: 20_004 };
const RUNS = 60;

/** A host with few numbers, strangers on some of them, and an access process that comes and goes. */
class Host {
  readonly folder = mkdtempSync(join(tmpdir(), "rg-leases-"));
  readonly strangers = new Set<number>();
  readonly bound = new Map<string, number>();
  hasRelay = true;
  nowMs = 0;
  generation = 0;
  store: LeaseStore;
  keeper: LeaseKeeper;
  /** First number under which each lease was held, and everything that is over. */
  readonly numbers = new Map<string, number>();
  readonly over = new Set<string>();
  readonly orderedOver = new Set<string>();

  constructor() {
    [this.store, this.keeper] = this.#start();
  }

  async take(leases: DesiredLease[], generation = (this.generation += 1)): Promise<string | null> {
    const { refused } = this.keeper.take({ term: 1, generation, leases });
    await this.settle();
    return refused;
  }

  async settle(): Promise<void> {
    this.keeper.wake();
    await this.keeper.settled();
  }

  /** Everything that is due by then happens. */
  async wait(ms: number): Promise<void> {
    this.nowMs += ms;
    this.keeper.tick();
    await this.keeper.settled();
  }

  /** Its process is killed, and another one starts after a while. */
  async restart(awayMs = 0): Promise<void> {
    await this.keeper.settled();
    this.store.close();
    this.bound.clear();
    this.nowMs += awayMs;
    [this.store, this.keeper] = this.#start();
    await this.settle();
  }

  end(): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get leases(): LeaseRecord[] {
    return this.store.leases().leases;
  }

  check(): void {
    const open = this.leases.filter(({ state }) => state !== "released");
    const held = open.filter(({ state }) => state === "held");
    const ports = open.flatMap(({ externalPort }) => externalPort ?? []);
    assert.equal(new Set(ports).size, ports.length, "a number has two owners");
    if (this.hasRelay)
      assert.deepEqual(
        Object.fromEntries(this.bound),
        Object.fromEntries(held.map(({ leaseId, externalPort }) => [leaseId, externalPort])),
      );
    for (const { leaseId, externalPort, wasHeld, state, releasedBecause, idleSinceMs } of this.leases) {
      if (wasHeld) assert.notEqual(externalPort, null, "a number that others know is forgotten");
      if (wasHeld && externalPort !== null) {
        const first = this.numbers.get(leaseId) ?? this.#firstHeld(leaseId, externalPort, idleSinceMs);
        assert.equal(externalPort, first);
      }
      if (this.over.has(leaseId)) assert.equal(state, "released");
      if (state !== "released") continue;
      this.over.add(leaseId);
      assert.equal(releasedBecause === "ordered", this.orderedOver.has(leaseId));
    }
  }

  /** Nobody else had the number within the last ten minutes. */
  #firstHeld(leaseId: string, port: number, sinceMs: number): number {
    this.numbers.set(leaseId, port);
    const before = this.leases.filter(
      (other) => other.leaseId !== leaseId && other.externalPort === port && other.wasHeld,
    );
    for (const { releasedMs } of before)
      assert.ok(sinceMs - (releasedMs ?? sinceMs) >= PORT_REUSE_DELAY_MS, "a number did not rest");
    return port;
  }

  #start(): [LeaseStore, LeaseKeeper] {
    const { store } = openLeaseStore(this.folder);
    const keeper = new LeaseKeeper({
      store,
      range: RANGE,
      clock: { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs },
      chance: () => 0.3,
      onMessage: () => undefined,
      log: quietLog,
      binder: {
        listen: ({ leaseId }, port): Promise<BindOutcome | null> => {
          if (!this.hasRelay) return Promise.resolve(null);
          const isTaken = this.strangers.has(port) || [...this.bound.values()].includes(port);
          if (!isTaken) this.bound.set(leaseId, port);
          return Promise.resolve({ kind: isTaken ? "taken" : "bound" });
        },
        close: (leaseId) => void this.bound.delete(leaseId),
      },
    });
    return [store, keeper];
  }
}

const LEASE = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const STEP = fc.oneof(
  fc.record({
    kind: fc.constant("order" as const),
    held: fc.uniqueArray(LEASE),
    released: fc.uniqueArray(LEASE),
  }),
  fc.record({ kind: fc.constant("old list" as const), held: fc.uniqueArray(LEASE) }),
  fc.record({
    kind: fc.constant("stranger" as const),
    port: fc.integer({ min: RANGE.first, max: RANGE.last }),
  }),
  fc.record({ kind: fc.constant("wait" as const), minutes: fc.constantFrom(1, 9, 61) }),
  fc.record({ kind: fc.constant("access" as const), lease: LEASE }),
  /** While nobody held the ports, a stranger took one. */
  fc.record({
    kind: fc.constant("restart beside strangers" as const),
    ports: fc.uniqueArray(fc.integer({ min: RANGE.first, max: RANGE.last }), { maxLength: 3 }),
  }),
  fc.constantFrom(
    { kind: "restart" as const },
    { kind: "relay ends" as const },
    { kind: "relay starts" as const },
  ),
);

async function play(host: Host, step: typeof STEP extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  switch (step.kind) {
    case "order": {
      const over = new Set<string>(step.released);
      const want = (leaseId: string) => (over.has(leaseId) ? "released" : "held");
      const named = [...new Set([...step.held, ...step.released])];
      for (const leaseId of step.released) if (!host.over.has(leaseId)) host.orderedOver.add(leaseId);
      await host.take(
        named.map((leaseId) => wantedLease(leaseId, { want: want(leaseId), autoReleaseHours: 1 })),
      );
      return;
    }
    case "old list": {
      if (host.generation < 2) return;
      const before = JSON.stringify(host.leases);
      const list = step.held.map((id) => wantedLease(id, { want: "released" }));
      const refused = await host.take(list, host.generation - 1);
      assert.match(refused ?? "", /older/);
      assert.equal(JSON.stringify(host.leases), before);
      return;
    }
    case "stranger": {
      const isOurs = [...host.bound.values()].includes(step.port);
      if (!host.strangers.delete(step.port) && !isOurs) host.strangers.add(step.port);
      return;
    }
    case "wait":
      await host.wait(step.minutes * MS_PER_MINUTE);
      return;
    case "access": {
      const lease = host.leases.find(({ leaseId }) => leaseId === step.lease);
      if (lease?.state === "held")
        host.keeper.noteActivity([{ leaseId: lease.leaseId, isUsed: true, bytesIn: 1, bytesOut: 1 }]);
      return;
    }
    case "restart beside strangers":
      host.bound.clear();
      for (const port of step.ports) host.strangers.add(port);
      await host.restart();
      return;
    case "restart":
      await host.restart();
      return;
    case "relay ends":
      host.hasRelay = false;
      host.bound.clear();
      return;
    case "relay starts":
      host.hasRelay = true;
      host.bound.clear();
      host.keeper.rebind();
      await host.keeper.settled();
      return;
  }
}

test("whatever happens, each number has one owner, keeps it, and rests before the next", async () => {
  let played = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 25 }), async (steps) => {
      const host = new Host();
      try {
        for (const step of steps) {
          await play(host, step);
          host.check();
          played += 1;
        }
      } finally {
        host.end();
      }
    }),
    { numRuns: RUNS },
  );
  expect(played).toBeGreaterThan(RUNS);
}, 120_000);

async function hostWith(...leases: DesiredLease[]): Promise<Host> {
  const host = new Host();
  await host.take(leases);
  return host;
}

test("a lease that nobody uses is warned of and released on observed time alone", async () => {
  const host = await hostWith(wantedLease("a", { autoReleaseHours: 2 }));
  await host.wait(MS_PER_HOUR);
  host.keeper.writeDown();
  // A day without an access process counts for nothing.
  await host.restart(MS_PER_DAY);

  await host.wait(MS_PER_HOUR - 1);
  expect(host.leases).toMatchObject([{ state: "held" }]);
  await host.wait(1);

  expect(host.leases).toMatchObject([{ state: "released", releasedBecause: "idle" }]);
  expect(host.bound.size).toBe(0);
  host.end();
});
