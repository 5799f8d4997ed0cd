/** Which images may be ordered: by the operator's list of registries, and by what is on offer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { commitPlacements } from "@remotegpu/control-plane/server/store/placement/commit/placements";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
/** The only one that takes anything. */
let host: ScriptedHost;

let counter = 0;
const fresh = (word: string) => `${word}-${(counter += 1)}`;

beforeAll(async () => {
  scene = await openControlScene();
});
afterAll(async () => await scene?.close());

beforeEach(async () => {
  await scene.api.db.query("UPDATE hosts SET cordoned = true");
  await scene.api.db.query("DELETE FROM settings WHERE key = 'IMAGE_REGISTRIES'");
  await scene.api.db.query("UPDATE environments SET status = 'stopped' WHERE status = 'queued'");
  host = await scene.host(fresh("host"), { cpu: 4 });
  alice = await scene.customer(fresh("alice"));
});

const allow = async (list: string) => {
  const answer = await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
    as: scene.api.admin,
    body: { value: list },
  });
  expect(answer.status).toBe(200);
};
const offer = async (name: string, change: object = {}) => {
  const body = { name, ...change };
  return (await scene.api.request("POST", "/api/v1/images", { as: scene.api.admin, body })).body.id;
};
const start = async (id: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice, body: {} });
const stop = async (id: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice, body: {} });

describe("an order", () => {
  test.each([
    "busybox",
    "ghcr.io/team/tool:1",
    "nvcr.io/nvidia/pytorch:25.01-py3",
    `sha256:${"0a".repeat(32)}`,
  ])("for %s is taken, whatever was set or not", async (image) => {
    expect((await scene.order(alice, { image })).status).toBe(201);
  });

  test.each([
    "registry.example.com/tool",
    "127.0.0.1:5000/tool",
    "docker.io@evil.example.com/tool",
    "ghcr.io./tool",
  ])("for %s is refused by its field, with what may be used, and leaves nothing", async (image) => {
    const answer = await scene.order(alice, { image });

    expect(answer.status).toBe(422);
    expect(answer.body.errors).toMatchObject([
      {
        path: "image",
        message: expect.stringMatching(/ may not be used; these may be used: docker\.io, ghcr\.io, /),
      },
    ]);
    const found = await scene.api.request("GET", "/api/v1/environments", { as: alice });
    expect(found.body.items).toEqual([]);
  });

  test("follows the list from the next one on", async () => {
    await allow("registry.example.com, 10.0.0.7:5000=private");

    expect((await scene.order(alice, { image: "registry.example.com/tool" })).status).toBe(201);
    expect((await scene.order(alice, { image: "10.0.0.7:5000/tool" })).status).toBe(201);
    const { status, body } = await scene.order(alice, { image: "busybox" });
    expect({ status, errors: body.errors }).toMatchObject({
      status: 422,
      errors: [
        {
          path: "image",
          message:
            "images of docker.io may not be used; these may be used: registry.example.com, 10.0.0.7:5000",
        },
      ],
    });
  });

  test("of any registry is for names outside only", async () => {
    await allow("any");

    expect((await scene.order(alice, { image: "registry.example.com/tool" })).status).toBe(201);
    const refused = await scene.order(alice, { image: "metadata.google.internal/tool" });
    expect(refused.body.errors?.[0]).toMatchObject({
      path: "image",
      message: expect.stringContaining("(it is a name of an inner network)"),
    });
  });

  test("for what is on offer is taken whatever its registry, and no longer once it is withdrawn", async () => {
    const image = "registry.lan:5000/team/tool:1";
    const id = await offer(image);

    expect((await scene.order(alice, { image })).status).toBe(201);
    expect((await scene.order(alice, { image: "registry.lan:5000/team/tool:2" })).status).toBe(422);
    await scene.api.request("PATCH", `/api/v1/images/${id}`, {
      as: scene.api.admin,
      body: { status: "deprecated" },
    });

    expect((await scene.order(alice, { image })).status).toBe(422);
  });

  test("that comes with others is refused for itself alone", async () => {
    const images = ["busybox", "registry.example.com/tool", "ghcr.io/tool"];

    const answers = await Promise.all(images.map((image) => scene.order(alice, { image })));

    expect(answers.map(({ status }) => status)).toEqual([201, 422, 201]);
  });
});

describe("a list that changes later", () => {
  test("keeps a stopped environment from starting, by the field, and lets it start again", async () => {
    const { id } = (await scene.order(alice, { image: "ghcr.io/tool" })).body;
    await stop(id);
    await allow("docker.io");

    const refused = await start(id);
    await allow("docker.io,ghcr.io");

    expect(refused.status).toBe(422);
    expect(refused.body.errors[0]).toMatchObject({ path: "image" });
    expect((await start(id)).status).toBe(202);
  });

  test("keeps what runs from being restarted, and lets it run on", async () => {
    const { id } = (await scene.order(alice, { image: "ghcr.io/tool" })).body;
    await scene.schedule();
    await host.round();
    await allow("docker.io");

    const refused = await scene.api.request("POST", `/api/v1/environments/${id}/restart`, {
      as: alice,
      body: {},
    });

    expect(refused.status).toBe(422);
    expect((await scene.get(alice, id)).status).toBe("running");
  });

  test("lets an order wait with that reason, without a place, until it may be used again", async () => {
    const { id } = (await scene.order(alice, { image: "ghcr.io/tool", cpu: 4 })).body;
    const other = (await scene.order(alice, { image: "busybox", cpu: 4 })).body.id;
    await allow("docker.io");

    await scene.schedule();

    expect(await scene.get(alice, id)).toMatchObject({
      status: "queued",
      status_reason: "Waiting for image: images of ghcr.io may not be used; these may be used: docker.io.",
    });
    const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
    expect(why.body).toMatchObject({ reason: expect.stringContaining("images of ghcr.io"), suggestions: [] });
    expect((await scene.get(alice, other)).status).toBe("creating");
    await scene.api.request("DELETE", `/api/v1/environments/${other}`, { as: alice });
    await allow("docker.io,ghcr.io");
    await scene.host(fresh("host"));
    await scene.schedule();
    expect((await scene.get(alice, id)).status).toBe("creating");
  });

  test("after the scheduler has checked stops the placing itself", async () => {
    const { id } = (await scene.order(alice, { image: "ghcr.io/tool" })).body;
    const now = scene.api.deps.now();
    const term = (await acquireLeadership(scene.api.deps.db, { holder: "the test", now })) ?? 0;
    await setSetting(scene.api.db, "IMAGE_REGISTRIES", "docker.io");

    const [outcome] = await commitPlacements(
      scene.api.deps.db,
      [{ start: { kind: "environment", id, firstRank: 0 }, instances: [{ hostId: host.id, gpus: [] }] }],
      { term, now, newId: scene.api.deps.newId },
    );

    expect(outcome).toEqual({
      committed: false,
      reason: "image",
      detail: {
        code: "registry-not-listed",
        params: { registry: "ghcr.io", allowed: { names: ["docker.io"], more: 0 } },
      },
    });
    expect((await scene.get(alice, id)).instances).toEqual([]);
  });
});

test("a list that nobody can read is refused by its field", async () => {
  const answer = await scene.api.request("PUT", "/api/v1/settings/IMAGE_REGISTRIES", {
    as: scene.api.admin,
    body: { value: "10.0.0.7:5000" },
  });

  expect(answer.status).toBe(422);
  expect(answer.body.errors).toMatchObject([{ path: "value", message: expect.stringContaining("=private") }]);
});
