/** What no host of the fleet could take, even if nothing ran on it, is refused at the order and at the start. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice", "100000");
});
afterEach(async () => await scene.close());

const start = async (id: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice });

async function written(): Promise<number> {
  const { rows } = await scene.api.db.query<{ count: number }>("SELECT count(*) FROM environments");
  return rows[0]?.count ?? -1;
}

describe("before the order", () => {
  const estimate = async (change: object) =>
    await scene.api.request("POST", "/api/v1/billing/estimate", {
      as: alice,
      body: { cpu: 1, memory: GIB, ...change },
    });

  test("an estimate states whether the fleet can hold it: now, later, or never and what would fit", async () => {
    const host = await scene.host("host-a", { gpus: 2 });
    const running = await scene.order(alice, { gpu: 1 });
    await scene.schedule();
    expect(running.status).toBe(201);
    expect(host.gpus).toHaveLength(2);

    const fits = async (change: object) => {
      const { body } = await estimate(change);
      return [body.fits, body.fits_reason];
    };

    expect((await estimate({ gpu: 1 })).body).toMatchObject({ fits_reason_code: "order-fits-now" });
    const NOW = ["now", "There is room for it now."];
    const LATER = ["later", "No place for it is free now: it would wait."];
    expect(await fits({ gpu: 1 })).toEqual(NOW);
    expect(await fits({ cpu: 15 })).toEqual(NOW);
    expect(await fits({ gpu: 2 })).toEqual(LATER);
    expect(await fits({ cpu: 16 })).toEqual(LATER);
    expect(await fits({ gpu: 1, instances: 2 })).toEqual(LATER);
    expect(await fits({ gpu: 1, gpu_memory: 24_576 * MIB, gpu_sharing: "shared" })).toEqual(NOW);
    expect(await fits({ gpu: 3 })).toEqual([
      "never",
      "Asked for 3 × NVIDIA L4, and the most that any host has is 2 × NVIDIA L4.",
    ]);
    expect(await fits({ gpu: 1, instances: 3 })).toEqual([
      "never",
      "Asked for 3 instances, and 2 would fit were the fleet empty.",
    ]);
    expect(await fits({ gpu: 1, gpu_model: "NVIDIA H100" })).toEqual([
      "never",
      "Asked for NVIDIA H100, and no host has one.",
    ]);
  });

  test("offers list what is free, the most on one host, what is beside it and what it costs; no name", async () => {
    const bob = await scene.customer("bob");
    await scene.host("host-secret", { gpus: 2, cpu: 8, memoryGib: 32 });
    const play = await scene.host("host-play", { gpus: 1, cpu: 4, memoryGib: 8 });
    play.gpus = play.gpus.map((gpu) => ({ ...gpu, simulated: true }));
    await play.report([]);
    await scene.order(alice, { name: "alices-work", gpu: 2, cpu: 2 });
    await scene.schedule();
    await scene.order(alice, { name: "alices-work", gpu: 2, cpu: 2 });

    const { status, body } = await scene.api.request("GET", "/api/v1/offers", { as: bob });

    const gpuPrice = { spec: "default", of: "gpu", price_per_hour: "6.0000", includes: null };
    const kind = { gpu_model: "NVIDIA L4", gpu_memory: 24_576 * MIB, prices: [gpuPrice] };
    expect(status).toBe(200);
    expect(body).toEqual({
      as_of: expect.any(String),
      waiting_orders: 1,
      waiting_gpus: 2,
      items: [
        { ...kind, simulated: false, total: 2, free: 0, most_on_one_host: 0, cpu: 0, memory: 0 },
        { ...kind, simulated: true, total: 1, free: 1, most_on_one_host: 1, cpu: 4, memory: 8 * GIB },
        {
          gpu_model: null,
          gpu_memory: null,
          simulated: false,
          total: null,
          free: null,
          most_on_one_host: null,
          cpu: 6,
          memory: 31 * GIB,
          prices: [
            { spec: "default", of: "cpu", price_per_hour: "0.6000", includes: null },
            { spec: "default", of: "memory", price_per_hour: "0.0000", includes: null },
          ],
        },
      ],
      next_cursor: null,
    });
    expect(JSON.stringify(body)).not.toMatch(/host-|alice|GPU-/);
    const page = async (query: string) =>
      (await scene.api.request("GET", `/api/v1/offers?${query}`, { as: bob })).body;
    const first = await page("limit=2");
    const last = await page(`limit=2&cursor=${first.next_cursor}`);
    expect([...first.items, ...last.items]).toEqual(body.items);
    expect(last.next_cursor).toBeNull();
  });

  test("offers that were sent before are sent again for a few seconds, from one read", async () => {
    const request = async () => await scene.api.request("GET", "/api/v1/offers", { as: alice });

    const first = await request();
    await scene.host("host-a", { gpus: 1 });
    const again = await request();

    expect(again.body.as_of).toBe(first.body.as_of);
    expect(again.body.items).toHaveLength(1);
  });
});

describe("at the order", () => {
  const TOO_MUCH: [path: string, change: object, numbers: RegExp][] = [
    ["cpu", { cpu: 17 }, /17 .* 16 /],
    ["memory", { memory: 64 * GIB + 1 }, /65537 .* 65536 /],
    ["temp_storage", { temp_storage: 501 * GIB }, /513024 .* 512000 /],
    ["gpu", { gpu: 3 }, /3 × NVIDIA L4.* 2 × NVIDIA L4/],
    ["gpu_memory", { gpu: 1, gpu_memory: 24_577 * MIB }, /24577 .* 24576 /],
    [
      "gpu_memory",
      { gpu: 1, gpu_memory: 24_577 * MIB, config: { gpu_sharing: "shared" } },
      /24577 .* 24576 /,
    ],
    ["config.gpu_model", { gpu: 1, config: { gpu_model: "NVIDIA H100" } }, /NVIDIA H100/],
  ];

  test("too much of anything is a 422 that states the most there is", async () => {
    await scene.host("host-a", { gpus: 2 });

    for (const [path, change, numbers] of TOO_MUCH)
      expect(await scene.order(alice, change)).toMatchObject({
        status: 422,
        body: { errors: [{ path, message: expect.stringMatching(numbers) }] },
      });
    expect(await written()).toBe(0);
  });

  test("exactly what the host has waits for it, also while something else holds it", async () => {
    await scene.host("host-a", { gpus: 2 });
    const all = { cpu: 16, memory: 64 * GIB, gpu: 2, gpu_memory: 24_576 * MIB, temp_storage: 500 * GIB };
    await scene.order(alice, all);
    await scene.schedule();

    expect(await scene.order(alice, all)).toMatchObject({ status: 201, body: { status: "queued" } });
  });

  test("only models with a price count, and where none has one the price is what lacks", async () => {
    await scene.host("host-a", { gpus: 2 });
    await scene.api.db.query(
      `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from)
       SELECT 'plain', line, 1, 'hour', '2020-01-01Z' FROM unnest('{cpu,memory,gpu:NVIDIA L4}'::text[]) line`,
    );
    await scene.api.db.query("UPDATE gpus SET name = 'Other' WHERE gpu_index = 1");

    const two = await scene.order(alice, { gpu: 2, config: { spec: "plain" } });
    const other = await scene.order(alice, { gpu: 1, config: { spec: "plain", gpu_model: "Other" } });

    expect(two.body.errors).toMatchObject([
      { path: "gpu", message: "asked for 2 × NVIDIA L4, and the most that any host has is 1 × NVIDIA L4." },
    ]);
    expect(other.body.errors).toMatchObject([{ path: "gpu", message: "no price for gpu:Other" }]);
  });

  test("a fleet of which no host has reported its size makes nothing impossible", async () => {
    const withoutHosts = await scene.order(alice, { cpu: 100, memory: 1000 * GIB, gpu: 8 });
    await scene.api.db.query(
      "INSERT INTO hosts (id, name, ip_address, total_cpu) VALUES ('old', 'old', '10.9.9.9', 4)",
    );
    const withUnheard = await scene.order(alice, { cpu: 5 });

    expect([withoutHosts.status, withUnheard.status]).toEqual([201, 201]);
  });

  test("a host that is cordoned or away may come back, one that is deleted does not", async () => {
    const host = await scene.host("host-a", { cpu: 64 });
    await scene.host("host-b", { cpu: 8 });
    await scene.api.request("POST", `/api/v1/hosts/${host.id}/cordon`, { as: scene.api.admin });
    scene.api.passMinutes(60);
    const whileAway = await scene.order(alice, { cpu: 64 });

    await scene.api.request("DELETE", `/api/v1/hosts/${host.id}`, { as: scene.api.admin });
    scene.api.passMinutes(1);
    const afterwards = await scene.order(alice, { cpu: 64 });

    expect([whileAway.status, afterwards.status]).toEqual([201, 422]);
  });

  test("a host that joins makes its size possible at once", async () => {
    await scene.host("host-a", { cpu: 8 });
    const before = await scene.order(alice, { cpu: 16 });
    await scene.host("host-b", { cpu: 16 });

    const after = await scene.order(alice, { cpu: 16 });

    expect([before.status, after.status]).toEqual([422, 201]);
  });
});

describe("at the start", () => {
  async function stopped(): Promise<string> {
    const host = await scene.host("host-a", { cpu: 16 });
    const { id } = (await scene.order(alice, { cpu: 16 })).body;
    await scene.schedule();
    await host.round();
    await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
    await host.round({ phase: "stopped" });
    host.machine.cpuCount = 8;
    await host.report([]);
    await scene.host("host-b", { cpu: 64 });
    // The kept fleet may allow what the fleet has lost; that is for the queue to tell.
    scene.api.passMinutes(1);
    return id;
  }

  test("the hosts of the pool that has its files are what counts, and it stays stopped", async () => {
    const id = await stopped();

    const answer = await start(id);

    expect(answer).toMatchObject({
      status: 422,
      body: {
        errors: [
          {
            path: "cpu",
            message:
              "asked for 16 CPU cores, and the most that any host of storage pool pool-host-a has is 8 CPU cores.",
          },
        ],
      },
    });
    expect((await scene.get(alice, id)).status).toBe("stopped");
  });

  test("a pool all of whose hosts are gone is waited for", async () => {
    const id = await stopped();
    await scene.api.request("DELETE", "/api/v1/hosts/host-a?lost=true", { as: scene.api.admin });

    expect(await start(id)).toMatchObject({ status: 202, body: { status: "queued" } });
  });
});
