/** `GET /queue` over the real store: the line as it is tried, who sees what of it, and how long it is kept. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { isReason } from "@remotegpu/control-plane/server/core/reasons/reason";
import type { Queue } from "@remotegpu/control-plane/server/http/queue/queue";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const HOSTILE = "<img src=x onerror=alert(1)> \u200fabc 😀".padEnd(64, "%_");

let scene: ControlScene;
let host: ScriptedHost;
let alice: Caller & { workspaceId: number };
let bob: Caller;
/** Of those that wait, in line order, and one of alice that runs. */
let waiting: string[];
let running: string;

beforeAll(async () => {
  scene = await openControlScene();
  host = await scene.host("host-a", { gpus: 4, cpu: 64, memoryGib: 64 });
  alice = await scene.customer("alice");
  bob = await scene.customer("bob");
  running = (await scene.order(alice, { gpu: 2 })).body.id;
  await scene.schedule();
  await host.round();
  waiting = [];
  for (const [as, gpu, name] of [
    [bob, 4, "first"],
    [alice, 3, HOSTILE],
    [bob, 4, "third"],
    [alice, 3, "fourth"],
  ] as const) {
    const order = await scene.order(as, { gpu, name });
    if (order.status !== 201) throw new Error(JSON.stringify(order.body));
    waiting.push(order.body.id);
  }
  await scene.schedule();
});
afterAll(async () => await scene.close());

const request = async (query = "", as = scene.api.admin) =>
  await scene.api.request("GET", `/api/v1/queue${query}`, { as });
/** Of now: the one that is kept may be of a moment ago. */
const queue = async (query = "", as = scene.api.admin): Promise<Queue> => {
  scene.api.passMinutes(0.1);
  return (await request(query, as)).body;
};
const whyOf = async (id: string) =>
  (await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: scene.api.admin })).body;

describe("the line", () => {
  test("has all that waits, each at the place that why reports, and with why it waits", async () => {
    const { items } = await queue();

    expect(items.map(({ position }) => position)).toEqual([1, 2, 3, 4]);
    expect(new Set(items.map(({ id }) => id))).toEqual(new Set(waiting));
    for (const { id, position, reason } of items) {
      const why = await whyOf(id);
      expect(position).toBe(why.position);
      expect(reason).toBe(why.reason);
      expect(reason).toEqual(expect.any(String));
    }
  });

  test("states what was ordered, under its current name", async () => {
    const { items } = await queue();

    expect(items.find(({ id }) => id === waiting[1])).toMatchObject({
      kind: "environment",
      name: HOSTILE,
      customer: "alice",
      size: { instances: 1, gpus: 3, gpu_model: null, cpu: 1, memory: 2 ** 30 },
      priority: 0,
    });
  });

  test("names one change with which an order would start now, which why names as well", async () => {
    const { items } = await queue();

    const [first] = items;
    const { suggestions } = await whyOf(first?.id ?? "");
    expect(first?.would_start).toMatch(/it would start now\.$/);
    expect(suggestions.map(({ sentence }: { sentence: string }) => sentence)).toContain(first?.would_start);
    expect(suggestions).toContainEqual(
      expect.objectContaining({
        sentence_code: first?.would_start_code,
        sentence_params: first?.would_start_params,
      }),
    );
    expect(first?.would_start_code).toMatch(/^would-start-/);
  });

  test("tells why an order waits as a code, whose text is the reason", async () => {
    const { items } = await queue();

    const [first] = items;
    const reason = { code: first?.reason_code, params: first?.reason_params };
    expect(isReason(reason) && inEnglish(reason)).toBe(first?.reason);
    expect(first?.reason_code).not.toBe("as-reported");
  });

  test("is one for a second, and another after that", async () => {
    const one = await queue();

    expect((await request()).body.at).toBe(one.at);
    expect((await queue()).at).not.toBe(one.at);
  });
});

describe("customers", () => {
  test("see what is theirs with its place in the whole line, and of others nothing", async () => {
    const all = await queue();

    const seen = await queue("", bob);

    const ofBob = all.items.filter(({ customer }) => customer === "bob");
    expect(ofBob).toHaveLength(2);
    expect(seen.items.map(({ id, position }) => ({ id, position }))).toEqual(
      ofBob.map(({ id, position }) => ({ id, position })),
    );
    expect(seen.items.map(({ customer }) => customer)).toEqual([null, null]);
    const text = JSON.stringify(seen);
    for (const hidden of [HOSTILE, running, ...waiting.filter((id) => !ofBob.some((one) => one.id === id))])
      expect(text).not.toContain(hidden);
  });
});

