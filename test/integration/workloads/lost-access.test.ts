/** An environment whose container lost its GPUs goes on: what its people read, and what they can do. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Answer, Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const LOST = {
  phase: "ready",
  problem: "gpu-failed",
  detail:
    "Its container lost access to GPU GPU-1. Restart it to get it back; after 24 hours its host does. Time without it is not charged.",
} as const;

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;
let id: string;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { gpus: 1 });
  id = (await scene.order(alice, { gpu: 1 })).body.id;
  await scene.schedule();
  await host.round();
});
afterEach(async () => await scene.close());

const read = async (path: string): Promise<Answer["body"]> =>
  (await scene.api.request("GET", `/api/v1/environments/${id}${path}`, { as: alice })).body;
const reasons = async () =>
  (await read("/events?limit=100")).items
    .toReversed()
    .map(({ reason }: { reason: string | null }) => reason)
    .filter((reason: string | null) => reason === LOST.detail || reason === "It runs again.");

test("status, why and events state what was lost and how to get it back, each once, until it is there again", async () => {
  await host.round(LOST);
  await host.round(LOST);

  expect(await scene.get(alice, id)).toMatchObject({ status: "running", status_reason: LOST.detail });
  expect(await read("/why")).toMatchObject({ reason: LOST.detail });
  expect(await reasons()).toEqual([LOST.detail]);
  await host.round({ phase: "ready", detail: "It runs again." });
  expect(await scene.get(alice, id)).toMatchObject({ status: "running", status_reason: null });
  expect(await reasons()).toEqual([LOST.detail, "It runs again."]);
});

test("its restart is a new run on the same host and GPU", async () => {
  const [before] = await host.pull();
  await host.round(LOST);
  const { status } = await scene.api.request("POST", `/api/v1/environments/${id}/restart`, {
    as: alice,
    body: {},
  });
  const [after] = (await host.pull()) as [DesiredInstance];

  expect(status).toBe(202);
  expect(after.runId).not.toBe(before?.runId);
  expect(after.spec.gpus).toEqual(before?.spec.gpus);
});
