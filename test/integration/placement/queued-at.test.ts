/** Since when an environment waits: from the order of its start, which a host that cannot carry it out does not undo. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;
let id: string;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { cpu: 64 });
});
afterAll(async () => await scene.close());
beforeEach(async () => {
  await host.heartbeat();
  ({ id } = (await scene.order(alice)).body);
});

async function queuedAt(): Promise<number> {
  const { rows } = await scene.api.db.query<{ queued_at: Date }>(
    "SELECT queued_at FROM environments WHERE id = $1",
    [id],
  );
  return rows[0]?.queued_at.getTime() ?? 0;
}

test("a start that its host could not carry out keeps its place in the line", async () => {
  const ordered = await queuedAt();
  scene.api.passMinutes(5);
  await host.heartbeat();
  await scene.schedule();

  await host.round({ phase: "failed", problem: "mount-missing", detail: "d/1 is not in the pool" });

  expect((await scene.get(alice, id)).status).toBe("queued");
  expect(await queuedAt()).toBe(ordered);
});

test("the next start is a new order", async () => {
  const ordered = await queuedAt();
  scene.api.passMinutes(5);
  for (const verb of ["stop", "start"])
    await scene.api.request("POST", `/api/v1/environments/${id}/${verb}`, { as: alice });

  expect(await queuedAt()).toBeGreaterThanOrEqual(ordered + 5 * 60_000);
});
