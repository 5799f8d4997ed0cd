/** A service on its way to another version that is no good, or for which there is no room. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noCounts } from "@remotegpu/control-plane/server/core/inference/traffic/traffic-counts";
import { keepTraffic } from "@remotegpu/control-plane/server/store/inference/gateway/traffic";
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

describe("an upgrade goes back by itself, with the cause, and the old version stays at full strength", () => {
  test("at once where no registry has its image", async () => {
    const id = await services.runs({ min_replicas: 2 });
    services.text.set(2, {
      phase: "failed",
      problem: "image-missing",
      detail: "No registry has server:2",
    });

    await rolling.upgrade(id);
    await services.settle();

    expect(await services.serving(id)).toEqual([0, 1]);
    expect(await rolling.versions(id)).toEqual(SERVES_V1);
    expect(await rolling.rollouts(id)).toMatchObject([
      { outcome: "reverted", cause: "Replica 2 failed: No registry has server:2." },
    ]);
    expect(rolling.images()).toEqual(["server:1", "server:1"]);
  });

  test("where it does not get ready in time", async () => {
    const id = await services.runs({ health_check_path: "/health" });
    services.text.set(1, { phase: "starting", serving: "not-yet", detail: "GET /health answered 500" });
    await rolling.upgrade(id);
    await services.settle();
    await services.pass(600);
    await services.settle();
    expect((await services.get(id)).rollout).toMatchObject({ version: "v2", cause: null });

    await services.pass(31);
    await services.settle();

    expect(await services.serving(id)).toEqual([0]);
    expect(await rolling.versions(id)).toEqual(SERVES_V1);
    expect((await rolling.rollouts(id))[0]).toMatchObject({
      outcome: "reverted",
      cause: expect.stringContaining("was not ready within 600 seconds: GET /health answered 500."),
    });
  });

  test("where its container ends again and again before it is ready", async () => {
    const id = await services.runs({});
    const ends = (count: number) =>
      services.text.set(1, {
        phase: "starting",
        serving: "not-yet",
        detail: "It exited with code 1",
        restarts: { count, exitCode: 1, outOfMemory: false, signal: null },
      });
    ends(4);
    await rolling.upgrade(id);
    await services.settle();
    expect((await services.get(id)).rollout).toMatchObject({ version: "v2", cause: null });

    ends(5);
    await services.settle();

    expect(await services.serving(id)).toEqual([0]);
    expect(await rolling.versions(id)).toEqual(SERVES_V1);
    expect((await rolling.rollouts(id))[0]).toMatchObject({
      outcome: "reverted",
      cause: expect.stringContaining("ended 5 times before it was ready: It exited with code 1."),
    });
  });

  test("where its third replica fails", async () => {
    const id = await services.runs({ min_replicas: 2 });
    for (const rank of [2, 3, 4, 5])
      services.text.set(rank, { phase: "failed", exitCode: 1, detail: "It exited with code 1" });

    await rolling.upgrade(id);
    await services.settle(6);

    expect(await services.serving(id)).toEqual([0, 1]);
    expect((await rolling.rollouts(id))[0]).toMatchObject({
      outcome: "reverted",
      cause: expect.stringMatching(/^Replica 4 .* code 1; .* fault 3/),
    });
    expect((await services.request("GET", `/${id}/instances?all=true`)).body.items).toHaveLength(5);
  });

  /** What gateways counted of a revision within this minute. */
  async function answered(id: string, revision: number, [requests, failed]: [number, number]): Promise<void> {
    const { db, now } = services.scene.api.deps;
    const counts = { ...noCounts(), requests, status_2xx: requests - failed, status_5xx: failed };
    await keepTraffic(db, "gateway-1", [
      { at: { serviceId: id, revision, keyName: null }, minute: now(), counts },
    ]);
  }

  test("where more of what it answers are errors of the server than of the old one's", async () => {
    const id = await services.runs({ min_replicas: 3 });
    await rolling.upgrade(id);
    await services.settle();
    await services.pass(16);
    await services.settle(1);
    expect(new Set(rolling.images())).toEqual(new Set(["server:1", "server:2"]));
    await answered(id, 1, [200, 2]);
    await answered(id, 2, [50, 3]);

    await services.settle(6);

    expect(await services.serving(id)).toHaveLength(3);
    expect(new Set(rolling.images())).toEqual(new Set(["server:1"]));
    expect(await rolling.rollouts(id)).toMatchObject([
      {
        outcome: "reverted",
        cause: "6 % of its 50 answers were errors of the server, and 1 % of the old version's.",
      },
    ]);
  });

  test("and not where the old one fails as often", async () => {
    const id = await services.runs();
    await rolling.upgrade(id);
    await services.settle();
    await answered(id, 1, [200, 20]);
    await answered(id, 2, [50, 7]);

    await rolling.settles();

    expect(await rolling.versions(id)).toEqual(SERVES_V2);
  });

  test("and what is upgraded after that is a revision of its own", async () => {
    const id = await services.runs();
    services.text.set(1, { phase: "failed", problem: "image-missing" });
    await rolling.upgraded(id);

    await rolling.upgraded(id, { version: "v3", image: "server:3" });

    expect(await rolling.versions(id)).toMatchObject({ version: "v3", previous: "v1", image: "server:3" });
    expect((await rolling.rollouts(id)).map(({ outcome }) => outcome)).toEqual(["completed", "reverted"]);
  });
});

