/**
 * Random histories of environments and their ports: starts, moves, closings, idleness, strangers on ports, silent and
 * lost hosts, many at once. After each step the doctor finds the books of ports whole, and in the end hosts hold exactly
 * what the database says. More: LEASE_RUNS=100.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { answer } from "@remotegpu/control-plane/server/store/doctor/question";
import { LEASE_QUESTIONS } from "@remotegpu/control-plane/server/store/doctor/leases";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const RUNS = Number(process.env.LEASE_RUNS ?? 3);
const MAX_STEPS = 30;

const VERBS = ["start", "stop", "restart", "access"] as const;
const anyStep = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("order" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      verb: fc.constantFrom(...VERBS),
      nth: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), nth: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("open" as const),
      nth: fc.nat(3),
      port: fc.integer({ min: 80, max: 83 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("close" as const), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("schedule" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("round" as const),
      host: fc.nat(1),
      phase: fc.constantFrom("ready", "stopped"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("say" as const),
      host: fc.nat(1),
      nth: fc.nat(5),
      state: fc.constantFrom("held", "conflict", "exhausted", "released", "forgotten"),
      port: fc.option(fc.integer({ min: 20_000, max: 20_006 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("tell" as const), host: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("cordon" as const),
      host: fc.nat(1),
      verb: fc.constantFrom("cordon", "uncordon"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("plain-http" as const), value: fc.constantFrom("on", "off") }),
  },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

const emptyDatabase = databaseOfFile();
class World {
  readonly scene: ControlScene;
  readonly alice: Caller;
  readonly hosts: ScriptedHost[];

  private constructor(scene: ControlScene, alice: Caller, hosts: ScriptedHost[]) {
    this.scene = scene;
    this.alice = alice;
    this.hosts = hosts;
  }

  static async open(): Promise<World> {
    const scene = await openControlScene(await emptyDatabase());
    const alice = await scene.customer("alice");
    const hosts = [];
    for (const id of ["host-a", "host-b"])
      hosts.push(await scene.host(id, { leases: true, pool: "shared", cpu: 64 }));
    return new World(scene, alice, hosts);
  }

  async request(method: string, path: string, as: Caller = this.alice, body?: object) {
    return await this.scene.api.request(method, `/api/v1${path}`, {
      as,
      ...(body !== undefined && { body }),
    });
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "order":
        await this.scene.order(this.alice, { rdp_enabled: true, jupyter_enabled: true });
        return;
      case "ask":
        return await this.#onEnvironment(step.nth, (id) =>
          this.request("POST", `/environments/${id}/${step.verb}`),
        );
      case "delete":
        return await this.#onEnvironment(step.nth, (id) => this.request("DELETE", `/environments/${id}`));
      case "open":
        return await this.#onEnvironment(step.nth, (env_id) =>
          this.request("POST", "/port-mappings", this.alice, {
            env_id,
            service_type: "custom",
            internal_port: step.port,
          }),
        );
      case "close": {
        const { items } = (await this.request("GET", "/port-mappings?status=active")).body;
        if (items.length > 0)
          await this.request("DELETE", `/port-mappings/${items[step.nth % items.length].id}`);
        return;
      }
      case "schedule":
        await this.scene.schedule();
        return;
      case "round":
        await this.hosts[step.host]?.round({ phase: step.phase === "ready" ? "ready" : "stopped" });
        return;
      case "tell":
        await this.hosts[step.host]?.report([]);
        return;
      case "say":
        return this.#send(step);
      case "cordon":
        await this.request(
          "POST",
          `/hosts/${this.hosts[step.host]?.id}/${step.verb}`,
          this.scene.api.admin,
          {},
        );
        return;
      case "plain-http":
        await this.request("PUT", "/settings/ALLOW_PLAIN_HTTP_PORTS", this.scene.api.admin, {
          value: step.value,
        });
        return;
    }
  }

  /** Anything about a lease that is there, true or not: a neighbour's number, none at all, idleness, or nothing. */
  #send({ host: index, nth, state, port }: Extract<Step, { do: "say" }>): void {
    const host = this.hosts[index];
    const lease = [...(host?.leases.values() ?? [])][nth];
    if (host === undefined || lease === undefined || lease.state === "released") return;
    if (state === "forgotten") return void host.leases.delete(lease.leaseId);
    host.reportOfLease(lease.leaseId, {
      state,
      externalPort: port,
      releasedBecause: state === "released" ? "idle" : null,
    });
  }

  async #onEnvironment(nth: number, act: (id: string) => Promise<unknown>): Promise<void> {
    const { items } = (await this.request("GET", "/environments")).body;
    if (items.length > 0) await act(items[nth % items.length].id);
  }

  /** Hosts tell the truth again, and everybody has heard of everything. */
  async settle(): Promise<void> {
    for (const host of this.hosts)
      for (const [n, lease] of [...host.leases.values()].entries())
        if (lease.state !== "released")
          host.reportOfLease(lease.leaseId, { state: "held", externalPort: 25_000 + n });
    for (let n = 0; n < 4; n += 1) for (const host of this.hosts) await host.round({ phase: "stopped" });
  }

  async brokenBooks(): Promise<unknown[]> {
    const results = [];
    for (const question of LEASE_QUESTIONS)
      results.push(await answer(this.scene.api.db, question, this.scene.api.deps.now()));
    return results.filter(({ state }) => state !== "well");
  }

  /** What is public of each host's ports, and what the host itself holds. */
  async portsOn(host: ScriptedHost): Promise<{ reported: string[]; held: string[] }> {
    const { rows } = await this.scene.api.db.query<{ lease_id: string; external_port: number }>(
      "SELECT lease_id, external_port FROM port_mappings WHERE host_id = $1 AND status = 'active'",
      [host.id],
    );
    const held = [...host.leases.values()].filter(({ state }) => state === "held");
    return {
      reported: rows.map((row) => `${row.lease_id} ${row.external_port}`).toSorted(),
      held: held.map(({ leaseId, externalPort }) => `${leaseId} ${externalPort}`).toSorted(),
    };
  }
}

