/** What the API tells an administrator of one host. */
import { randomUUID } from "node:crypto";
import { GIB } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noteSilence, silentHosts } from "@remotegpu/control-plane/server/store/hosts/host-connections";
import type { Answer } from "../../support/http/api.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
beforeAll(async () => {
  scene = await openControlScene();
});
afterAll(() => scene.close());

const reported = async (path: string): Promise<Answer["body"]> => {
  const { status, body } = await scene.api.request("GET", `/api/v1/hosts/${path}`, { as: scene.api.admin });
  expect(status).toBe(200);
  return body;
};
const journalOf = (id: string, headSeq: number) => ({
  id,
  headSeq,
  headHash: "0".repeat(64),
  watermarkSeen: 0,
});

describe("a host's journal", () => {
  test("is null before the host was heard", async () => {
    await scene.api.db.query(
      "INSERT INTO hosts (id, name, ip_address) VALUES ('host-silent', 'host-silent', '10.0.0.1')",
    );

    expect(await reported("host-silent")).toMatchObject({ journal: null, pending_usage_rows: 0 });
  });
});

describe("why a host is not reached or used", () => {
  test("is told as a code beside each text", async () => {
    await scene.api.db.query(
      `INSERT INTO hosts (id, name, ip_address, connection, status, last_heartbeat, storage_pool, pool_state)
       VALUES ('host-away', 'host-away', '10.0.0.2', 'connected', 'online', '2026-03-01T08:00:00Z', 'pool-a', 'failed')`,
    );
    const [silent] = await silentHosts(scene.api.db, new Date());
    await noteSilence(scene.api.db, { host: silent!, to: "unreachable", status: "offline", now: new Date() });

    const host = await reported("host-away");

    expect(host).toMatchObject({
      status_reason: expect.stringMatching(/^No heartbeat since/),
      status_reason_code: "host-silent-since",
      pool_reason_code: "pool-unused",
      pool_reason_params: { why: { code: "pool-not-shared", params: { storage_pool: "pool-a" } } },
      address_detail_code: "address-not-seen-yet",
      address_detail_params: { address: "10.0.0.2" },
      tunnel_detail_code: "tunnel-without-port",
    });
  });

  test("has no code of a text that an earlier version wrote in its place", async () => {
    await scene.api.db.query("UPDATE hosts SET status_reason = 'Unplugged.' WHERE id = 'host-away'");

    expect(await reported("host-away")).toMatchObject({
      status_reason: "Unplugged.",
      status_reason_code: "as-reported",
      status_reason_params: { text: "Unplugged." },
    });
  });

  test("has its end as the host reports it, and how far it is ingested; one that was begun before counts until it is", async () => {
    const host = await scene.host("host-writes");
    await host.heartbeat({ journal: journalOf(host.journalId, 12) });
    const behind = await reported(host.id);
    await scene.api.db.query("UPDATE host_journals SET watermark = 10 WHERE host_id = $1", [host.id]);
    const almost = await reported(host.id);
    const next = randomUUID();
    scene.api.passMinutes(1);
    await host.heartbeat({ journal: journalOf(next, 3), agentEpoch: 2 });
    const both = await reported(host.id);
    await scene.api.db.query("UPDATE host_journals SET watermark = head_seq WHERE host_id = $1", [host.id]);
    const ingested = await reported(host.id);

    const first = { id: host.journalId, head_seq: 12 };
    expect(behind).toMatchObject({ journal: { ...first, watermark: 0 }, pending_usage_rows: 12 });
    expect(almost).toMatchObject({ journal: { ...first, watermark: 10 }, pending_usage_rows: 2 });
    expect(both).toMatchObject({ journal: { id: next, head_seq: 3, watermark: 0 }, pending_usage_rows: 5 });
    expect(ingested).toMatchObject({ journal: { head_seq: 3, watermark: 3 }, pending_usage_rows: 0 });
  });
});