describe("where there is no room for one more", () => {
  const full = { min_replicas: 3, gpu: 1 };

  test("an upgrade waits, reports what is missing, and goes on with room", async () => {
    const id = await services.runs(full);

    await rolling.upgrade(id);
    await services.settle();

    expect(await services.serving(id)).toEqual([0, 1, 2]);
    expect((await services.get(id)).status_reason).toMatch(
      /^Version v2 replaces v1: 0 of 3 replicas, and there is no room for another one \(.+\)\. With allow_gap/,
    );
    services.hosts.push(await services.scene.host("host-more", { gpus: 1 }));
    await rolling.settles();
    await rolling.settles();
    expect(await services.serving(id)).toHaveLength(3);
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
  });

  test("one of the old makes it where that is allowed, also by a later word, and never more than one", async () => {
    const id = await services.runs(full);
    await rolling.upgrade(id);
    await services.settle();
    await rolling.upgrade(id, { allow_gap: true });
    const counts: number[] = [];

    for (let round = 0; round < 30; round += 1) {
      await services.loops();
      await services.round();
      counts.push((await services.serving(id)).length);
      await services.pass(4);
    }

    expect(Math.min(...counts)).toBe(2);
    expect(await services.serving(id)).toHaveLength(3);
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
    expect(await rolling.rollouts(id)).toMatchObject([{ outcome: "completed", allow_gap: true }]);
  });

  test("in a quota, it is not exceeded: each replica counts by the sizes of its own version", async () => {
    const id = await services.runs({ min_replicas: 2 });
    const quota = {
      cpu_quota: 4,
      memory_quota: 100_000,
      gpu_quota: 0,
      storage_quota: 1,
      environment_quota: 1,
    };
    await services.scene.api.request("PUT", `/api/v1/customers/${services.alice.customerId}/quota`, {
      as: services.scene.api.admin,
      body: quota,
    });

    await rolling.upgrade(id, { cpu: 3 });
    await services.settle();
    expect(await services.serving(id)).toEqual([0, 1]);
    expect((await services.get(id)).status_reason).toMatch(
      /\(Waiting for quota: cpu_quota of the customer is 4: 2 in use, 3 more asked\)/,
    );

    await rolling.upgrade(id, { version: "v3", cpu: 2, allow_gap: true });
    await rolling.settles();
    await rolling.settles();
    expect(await services.serving(id)).toHaveLength(2);
    expect(await services.get(id)).toMatchObject({ version: "v3", cpu: 2, replicas: 2 });
  });

  test("one that failed makes room for the old again", async () => {
    const id = await services.runs(full);
    services.text.set(3, { phase: "starting", serving: "not-yet" });
    await rolling.upgrade(id, { allow_gap: true });
    await services.settle();
    await services.settle();
    expect(await services.serving(id)).toHaveLength(2);

    await services.pass(700);
    await services.settle(6);

    expect(await services.serving(id)).toHaveLength(3);
    expect(rolling.images()).toEqual(["server:1", "server:1", "server:1"]);
    expect(await rolling.versions(id)).toEqual(SERVES_V1);
  });
});
