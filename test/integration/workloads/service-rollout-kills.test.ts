/**
 * A control plane that dies at each of its statements: while another version is ordered, and while a service goes to it.
 */
import type { ClientBase } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replicasPass } from "@remotegpu/control-plane/controllers/inference/replicas";
import { createApp } from "@remotegpu/control-plane/http/server/app";
import { type Database, openDatabase } from "@remotegpu/control-plane/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/store/database/leader";
import { examine } from "@remotegpu/control-plane/store/doctor/examination";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { RolloutScene, SERVES_V2 } from "../../support/worlds/rollout-scene.ts";
import { ServiceScene } from "../../support/worlds/service-scene.ts";

/** More of them no pass asks. */
const MAX_STATEMENTS = 60;
const STORY_MS = 120_000;

let fresh: FreshDatabase;
let services: ServiceScene;
let made = 0;

beforeEach(async () => {
  fresh = await freshDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2 });
});
afterEach(async () => await services.scene.close());

/** One whose connections end with the statement after so many, all of them. */
function mortal(statements: number): { db: Database; hasDied: () => boolean } {
  const db = openDatabase(fresh.url);
  let left = statements;
  db.pool.on("connect", (client: ClientBase & { connection?: { stream: { destroy(): void } } }) => {
    const query = client.query.bind(client) as (...asked: unknown[]) => unknown;
    const dying = (...asked: unknown[]) => {
      left -= 1;
      if (left < 0) client.connection?.stream.destroy();
      return query(...asked);
    };
    Object.assign(client, { query: dying });
  });
  return { db, hasDied: () => left < 0 };
}

/** Passes that die at the first statement, the second and so on, until one lives. */
async function passesThatDie(): Promise<number> {
  const { db: whole, now } = services.scene.api.deps;
  const term = (await acquireLeadership(whole, { holder: "the test", now: now() })) ?? 0;
  for (let statements = 0; statements < MAX_STATEMENTS; statements += 1) {
    const { db, hasDied } = mortal(statements);
    const newId = () => `ins-killed-${(made += 1)}`;
    const deps = { db, newId: newId as never, nudge: () => undefined, log: quietLog };
    await replicasPass(deps, { term, now: now() }).catch((error: unknown) => {
      if (!hasDied()) throw error;
    });
    await db.close();
    if (!hasDied()) return statements;
  }
  throw new Error("a pass asks without end");
}

/** The order is asked of servers that die at their first statement, the second and so on; then, each time, of one that lives. */
async function ordersThatDie(
  ordered: (nth: number) => { path: string; body: object },
  after: (nth: number) => Promise<void>,
): Promise<number> {
  const { deps, app } = services.scene.api;
  for (let statements = 0; statements < MAX_STATEMENTS; statements += 1) {
    const { path, body } = ordered(statements);
    const order = {
      method: "POST",
      headers: {
        Authorization: `Bearer ${services.alice.key}`,
        "Content-Type": "application/json",
        "Idempotency-Key": `killed-${statements}`,
      },
      body: JSON.stringify(body),
    };
    const { db, hasDied } = mortal(statements);
    const first = await createApp({ ...deps, db }).request(`/api/v1/inference-services${path}`, order);
    await db.close();
    expect(hasDied() ? [202, 503] : [202]).toContain(first.status);
    if (!hasDied()) return statements;

    const again = await app.request(`/api/v1/inference-services${path}`, order);

    expect(again.status).toBe(202);
    await after(statements);
  }
  throw new Error("an order asks without end");
}

/** Pages of the API are shorter. */
async function written(table: "service_revisions" | "service_rollouts", id: string): Promise<number> {
  const { rows } = await services.scene.api.db.query(`SELECT FROM ${table} WHERE service_id = $1`, [id]);
  return rows.length;
}

async function isWell(): Promise<void> {
  const { db, now } = services.scene.api.deps;
  expect((await examine(db, now())).filter(({ state }) => state !== "well")).toEqual([]);
}

test(
  "another version is ordered once or not at all, and once where it is asked again",
  { timeout: STORY_MS },
  async () => {
    const id = await services.ordered({ version: "v-first" });
    const upgrade = (nth: number) => ({ path: `/${id}/upgrade`, body: { version: `v${nth}` } });

    const deaths = await ordersThatDie(upgrade, async (nth) => {
      expect((await services.get(id)).rollout).toMatchObject({ version: `v${nth}` });
      expect(await written("service_revisions", id)).toBe(nth + 2);
      expect(await written("service_rollouts", id)).toBe(nth + 1);
    });

    expect(deaths).toBeGreaterThan(10);
    await isWell();
  },
);

test(
  "the version before is gone back to once or not at all, and once where it is asked again",
  { timeout: STORY_MS },
  async () => {
    const rolling = new RolloutScene(services);
    const id = await services.runs();
    await rolling.upgraded(id);
    // Of a service that is stopped each turn is complete at once.
    await services.ask("POST", `/${id}/stop`);
    await services.settle();
    const before = await written("service_rollouts", id);

    const deaths = await ordersThatDie(
      () => ({ path: `/${id}/rollback`, body: {} }),
      async (nth) => {
        expect(await written("service_rollouts", id)).toBe(before + nth + 1);
        expect(await services.get(id)).toMatchObject({ version: nth % 2 === 0 ? "v1" : "v2" });
      },
    );

    expect(deaths).toBeGreaterThan(10);
    expect(await written("service_revisions", id)).toBe(2);
    await isWell();
  },
);

test(
  "goes on with the next as if nothing had been, and makes nothing twice",
  { timeout: STORY_MS },
  async () => {
    const rolling = new RolloutScene(services);
    const id = await services.runs({ min_replicas: 2 });
    await rolling.upgrade(id);
    let deaths = 0;
    const counts: number[] = [];

    for (let round = 0; round < 12; round += 1) {
      deaths += await passesThatDie();
      await services.scene.schedule();
      counts.push((await services.serving(id)).length);
      await services.round();
      await services.pass(8);
    }

    expect(deaths).toBeGreaterThan(50);
    expect(await rolling.versions(id)).toEqual(SERVES_V2);
    expect(Math.min(...counts)).toBe(2);
    const all = await services.replicas(id, "?all=true");
    expect(all.map(({ rank }) => rank)).toEqual([0, 1, 2, 3]);
    expect(await services.serving(id)).toEqual([2, 3]);
    expect(await rolling.rollouts(id)).toMatchObject([{ number: 1, outcome: "completed" }]);
    const events = (await services.ask("GET", `/${id}/events`)).body.items as { kind: string; new: string }[];
    expect(
      events
        .filter(({ kind }) => kind === "rollout")
        .map((event) => event.new)
        .toSorted(),
    ).toEqual(["began", "completed"]);
    await isWell();
  },
);
