/** What hosts do not answer: shown with what to do about it, and no longer than it lasts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { placementWaitsPass } from "@remotegpu/control-plane/server/controllers/scheduling/placement-waits";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  host = await scene.host("host-a");
});
afterAll(async () => await scene?.close());

async function pass(): Promise<void> {
  const { db, now } = scene.api.deps;
  const term = await acquireLeadership(db, { holder: "the test", now: now() });
  await placementWaitsPass({ db }, { term: term ?? 0, now: now() });
}

/** The host is heard again, does what it is told, and says so. */
async function answer(report: Parameters<ScriptedHost["round"]>[0] = { phase: "ready" }): Promise<void> {
  await host.heartbeat();
  await host.round(report);
  await pass();
}

async function overdue(): Promise<(string | undefined)[]> {
  const { rows } = await scene.api.db.query<{ subject: string }>(
    "SELECT subject FROM alarms WHERE kind = 'placement-overdue' AND cleared_at IS NULL",
  );
  return rows.map(({ subject }) => subject.split(" ").at(-1));
}

test("a start, a stop and a removal that a host does not answer each become an alarm, and one that it answers ends it", async () => {
  const { id } = (await scene.order(alice)).body;
  await scene.schedule();
  await host.pull();
  await pass();
  scene.api.passMinutes(29);
  await pass();
  expect(await overdue()).toEqual([]);

  scene.api.passMinutes(2);
  await pass();
  await pass();
  expect(await overdue()).toEqual(["start"]);

  await answer();
  expect(await overdue()).toEqual([]);

  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
  await pass();
  scene.api.passMinutes(11);
  await pass();
  expect(await overdue()).toEqual(["stop"]);

  await answer({ phase: "stopped" });
  expect(await overdue()).toEqual([]);
  scene.api.passMinutes(11);
  await pass();
  expect(await overdue()).toEqual(["removal"]);

  await answer();
  await answer();
  expect(await overdue()).toEqual([]);
});

test("a host that is declared lost leaves no alarm behind", async () => {
  await scene.order(alice);
  await host.heartbeat();
  await scene.schedule();
  await pass();
  scene.api.passMinutes(31);
  await pass();
  expect(await overdue()).toEqual(["start"]);

  await scene.api.request("DELETE", "/api/v1/hosts/host-a?lost=true", { as: scene.api.admin });
  await pass();

  expect(await overdue()).toEqual([]);
});
