/** A service that goes from one version to another, on hosts that a test speaks for: the way of it, and what is refused. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { RolloutScene, SERVES_V1, SERVES_V2 } from "../../support/worlds/services/rollout-scene.ts";
import type { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let services: ServiceScene;
let rolling: RolloutScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ({ services, rolling } = await RolloutScene.begin(await emptyDatabase()));
});
afterEach(() => rolling.end());

describe("an upgrade", () => {
  test("replaces replica by replica, shows the old version until the last is replaced, and leaves only the new", async () => {
    const id = await services.runs({ min_replicas: 3, env_vars: { LEVEL: "1", UNCHANGED: "yes" } });

    const ordered = await rolling.upgrade(id, {
      env_vars: { LEVEL: null, OTHER: "2" },
      config: { command: "serve" },
    });

    expect(ordered).toMatchObject({
      status: 202,
      body: {
        version: "v1",
        image: "server:1",
        revision: 1,
        rollout: { version: "v2", revision: 2, cause: null, allow_gap: false },
      },
    });
    await services.settle();
    expect(await services.serving(id)).toEqual([0, 1, 2, 3]);
    expect(await services.get(id)).toMatchObject({
      version: "v1",
      previous_version: null,
      status_reason: expect.stringMatching(/v2 .* v1: 0 of 3/),
    });
    await services.pass(16);
    await services.settle(6);

    expect(await services.serving(id)).toEqual([3, 4, 5]);
    expect(rolling.images()).toEqual(["server:2", "server:2", "server:2"]);
    expect(await services.get(id)).toMatchObject({
      version: "v2",
      previous_version: "v1",
      image: "server:2",
      revision: 2,
      rollout: null,
      env_vars: { UNCHANGED: "yes", OTHER: "2" },
      config: { command: "serve" },
      status_reason: null,
    });
    expect(await rolling.revisions(id)).toMatchObject([
      { number: 2, version: "v2", image: "server:2", command: "serve", cpu: 1, memory: GIB },
      { number: 1, version: "v1", image: "server:1", command: null },
    ]);
    expect(await rolling.rollouts(id)).toMatchObject([
      { number: 1, from_version: "v1", version: "v2", outcome: "completed", cause: null },
    ]);
  });

  test("never leaves fewer that serve than are wanted, and never more than one beyond them", async () => {
    const id = await services.runs({ min_replicas: 3 });
    await rolling.upgrade(id);
    const [counts, beside]: [number[], number[]] = [[], []];

    for (let round = 0; round < 20; round += 1) {
      await services.loops();
      counts.push((await services.serving(id)).length);
      const visible = await services.replicas(id);
      beside.push(
        visible.filter(({ draining_since: since, want }) => since === null && want === "running").length,
      );
      await services.round();
      await services.pass(4);
      counts.push((await services.serving(id)).length);
    }

    expect(Math.min(...counts)).toBe(3);
    expect(new Set(beside)).toEqual(new Set([3, 4]));
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
  });

  test("bills the replica beyond the number from its container's start, as any", async () => {
    const id = await services.runs();
    services.starts(1);
    await rolling.upgrade(id);
    await services.settle();

    const [, surge] = await services.replicas(id);

    expect(surge).toMatchObject({ rank: 1, state: "ready", serving: "not-yet", want: "running" });
    expect(surge?.runs).toMatchObject([{ waive_from: null, waived: [], billed_minutes: 0 }]);
    expect((await services.get(id)).rate_per_hour).toBe("1.2000");
  });

  test("of the sizes alone places the new replicas by them", async () => {
    const id = await services.runs();
    await rolling.upgraded(id, { image: undefined, cpu: 2, memory: 2 * GIB, gpu: 1 } as object);

    const [wanted] = services.hosts.flatMap(({ desired }) => desired);

    expect(InstanceSpec.parse(wanted?.spec)).toMatchObject({ cpuMilli: 2_000, memoryBytes: 2 * GIB });
    expect(wanted?.spec.gpus).toHaveLength(1);
    expect(await services.get(id)).toMatchObject({ cpu: 2, memory: 2 * GIB, gpu: 1, image: "server:1" });
  });

  test("leaves how gateways show the service to the service", async () => {
    const id = await services.runs({ config: { public: true, port: 9000 } });
    await services.request("PATCH", `/${id}`, { config: { max_in_flight: 5 } });

    await rolling.upgraded(id, { config: { port: null } });

    expect((await services.get(id)).config).toEqual({ public: true, max_in_flight: 5 });
    const [wanted] = services.hosts.flatMap(({ desired }) => desired);
    expect(wanted?.live.probe?.port).toBe(8000);
  });

  test("leaves replicas of each version their port where they are probed by a new path meanwhile", async () => {
    const id = await services.runs({ config: { port: 9000 } });
    await rolling.upgrade(id, { config: { port: 9001 } });
    await services.settle();

    await services.request("PATCH", `/${id}`, { health_check_path: "/new" });
    await services.settle();

    const probes = services.hosts.flatMap(({ desired }) => desired.map(({ live }) => live.probe));
    expect(probes.map((probe) => `${probe?.port}${probe?.path}`).toSorted()).toEqual([
      "9000/new",
      "9001/new",
    ]);
  });

  const REFUSED: [what: string, change: object, status: number][] = [
    ["config.port and env_vars.PORT that contradict each other", { env_vars: { PORT: "1" } }, 422],
    ["a model that may not be mounted", { model_id: 999 }, 404],
    ["a size that no host has", { cpu: 4096 }, 422],
    ["a variable that is reserved", { env_vars: { NVIDIA_X: "1" } }, 422],
    ["what serves already", { version: "v1", image: "server:1" }, 409],
  ];

  test("is refused with what cannot be, and leaves nothing", async () => {
    const id = await services.runs();

    for (const [what, change, status] of REFUSED)
      expect([what, (await rolling.upgrade(id, change)).status]).toEqual([what, status]);

    expect(await rolling.revisions(id)).toHaveLength(1);
    expect(await rolling.versions(id)).toEqual(SERVES_V1);
  });

  test("is where a change of what makes a version is sent to", async () => {
    const id = await services.runs();

    const { status, body } = await services.request("PATCH", `/${id}`, {
      image: "server:2",
      config: { command: "serve" },
    });

    expect(status).toBe(422);
    expect(body.errors).toMatchObject([
      { path: "config.command", message: expect.stringContaining("/upgrade") },
      { path: "image", message: expect.stringContaining("/upgrade") },
    ]);
  });
});