describe("what runs on a host", () => {
  test("is listed with its owner, its cards and its leased ports, a page at a time, until it holds nothing more", async () => {
    const [ada, bob] = await Promise.all([scene.customer("ada"), scene.customer("bob")]);
    const host = await scene.host("host-runs", { gpus: 2, leases: true });
    const notebook = (await scene.order(ada, { name: "notebook", gpu: 1 })).body.id;
    const shared = (
      await scene.order(bob, {
        name: "slice",
        gpu: 1,
        gpu_memory: 8 * GIB,
        config: { gpu_sharing: "shared" },
      })
    ).body.id;
    const plain = (await scene.order(bob, { name: "no card" })).body.id;
    await scene.schedule();
    await host.round();
    scene.api.meanwhile(async () => void (await host.round()));
    const port = { env_id: notebook, service_type: "custom", internal_port: 7860 };
    expect(await scene.api.request("POST", "/api/v1/port-mappings", { as: ada, body: port })).toMatchObject({
      status: 201,
    });

    const { items, next_cursor } = await reported("host-runs/instances");
    const first = await reported("host-runs/instances?limit=2");
    const rest = await reported(`host-runs/instances?limit=2&cursor=${first.next_cursor}`);
    await scene.api.request("POST", `/api/v1/environments/${notebook}/stop`, { as: ada, body: {} });
    const ordered = await host.pull();
    await host.report(
      ordered.map((one) => host.observedOf(one, { phase: one.want === "running" ? "ready" : "stopped" })),
    );
    const left = await reported("host-runs/instances");

    const byName = (name: string) => items.find((one: { name: string }) => one.name === name);
    expect(items).toHaveLength(3);
    expect(next_cursor).toBeNull();
    expect(byName("notebook")).toMatchObject({
      kind: "environment",
      workload_id: notebook,
      rank: 0,
      state: "ready",
      want: "running",
      customer_id: ada.customerId,
      owner_username: "ada",
      gpus: [{ uuid: expect.stringContaining("GPU-host-runs-"), memory_mib: null }],
      leases: expect.arrayContaining([
        { service_type: "custom", internal_port: 7860, external_port: expect.any(Number), state: "held" },
      ]),
    });
    expect(byName("slice")).toMatchObject({
      workload_id: shared,
      owner_username: "bob",
      gpus: [{ memory_mib: 8_192 }],
    });
    expect(byName("no card")).toMatchObject({ workload_id: plain, owner_username: "bob", gpus: [] });
    expect([...first.items, ...rest.items]).toEqual(items);
    expect(first.items).toHaveLength(2);
    expect(rest.next_cursor).toBeNull();
    expect(left.items.map(({ name }: { name: string }) => name).toSorted()).toEqual(["no card", "slice"]);
  });

  test("is not found of a host that is not there", async () => {
    const { status } = await scene.api.request("GET", "/api/v1/hosts/host-none/instances", {
      as: scene.api.admin,
    });

    expect(status).toBe(404);
  });
});

describe("a host's clock", () => {
  test("is as far off as its newest heartbeat reports, quiet or not; one that reports nothing is not known", async () => {
    const host = await scene.host("host-clock");
    const offset = async () => (await reported(host.id)).clock_offset_ms;
    const before = await offset();
    const seen: unknown[] = [];
    for (const change of [
      { clockOffsetMs: -40 },
      { clockOffsetMs: 0 },
      { clockOffsetMs: 7_200_000, degraded: ["disk-full"] },
      {},
    ]) {
      await host.heartbeat(change);
      seen.push(await offset());
    }

    expect(before).toBeNull();
    expect(seen).toEqual([-40, 0, 7_200_000, null]);
  });

  test("that is no whole number costs no heartbeat", async () => {
    const host = await scene.host("host-odd-clock");
    await host.heartbeat({ clockOffsetMs: 5 });

    await host.heartbeat({ clockOffsetMs: "soon" });

    expect(await reported(host.id)).toMatchObject({ clock_offset_ms: null, connection: "connected" });
  });
});