test(
  "whatever happens, one after the other, ports have one owner and everybody reports the same of them",
  async () => {
    const history = fc.asyncProperty(
      fc.array(anyStep, { minLength: 10, maxLength: MAX_STEPS }),
      async (steps) => {
        const world = await World.open();
        try {
          await world.take({ do: "order" });
          for (const step of steps) {
            await world.take(step);
            expect(await world.brokenBooks()).toEqual([]);
          }
          await world.settle();

          expect(await world.brokenBooks()).toEqual([]);
          for (const host of world.hosts) {
            const { reported, held } = await world.portsOn(host);
            expect(reported).toEqual(held);
          }
        } finally {
          await world.scene.close();
        }
      },
    );

    await fc.assert(history, { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 16_000 });
  },
  RUNS * 20_000,
);

test("many at once wait for each other and leave the books whole", async () => {
  const world = await World.open();
  const others: Step[] = [
    { do: "open", nth: 0, port: 80 },
    { do: "open", nth: 1, port: 80 },
    { do: "ask", verb: "restart", nth: 0 },
    { do: "ask", verb: "access", nth: 1 },
    { do: "close", nth: 1 },
    { do: "delete", nth: 2 },
    { do: "ask", verb: "stop", nth: 3 },
    { do: "order" },
    { do: "schedule" },
  ];
  for (let n = 0; n < 4; n += 1) await world.take({ do: "order" });
  await world.take({ do: "schedule" });
  for (const host of world.hosts) await host.round();

  for (let n = 0; n < 3; n += 1)
    await Promise.all([
      ...others.map((step) => world.take(step)),
      ...world.hosts.map((host) => host.round()),
    ]);

  expect(await world.brokenBooks()).toEqual([]);
  await world.settle();
  for (const host of world.hosts) {
    const { reported, held } = await world.portsOn(host);
    expect(reported).toEqual(held);
  }
  await world.scene.close();
});
