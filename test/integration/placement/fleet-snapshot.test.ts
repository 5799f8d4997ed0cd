/** What hosts tell for placement's sake, from their reports to the snapshot that placement reads: islands, images, labels. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fleetSnapshot } from "@remotegpu/control-plane/server/store/fleet/fleet-snapshot";
import { MAX_HOST_IMAGES } from "@remotegpu/shared/values/image-name";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Answer, Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const ID = `sha256:${"a".repeat(64)}`;

let scene: ControlScene;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  host = await scene.host("host-a", { gpus: 3 });
});
afterEach(async () => await scene.close());

const snapshot = async () => {
  const { hosts } = await fleetSnapshot(scene.api.db, { now: scene.api.deps.now(), onlyHostIds: ["host-a"] });
  return hosts[0];
};
const api = async (path: string): Promise<Answer["body"]> =>
  (await scene.api.request("GET", `/api/v1/hosts/host-a${path}`, { as: scene.api.admin })).body;
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

describe("islands of NVLink", () => {
  const report = async (islands: (number | null | undefined)[]) => {
    host.gpus = host.gpus.map((gpu, at) => ({ ...gpu, island: islands[at] }));
    await host.report([]);
  };
  const seen = async () =>
    (await snapshot())?.gpus.toSorted((a, b) => a.index - b.index).map(({ island }) => island);

  test("are not known of a host whose agent does not report them", async () => {
    expect(await seen()).toEqual([null, null, null]);
  });

  test("are in the snapshot and among the host's cards as it reported them, and follow what it reports", async () => {
    await report([0, 0, 2]);

    expect(await seen()).toEqual([0, 0, 2]);
    expect((await api("/gpus")).items).toMatchObject([
      { gpu_index: 0, nvlink_island: 0 },
      { gpu_index: 1, nvlink_island: 0 },
      { gpu_index: 2, nvlink_island: 2 },
    ]);
    await report([0, 1, 1]);
    expect(await seen()).toEqual([0, 1, 1]);
  });

  test.each([null, undefined])("that are %s now are known no more", async (island) => {
    await report([0, 0, 2]);

    await report([island, island, island]);

    expect(await seen()).toEqual([null, null, null]);
  });

  test("end with a card that its host no longer lists", async () => {
    await report([0, 0, 2]);
    const gone = host.gpus.pop()?.uuid;

    await host.report([]);

    expect(await seen()).toEqual([0, 0]);
    expect(await sql("SELECT nvlink_island FROM gpus WHERE uuid = $1", [gone])).toEqual([
      { nvlink_island: null },
    ]);
  });
});

describe("images", () => {
  const report = async (images: string[] | null) => {
    host.machine.images = images;
    await host.report([]);
  };

  test("are none of a host that does not report any, and their number is not known", async () => {
    expect((await snapshot())?.images).toEqual([]);
    expect(await api("")).toMatchObject({ image_count: null });
  });

  test("are in the snapshot by the names that orders use, and counted where people see them", async () => {
    await report(["python", "python:latest", ID]);

    expect((await snapshot())?.images).toEqual(["python", "python:latest", ID]);
    expect(await api("")).toMatchObject({ image_count: 3 });
  });

  test("are those of the last report that listed any: an empty list empties, silence changes nothing", async () => {
    await report(["x:1"]);
    await report(null);
    expect((await snapshot())?.images).toEqual(["x:1"]);

    await report([]);

    expect((await snapshot())?.images).toEqual([]);
    expect(await api("")).toMatchObject({ image_count: 0 });
  });

  test("that are the same again write no row", async () => {
    const version = async () => await sql("SELECT xmin, ctid FROM host_images");
    await report(["x:1"]);
    const before = await version();

    await report(["x:1"]);
    expect(await version()).toEqual(before);

    await report(["x:2"]);
    expect(await version()).not.toEqual(before);
  });

  test("as many and as long as a host may report are stored whole", async () => {
    const images = Array.from({ length: MAX_HOST_IMAGES }, (_, at) => String(at).padEnd(256, "x"));

    await report(images);

    expect((await snapshot())?.images).toEqual(images);
  });

  test("of one host are not another's", async () => {
    await scene.host("host-b");
    await report(["x:1"]);

    const { hosts } = await fleetSnapshot(scene.api.db, { now: scene.api.deps.now() });

    expect(new Map(hosts.map(({ id, images }) => [id, images]))).toEqual(
      new Map([
        ["host-a", ["x:1"]],
        ["host-b", []],
      ]),
    );
  });
});

describe("labels", () => {
  let alice: Caller;
  const label = async (id: string, labels: Record<string, string>) =>
    await scene.api.request("PATCH", `/api/v1/hosts/${id}`, { as: scene.api.admin, body: { labels } });
  const why = async (id: string) =>
    (await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice })).body;

  beforeEach(async () => {
    alice = await scene.customer("alice");
  });

  test("of the host are in the snapshot", async () => {
    await label("host-a", { rack: "r7", "zone/b": "Halle 2" });

    expect((await snapshot())?.labels).toEqual({ rack: "r7", "zone/b": "Halle 2" });
  });

  test("that an order requests choose its host", async () => {
    await scene.host("host-b");
    await label("host-b", { rack: "r7", zone: "b" });

    const order = await scene.order(alice, { config: { host_labels: { rack: "r7" } } });
    await scene.schedule();

    expect(order.body.config).toEqual({ host_labels: { rack: "r7" } });
    expect(await scene.get(alice, order.body.id)).toMatchObject({ status: "creating", host_id: "host-b" });
  });

  test("that no host carries make an order impossible, even where every object has such a member", async () => {
    const answer = await scene.order(alice, { config: { host_labels: { constructor: "x" } } });

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "config.host_labels" }] } });
  });

  test("that a host no longer carries let the order wait and state the reason", async () => {
    await label("host-a", { zone: "b" });
    const { body } = await scene.order(alice, { config: { host_labels: { zone: "b" } } });
    await label("host-a", { rack: "r7" });
    await scene.schedule();

    expect(await scene.get(alice, body.id)).toMatchObject({ status: "queued" });
    expect((await why(body.id)).hosts[0]!.reason).toBe("it has no label zone, b is wanted");
  });
});