describe("whether one may be changed", () => {
  test.each([
    ["owner", true],
    ["admin", true],
    ["member", false],
    ["viewer", false],
  ] as const)("is reported to its workspace's %s as the routes decide: %j", async (role, expected) => {
    const carol = role === "owner" ? alice : await scene.customer(`carol-${role}`);
    if (role !== "owner") await scene.api.join(alice.workspaceId, alice, carol, role);

    const { items } = await queue("", carol);

    const ofAlice = items.filter(({ id }) => id === waiting[1] || id === waiting[3]);
    expect(ofAlice.map(({ may_manage }) => may_manage)).toEqual([expected, expected]);
    for (const { id } of ofAlice) {
      const change = { as: carol, body: { description: role } };
      const { status } = await scene.api.request("PATCH", `/api/v1/environments/${id}`, change);
      expect(status).toBe(expected ? 200 : 403);
    }
  });

  test("is so for an administrator of all, and for a member of what is their own", async () => {
    const dave = await scene.customer("dave");
    await scene.api.join(alice.workspaceId, alice, dave);
    await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "enterprise");
    const { status, body } = await scene.order(dave, { gpu: 4, workspace_id: alice.workspaceId });
    expect(status).toBe(201);

    const seen = await queue("", dave);
    const all = await queue();

    expect(seen.items.filter(({ may_manage }) => may_manage).map(({ id }) => id)).toEqual([body.id]);
    expect(all.items.every(({ may_manage }) => may_manage)).toBe(true);
    await scene.api.request("DELETE", `/api/v1/environments/${body.id}`, { as: dave });
  });

  test("is not so for a key that orders nothing", async () => {
    const reader = await scene.api.key(alice, { scopes: ["read"] });

    const { items } = await queue("", reader);

    expect(items.map(({ may_manage }) => may_manage)).toEqual([false, false]);
  });
});

describe("pages", () => {
  test("go on behind the last that was seen, also where the line has moved", async () => {
    const all = await queue();
    const [first, second] = [await queue("?limit=2"), await queue("?limit=3")];
    const seen = all.items.map(({ id }) => id);
    expect(first.items.map(({ id }) => id)).toEqual(seen.slice(0, 2));
    expect((await queue(`?limit=2&cursor=${first.next_cursor}`)).items.map(({ id }) => id)).toEqual(
      seen.slice(2),
    );
    await scene.api.request("DELETE", `/api/v1/environments/${seen[2]}`, { as: scene.api.admin });

    const rest = await queue(`?limit=2&cursor=${second.next_cursor}`);

    expect(rest).toMatchObject({ items: [{ id: seen[3], position: 3 }], next_cursor: null });
  });

  test("are refused with the cursor of another list", async () => {
    const other = await scene.api.request("GET", "/api/v1/environments?limit=1", { as: alice });
    expect(other.body.next_cursor).toEqual(expect.any(String));

    expect(await request(`?cursor=${other.body.next_cursor}`)).toMatchObject({ status: 422 });
  });
});

test("what would start them is reported of all near the front one after the other, however rare the requests", async () => {
  const other = await scene.host("host-b", { gpus: 2, cpu: 64, memoryGib: 64 });
  await setSetting(scene.api.db, "DEFAULT_QUOTA_LEVEL", "enterprise");
  for (let nth = 0; nth < 6; nth += 1)
    expect(await scene.order(alice, { gpu: 3 })).toMatchObject({ status: 201 });

  const untold: number[] = [];
  for (let nth = 0; nth < 4; nth += 1) {
    // What was found is kept for less than that.
    scene.api.passMinutes(0.25);
    for (const one of [host, other]) await one.heartbeat();
    const { items } = await queue();
    expect(items.length).toBeGreaterThan(8);
    untold.push(items.filter(({ would_start }) => would_start === null).length);
  }

  expect(untold[0]).toBeGreaterThan(0);
  expect(untold.at(-1)).toBe(0);
});
