/** What hosts tell of running containers beyond their phase: the image, what it brings, and what they have used so far. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Instance } from "@remotegpu/control-plane/client/generated/api.schemas";
import { noteFigures } from "@remotegpu/control-plane/server/store/workloads/instances/instance-figures";
import type { InstanceFigures } from "@remotegpu/shared/instance/instance-figures";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { eventually } from "../../support/eventually.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const IMAGE = `sha256:${"a".repeat(64)}`;
const OTHER_IMAGE = `sha256:${"b".repeat(64)}`;

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;
let id: string;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a");
  id = (await scene.order(alice)).body.id;
  await scene.schedule();
  await host.round();
});
afterEach(async () => await scene.close());

async function instance(): Promise<Instance> {
  const { body } = await scene.api.request("GET", `/api/v1/environments/${id}/instances`, { as: alice });
  return body.items[0]!;
}

const rows = async () => (await scene.api.db.query("SELECT * FROM instance_figures")).rows;

function figures(change: Partial<InstanceFigures> = {}): InstanceFigures {
  const [{ instanceId, placementEpoch, runId }] = host.desired as [(typeof host.desired)[number]];
  return {
    instanceId,
    placementEpoch,
    runId,
    cpuMs: 1_500,
    networkInBytes: 9_007_199_254_740_991,
    networkOutBytes: null,
    lastOutputAgeMs: 60_000,
    ...change,
  };
}

const note = async (one: InstanceFigures, { by = "host-a", atMs = 0 } = {}) =>
  await noteFigures(scene.api.db, [{ hostId: by, figures: [one] }], new Date(Date.UTC(2026, 0, 1) + atMs));

describe("figures", () => {
  test("come with heartbeats, with or without other changes, and are listed", async () => {
    expect(await instance()).toMatchObject({ figures: null });

    await host.heartbeat({ degraded: ["disk-low"], figures: [figures()] });
    await eventually(async () => (await rows()).length === 1, { what: "figures of a heartbeat with news" });
    await host.heartbeat({ degraded: ["disk-low"], figures: [figures({ cpuMs: 2_000 })] });
    await eventually(async () => (await rows())[0]?.["cpu_ms"] === 2_000, {
      what: "figures of a heartbeat without",
    });

    const { figures: visible } = await instance();
    expect(visible).toEqual({
      cpu_ms: 2_000,
      network_in_bytes: 9_007_199_254_740_991,
      network_out_bytes: null,
      last_output_at: expect.stringMatching(/^\d{4}-.*Z$/),
      told_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const { last_output_at: last, told_at: reported } = visible!;
    expect(Date.parse(reported) - Date.parse(last!)).toBeGreaterThanOrEqual(59_000);
  });

  test("that have not changed are not written", async () => {
    await note(figures());
    const [{ reported_at: reportedAt }] = (await rows()) as [{ reported_at: Date }];

    // A second later the same last line is a second older.
    await note(figures({ lastOutputAgeMs: 61_000 }), { atMs: 1_000 });
    expect(await rows()).toMatchObject([{ reported_at: reportedAt }]);
    await note(figures({ lastOutputAgeMs: 10 }), { atMs: 2_000 });
    expect(await rows()).toMatchObject([{ reported_at: new Date(reportedAt.getTime() + 2_000) }]);
    await note(figures({ lastOutputAgeMs: null }), { atMs: 3_000 });
    expect(await rows()).toMatchObject([
      { reported_at: new Date(reportedAt.getTime() + 3_000), last_output_at: null },
    ]);
  });

  test.each<[string, Partial<InstanceFigures>, string]>([
    ["of another host", {}, "host-b"],
    ["of another run", { runId: "run-other" as InstanceFigures["runId"] }, "host-a"],
    ["of another epoch", { placementEpoch: 2 }, "host-a"],
    ["of nobody's instance", { instanceId: "env-other" as InstanceFigures["instanceId"] }, "host-a"],
  ])("%s are nobody's", async (_what, change, by) => {
    await scene.host("host-b");

    await note(figures(change), { by });

    expect(await rows()).toEqual([]);
  });

  test("sent twice in one heartbeat, or as large as numbers are, break nothing", async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const large = figures({ cpuMs: most, networkOutBytes: most, lastOutputAgeMs: 3_650 * 86_400_000 });

    await noteFigures(scene.api.db, [{ hostId: "host-a", figures: [large, large] }], new Date());

    expect(await rows()).toMatchObject([{ cpu_ms: most, network_out_bytes: most }]);
  });

  test("of a run that was replaced are not listed for the next one", async () => {
    await note(figures());
    await scene.api.db.query("UPDATE placements SET run_id = NULL");

    expect(await instance()).toMatchObject({ figures: null });
  });
});

describe("the image of a container", () => {
  test("is stored with its placement, also when the container is gone", async () => {
    expect(await instance()).toMatchObject({ image_id: null, image_brings: null });

    await host.round({ imageId: IMAGE });
    expect(await instance()).toMatchObject({ image_id: IMAGE, image_brings: null });
    await host.round({ imageId: IMAGE, brings: ["python", "shell"] });
    await host.round({ imageId: IMAGE });
    expect(await instance()).toMatchObject({ image_id: IMAGE, image_brings: ["python", "shell"] });
    await host.round({ phase: "failed", problem: "exited" });
    expect(await instance()).toMatchObject({ image_id: IMAGE, image_brings: ["python", "shell"] });
  });

  test("that is another one by now brings what that one brings", async () => {
    await host.round({ imageId: IMAGE, brings: ["python", "shell"] });

    await host.round({ imageId: OTHER_IMAGE });
    expect(await instance()).toMatchObject({ image_id: OTHER_IMAGE, image_brings: null });
    await host.round({ imageId: OTHER_IMAGE, brings: [] });
    expect(await instance()).toMatchObject({ image_id: OTHER_IMAGE, image_brings: [] });
  });
});
