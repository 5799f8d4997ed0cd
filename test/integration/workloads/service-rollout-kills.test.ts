/**
 * A control plane that dies at each of its statements: while another version is ordered, and while a service goes to it.
 */
import type { ClientBase } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replicasPass } from "@remotegpu/control-plane/server/controllers/inference/replicas";
import type { ApiApp } from "@remotegpu/control-plane/server/http/deps";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { KEY_FREE_WITHIN_MS } from "@remotegpu/control-plane/server/store/orders/idempotency";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { watchedDatabase, type WatchedStatement } from "../../support/engines/watched-database.ts";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { RolloutScene, SERVES_V2 } from "../../support/worlds/services/rollout-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

/** More of them no pass asks. */
const MAX_STATEMENTS = 60;
const STORY_MS = 120_000;

let fresh: FreshDatabase;
let services: ServiceScene;
let made = 0;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 2 });
});
afterEach(async () => await services.scene.close());

/** One whose connections end with the statement after so many, all of them. */
function mortal(statements: number): { db: Database; hasDied: () => boolean } {
  const db = openDatabase(fresh.url);
  let left = statements;
  db.pool.on("connect", (client: ClientBase & { connection?: { stream: { destroy(): void } } }) => {
    const query = client.query.bind(client) as (...requested: unknown[]) => unknown;
    const dying = (...requested: unknown[]) => {
      left -= 1;
      if (left < 0) client.connection?.stream.destroy();
      return query(...requested);
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

/** Either it dies before it asks, or the answer to what it asked never comes to it. */
type Death = "before" | "after";

function dying(statements: number, when: Death): { db: Database; hasDied: () => boolean } {
  if (when === "before") return mortal(statements);
  let hasDied = false;
  const after = ({ number, tear }: WatchedStatement) => {
    if (number <= statements) return;
    hasDied = true;
    tear();
    throw new Error("nobody is there for the answer");
  };
  return { db: watchedDatabase(fresh.url, { after }, "application"), hasDied: () => hasDied };
}

interface Order {
  path: string;
  body: object;
}

async function send(app: ApiApp, key: string, { path, body }: Order): Promise<Response> {
  return await app.request(`/api/v1/inference-services${path}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${services.alice.key}`,
      "Content-Type": "application/json",
      "Idempotency-Key": key,
    },
    body: JSON.stringify(body),
  });
}

/** Until the database has noticed that nobody is there any more, the key is held. */
async function requestedAgain(key: string, order: Order): Promise<Response> {
  return await eventually(
    async () => {
      const answer = await send(services.scene.api.app, key, order);
      const isHeld = answer.status === 409 && (await answer.clone().text()).includes("is under way");
      return !isHeld && answer;
    },
    { withinMs: KEY_FREE_WITHIN_MS, what: "an answer to the same key" },
  );
}

/** The order is asked of servers that die at their first statement, the second and so on; then, each time, of one that lives. */
async function ordersThatDie(
  when: Death,
  ordered: (nth: number) => Order,
  after: (nth: number) => Promise<void>,
): Promise<number> {
  const { deps } = services.scene.api;
  for (let statements = 0; statements < MAX_STATEMENTS; statements += 1) {
    const order = ordered(statements);
    const key = `killed-${statements}`;
    const { db, hasDied } = dying(statements, when);
    const first = await send(createApp({ ...deps, db }), key, order);
    await db.close();
    expect(hasDied() ? [202, 503] : [202]).toContain(first.status);
    if (!hasDied()) return statements;

    expect((await requestedAgain(key, order)).status).toBe(202);
    await after(statements);
  }
  throw new Error("an order asks without end");
}

/** Asked of a second server while the first has it, and held by that one once the first has committed. */
async function requestedWhileItCommits(order: Order): Promise<{ first: Response; second: Response }> {
  const { app, deps } = services.scene.api;
  const { promise, resolve } = Promise.withResolvers<Response>();
  let isFirst = true;
  const db = watchedDatabase(
    fresh.url,
    {
      async before() {
        if (!isFirst) return;
        isFirst = false;
        const first = send(app, "at-once", order);
        await first;
        resolve(first);
      },
    },
    "application",
  );
  const second = await send(createApp({ ...deps, db }), "at-once", order);
  await db.close();
  return { first: await promise, second };
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

test.each(["before", "after"] as const)(
  "another version is ordered once or not at all, and once where it is repeated: death %s a statement",
  { timeout: STORY_MS },
  async (when) => {
    const id = await services.ordered({ version: "v-first" });
    const upgrade = (nth: number) => ({ path: `/${id}/upgrade`, body: { version: `v${nth}` } });

    const deaths = await ordersThatDie(when, upgrade, async (nth) => {
      expect((await services.get(id)).rollout).toMatchObject({ version: `v${nth}` });
      expect(await written("service_revisions", id)).toBe(nth + 2);
      expect(await written("service_rollouts", id)).toBe(nth + 1);
    });

    expect(deaths).toBeGreaterThan(10);
    await isWell();
  },
);

test.each(["before", "after"] as const)(
  "the version before is gone back to once or not at all, and once where it is repeated: death %s a statement",
  { timeout: STORY_MS },
  async (when) => {
    const rolling = new RolloutScene(services);
    const id = await services.runs();
    await rolling.upgraded(id);
    // Of a service that is stopped each turn is complete at once.
    await services.request("POST", `/${id}/stop`);
    await services.settle();
    const before = await written("service_rollouts", id);

    const deaths = await ordersThatDie(
      when,
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

test("what is done while it is repeated is reported, and neither refused nor done again", async () => {
  const id = await services.ordered({ version: "v1" });
  // Of a service that is stopped each turn is complete at once, so that a second one would be another.
  await services.request("POST", `/${id}/stop`);
  await services.settle();
  const upgrade = { path: `/${id}/upgrade`, body: { version: "v2" } };
  const rollback = { path: `/${id}/rollback`, body: {} };

  for (const [order, version] of [
    [upgrade, "v2"],
    [rollback, "v1"],
  ] as const) {
    const { first, second } = await requestedWhileItCommits(order);

    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.headers.get("Idempotency-Replayed")).toBe("true");
    expect(await second.json()).toEqual(await first.json());
    expect(await services.get(id)).toMatchObject({ version });
  }
  expect(await written("service_rollouts", id)).toBe(2);
});

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
    const all = await services.replicas(id, { all: "true" });
    expect(all.map(({ rank }) => rank)).toEqual([0, 1, 2, 3]);
    expect(await services.serving(id)).toEqual([2, 3]);
    expect(await rolling.rollouts(id)).toMatchObject([{ number: 1, outcome: "completed" }]);
    const events = (await services.request("GET", `/${id}/events`)).body.items as {
      kind: string;
      new: string;
    }[];
    expect(
      events
        .filter(({ kind }) => kind === "rollout")
        .map((event) => event.new)
        .toSorted(),
    ).toEqual(["began", "completed"]);
    await isWell();
  },
);
