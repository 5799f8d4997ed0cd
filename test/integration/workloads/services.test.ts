/** Inference services with hosts that a test speaks for: ordered, placed, ready, stopped, started, deleted. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Registration } from "@remotegpu/control-plane/gateway/registration";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let fresh: FreshDatabase;
let services: ServiceScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2 });
});
afterEach(async () => await services.scene.close());

const unwell = async () =>
  (await examine(services.scene.api.deps.db, services.scene.api.deps.now())).filter(
    ({ state }) => state !== "well",
  );

describe("an inference service", () => {
  test("is ordered with a first revision, waits for nothing that costs, and runs once a replica is ready", async () => {
    const { status, body } = await services.order({ min_replicas: 2, health_check_path: "/health" });

    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: "creating",
      replicas: 2,
      waiting_replicas: 2,
      ready_replicas: 0,
      revision: 1,
    });
    services.starts(0, 1);
    await services.settle();
    expect(await services.get(body.id)).toMatchObject({
      status: "creating",
      waiting_replicas: 0,
      ready_replicas: 0,
    });
    services.text.delete(1);
    await services.settle();

    expect(await services.get(body.id)).toMatchObject({ status: "running", ready_replicas: 1 });
    expect((await services.request("GET", `/${body.id}/revisions`)).body.items).toMatchObject([
      { number: 1, version: "v1", image: "server:1", command: null, cpu: 1, memory: GIB, gpu: 0 },
    ]);
    expect(await unwell()).toEqual([]);
  });

  test("has replicas that run what the image brings, find their port, and are probed whether they serve", async () => {
    await services.runs({ health_check_path: "/health", health_check_interval: 7, config: { port: 9000 } });

    const [wanted] = services.hosts.flatMap(({ desired }) => desired);
    expect(InstanceSpec.parse(wanted?.spec)).toMatchObject({
      gate: "running",
      restarts: "within-run",
      entrypoint: "image",
      command: null,
      env: { PORT: "9000" },
    });
    expect(wanted?.live.probe).toEqual({
      path: "/health",
      port: 9000,
      intervalSeconds: 7,
      startupSeconds: 600,
      thresholds: { success: 1, failure: 2, restart: 5 },
    });
  });

  test("is not placed on hosts whose agents probe no replica, and why states so", async () => {
    for (const host of services.hosts)
      await services.scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id = $1", [host.id]);
    const old = await services.scene.host("host-old", { features: ["image-entrypoint"] });

    const id = await services.ordered();
    await services.loops();

    const why = (await services.request("GET", `/${id}/why`)).body;
    expect(why.position).toBe(1);
    expect(why.hosts.find(({ host_id: hostId }: never) => hostId === old.id)).toMatchObject({
      fits: false,
      obstacles: [expect.stringContaining("probe whether a replica is ready")],
    });
  });

  test("stops at once when it is ordered to, costs nothing more, and starts with as many replicas as before", async () => {
    const id = await services.runs({ min_replicas: 1 });
    await services.request("POST", `/${id}/scale`, { replicas: 3 });
    await services.settle();
    expect(await services.serving(id)).toHaveLength(3);

    const stopped = await services.request("POST", `/${id}/stop`);

    expect(stopped).toMatchObject({ status: 202, body: { status: "stopping", replicas: 0 } });
    expect((await services.request("POST", `/${id}/stop`)).status).toBe(409);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "stopped", replicas: 0, instances: [] });
    const gone = await services.replicas(id, { all: "true" });
    expect(gone.map(({ rank }) => rank)).toEqual([0, 1, 2]);
    expect(gone.flatMap(({ runs }) => runs).every((run) => run.waive_from !== null)).toBe(true);

    expect(await services.request("POST", `/${id}/start`)).toMatchObject({
      status: 202,
      body: { status: "creating", replicas: 3 },
    });
    await services.settle();
    expect(await services.serving(id)).toEqual([3, 4, 5]);
    expect(await unwell()).toEqual([]);
  });

  test("that waits for places is stopped at once", async () => {
    for (const host of services.hosts)
      await services.scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id = $1", [host.id]);
    const id = await services.ordered();
    await services.loops();

    await services.request("POST", `/${id}/stop`);

    expect(await services.get(id)).toMatchObject({ status: "stopped", waiting_replicas: 0 });
  });

  test("is deleted in whatever state, and its hosts remove what they have", async () => {
    const id = await services.runs({ min_replicas: 2 });

    expect(await services.request("DELETE", `/${id}`)).toMatchObject({
      status: 202,
      body: { status: "deleting" },
    });

    expect((await services.request("GET", `/${id}`)).status).toBe(404);
    await services.settle();
    expect(services.hosts.flatMap(({ desired }) => desired)).toEqual([]);
    expect(await unwell()).toEqual([]);
  });

  test("is probed by a new path without being started anew", async () => {
    const id = await services.runs({ health_check_path: "/old" });
    const [before] = await services.replicas(id);

    const { status } = await services.request("PATCH", `/${id}`, {
      health_check_path: "/new",
      max_replicas: 4,
    });

    expect(status).toBe(200);
    await services.settle();
    const wanted = services.hosts.flatMap(({ desired }) => desired);
    expect(wanted.map(({ live }) => live.probe?.path)).toEqual(["/new"]);
    expect((await services.replicas(id))[0]?.runs[0]?.id).toBe(before?.runs[0]?.id);
  });
});

describe("an order of a service is refused", () => {
  const REFUSED: [path: string, change: object][] = [
    ["min_replicas", { min_replicas: 3, max_replicas: 2 }],
    ["health_check_path", { health_check_path: "/a/../b" }],
    ["env_vars.PORT", { env_vars: { PORT: "1" } }],
  ];

  test("by the field of what cannot be", async () => {
    for (const [path, change] of REFUSED)
      expect(await services.order(change)).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test("beyond a quota or beyond the funds of all its first replicas", async () => {
    expect((await services.order({ min_replicas: 500, max_replicas: 500 })).status).toBe(409);
    const poor = await services.scene.customer("poor", "1");

    const { status } = await services.request(
      "POST",
      "",
      { name: "s", image: "server:1", version: "1", cpu: 1, memory: GIB, min_replicas: 2 },
      poor,
    );

    expect(status).toBe(402);
  });
});

test("has its address for life from the first gateway that is known, whatever gateways report later", async () => {
  const { db, now } = services.scene.api.deps;
  const endpointOf = async (id: string) => (await services.get(id)).endpoint_url;
  const runs = async (id: string, serviceBase: string) => {
    const parts = {
      id,
      db,
      now,
      log: quietLog,
      tunnel: null,
      webBase: null,
      serviceBase,
      serviceDomain: null,
    };
    const registration = new Registration(parts);
    await registration.start();
    return registration;
  };
  const early = await services.ordered();
  await db.query(
    "INSERT INTO inference_services (id, customer_id, name, image) VALUES ('old', 1, 'old', 'old:1')",
  );
  expect(await endpointOf(early)).toBeNull();

  const first = await runs("gw-1", "https://one.example.com");
  const order = await services.order({ name: "second" });
  const other = await runs("gw-2", "https://two.example.com");

  const second = order.body.id;
  const one = [early, second].map((id) => `https://one.example.com/services/${id}/`);
  expect(order.body.endpoint_url).toBe(one[1]);
  expect(await Promise.all([early, second].map(endpointOf))).toEqual(one);
  for (const gateway of [first, other]) await gateway.stop();
  expect(await Promise.all([early, second].map(endpointOf))).toEqual(one);
  const { rows } = await db.query("SELECT endpoint_url FROM inference_services WHERE id = 'old'");
  expect(rows).toEqual([{ endpoint_url: null }]);
});

test("lists its own host name below the domain of the gateway that began last, as long as one with a domain runs", async () => {
  const { db, now } = services.scene.api.deps;
  const id = await services.ordered();
  const domainOf = async () => (await services.get(id)).domain_url;
  const runs = async (gateway: string, serviceDomain: string | null) => {
    const at = { tunnel: null, webBase: null, serviceBase: "https://web.example.com", serviceDomain };
    const registration = new Registration({ id: gateway, db, now, log: quietLog, ...at });
    await registration.start();
    return registration;
  };
  const without = await runs("gw-without", null);
  expect(await domainOf()).toBeNull();

  const other = await runs("gw-domain", "https://services.example.com:8443");

  expect(await domainOf()).toBe(`https://${id}.services.example.com:8443/`);
  const { body: listed } = await services.request("GET", "?limit=200");
  expect((listed.items as { domain_url: string }[])[0]?.domain_url).toMatch(
    /\.services\.example\.com:8443\/$/,
  );
  for (const gateway of [other, without]) await gateway.stop();
  expect(await domainOf()).toBeNull();
});

test("the form of an order is published for everybody, and states how each member changes later", async () => {
  const { status, body } = await services.scene.api.request("GET", "/api/v1/schemas/inference-service");

  expect(status).toBe(200);
  expect(body).toMatchObject({
    type: "object",
    additionalProperties: false,
    required: expect.arrayContaining(["name", "image", "version", "cpu", "memory"]),
    properties: {
      workspace_id: { "x-changes-by": "never" },
      image: { "x-changes-by": "upgrade" },
      max_replicas: { "x-changes-by": "patch", maximum: 1_000 },
      config: {
        properties: { port: { "x-changes-by": "upgrade" }, max_in_flight: { "x-changes-by": "patch" } },
      },
    },
  });
});
