/** A service on its way to another version that is scaled, stopped, upgraded again or taken back. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

describe("meanwhile", () => {
  test("another upgrade takes its place, from the version that was rolling out", async () => {
    const id = await services.runs({ min_replicas: 2 });
    await rolling.upgrade(id, { env_vars: { FROM: "v2" } });
    await services.settle();

    await services.request("POST", `/${id}/upgrade`, { version: "v3", cpu: 2 });
    await rolling.settles();
    await rolling.settles();

    expect(await services.serving(id)).toHaveLength(2);
    expect(await services.get(id)).toMatchObject({
      version: "v3",
      previous_version: "v1",
      image: "server:2",
      cpu: 2,
      env_vars: { FROM: "v2" },
    });
    expect((await rolling.rollouts(id)).map(({ outcome }) => outcome)).toEqual(["completed", "superseded"]);
  });

  test("the service is scaled, up and down", async () => {
    const id = await services.runs({ min_replicas: 2 });
    await rolling.upgrade(id);
    await services.settle();

    await services.request("POST", `/${id}/scale`, { replicas: 4 });
    await rolling.settles();
    await rolling.settles();
    expect(await services.serving(id)).toHaveLength(4);
    expect(await rolling.versions(id)).toEqual(SERVES_V2);

    await rolling.upgrade(id, { version: "v3", image: "server:3" });
    await services.settle();
    await services.request("POST", `/${id}/scale`, { replicas: 2 });
    await rolling.settles();
    expect(await services.serving(id)).toHaveLength(2);
    expect(await rolling.versions(id)).toMatchObject({ version: "v3", previous: "v2" });
  });

  test("a stop ends all replicas, and the start goes on where it was", async () => {
    const id = await services.runs({ min_replicas: 2 });
    await rolling.upgrade(id);
    await services.settle();

    await services.request("POST", `/${id}/stop`);
    await services.settle();
    expect(await services.get(id)).toMatchObject({ status: "stopped", version: "v1", instances: [] });

    await services.request("POST", `/${id}/start`);
    await rolling.settles();
    await rolling.settles();
    expect(await services.serving(id)).toHaveLength(2);
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
  });

  test("a model of the version before, or of the one rolling out, is not deleted", async () => {
    const model = async (name: string): Promise<number> => {
      const made = { as: services.alice, body: { name, workspace_id: services.alice.workspaceId } };
      const { id: modelId } = (await services.scene.api.request("POST", "/api/v1/models", made)).body;
      await services.scene.api.db.query("UPDATE models SET status = 'ready' WHERE id = $1", [modelId]);
      return modelId;
    };
    const deleted = async (modelId: number) =>
      (await services.scene.api.request("DELETE", `/api/v1/models/${modelId}`, { as: services.alice }))
        .status;
    const id = await services.runs();
    const next = await model("next");

    await rolling.upgrade(id, { model_id: next });

    expect(await deleted(next)).toBe(409);
    await rolling.rollback(id);
    await services.settle();
    expect(await deleted(next)).toBe(204);
  });

  test("a replica of the old version that fails is replaced", async () => {
    const id = await services.runs({ min_replicas: 2 });
    services.starts(2);
    await rolling.upgrade(id);
    await services.settle();
    services.text.set(0, { phase: "failed", exitCode: 1, detail: "It exited with code 1" });
    await services.settle();

    await services.pass(11);
    await services.settle();

    expect(await services.serving(id)).toEqual([1, 3]);
    expect(rolling.images().toSorted()).toEqual(["server:1", "server:1", "server:2"]);
    services.text.clear();
    await rolling.settles();
    await rolling.settles();
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
  });
});

describe("a rollback", () => {
  test("is refused only where there is no version before", async () => {
    const id = await services.runs();

    expect(await rolling.rollback(id)).toMatchObject({
      status: 409,
      body: { detail: "There is no previous version." },
    });
  });

  test("goes to the version before, image and all; twice it is where it began", async () => {
    const id = await services.runs({ env_vars: { A: "1" } });
    await rolling.upgraded(id, { env_vars: { A: "2" }, cpu: 2 });

    expect((await rolling.rollback(id)).status).toBe(202);
    await rolling.settles();
    expect(await services.get(id)).toMatchObject({
      version: "v1",
      previous_version: "v2",
      image: "server:1",
      cpu: 1,
      env_vars: { A: "1" },
      revision: 1,
    });
    expect(rolling.images()).toEqual(["server:1"]);

    await rolling.rollback(id);
    await rolling.settles();
    expect(await services.get(id)).toMatchObject({
      version: "v2",
      previous_version: "v1",
      image: "server:2",
      cpu: 2,
      env_vars: { A: "2" },
      revision: 2,
    });
    expect(await rolling.revisions(id)).toHaveLength(2);
  });

  test("of an upgrade in progress takes that back", async () => {
    const id = await services.runs({ min_replicas: 2 });
    await rolling.upgrade(id);
    await services.settle();

    expect((await rolling.rollback(id)).body.rollout).toMatchObject({
      version: "v2",
      cause: "It was called off.",
    });
    await services.settle();

    expect(await rolling.versions(id)).toEqual(SERVES_V1);
    expect(await services.serving(id)).toEqual([0, 1]);
    expect(await rolling.rollouts(id)).toMatchObject([{ outcome: "reverted", cause: "It was called off." }]);
  });

  test("where there is no room for one more has one of what serves make it, if that is allowed", async () => {
    const id = await services.runs({ min_replicas: 3, gpu: 1 });
    await rolling.upgrade(id, { allow_gap: true });
    await rolling.settles();
    await rolling.settles();

    await rolling.rollback(id, { allow_gap: true });
    await rolling.settles();
    await rolling.settles();

    expect(await rolling.versions(id)).toMatchObject({ version: "v1", previous: "v2" });
    expect(await services.serving(id)).toHaveLength(3);
  });
});

describe("a service of which nothing is wanted", () => {
  test("and that is stopped has the other version with its next start", async () => {
    const id = await services.runs();
    await services.request("POST", `/${id}/stop`);
    await services.settle();

    expect((await rolling.upgrade(id)).body).toMatchObject({
      status: "stopped",
      version: "v2",
      rollout: null,
    });
    expect((await rolling.rollback(id)).body).toMatchObject({ version: "v1", previous_version: "v2" });
    await rolling.rollback(id);
    await services.request("POST", `/${id}/start`);
    await services.settle();

    expect(rolling.images()).toEqual(["server:2"]);
    expect((await rolling.rollouts(id)).map(({ outcome }) => outcome)).toEqual([
      "completed",
      "completed",
      "completed",
    ]);
  });

  test("and that is in error starts with the other version at once", async () => {
    const id = await services.ordered();
    services.text.set(0, { phase: "failed", problem: "image-missing" });
    await services.settle();
    expect((await services.get(id)).status).toBe("error");

    expect((await rolling.upgrade(id)).body).toMatchObject({ status: "creating", version: "v2" });
    await services.settle();

    expect(await services.get(id)).toMatchObject({
      status: "running",
      version: "v2",
      previous_version: "v1",
    });
  });

  test("and that scaled itself to none goes over once a replica is wanted", async () => {
    const id = await services.runs({ min_replicas: 0 });
    await services.request("POST", `/${id}/scale`, { replicas: 0 });
    await services.settle();

    await rolling.upgrade(id);
    await services.settle();
    expect((await services.get(id)).status_reason).toBe("Version v2 replaces v1 once a replica is wanted.");
    await services.request("POST", `/${id}/scale`, { replicas: 1 });
    await rolling.settles();

    expect(await rolling.versions(id)).toEqual(SERVES_V2);
    expect(await services.serving(id)).toHaveLength(1);
  });

  test("and whose first version has never served goes over while it is made", async () => {
    const id = await services.ordered();
    services.starts(0);
    await services.settle();

    await rolling.upgrade(id);
    await rolling.settles();
    await rolling.settles();

    expect(await services.get(id)).toMatchObject({ status: "running", version: "v2" });
    expect(rolling.images()).toEqual(["server:2"]);
  });
});
