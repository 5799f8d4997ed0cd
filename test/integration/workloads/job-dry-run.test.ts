/** What an order of a job would come to, without ordering it; and the form of one. */
import { GIB } from "@remotegpu/shared/values/units";
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import type { ControlScene } from "../../support/worlds/control-scene.ts";
import { openCustomerScene } from "../../support/worlds/customer-scene.ts";

let scene: ControlScene;
let alice: Caller & { workspaceId: number };

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  ({ scene, alice } = await openCustomerScene({ gpus: 2 }, await emptyDatabase()));
});
afterEach(async () => await scene.close());

const ORDER = { name: "train", image: "trainer:1", command: "true", cpu: 1, memory: GIB, gpu: 1 };
const post = async (path: string, change: object = {}) =>
  await scene.api.request("POST", `/api/v1/training-jobs${path}`, {
    as: alice,
    body: { ...ORDER, ...change },
  });
const dryRun = async (change: object = {}) => await post("/dry-run", change);
const countOf = async (table: string) =>
  Number((await scene.api.db.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);

test("reports price, place and hosts, and orders nothing", async () => {
  const events = await countOf("events");
  const { status, body } = await dryRun();

  expect(status).toBe(200);
  expect(body).toMatchObject({
    position: 1,
    reason: "An instance of it fits on one host now.",
    hosts: [{ host_name: "host-a", fits: true }],
    suggestions: [],
  });
  expect(Number(body.price_per_hour)).toBeGreaterThan(0);
  const two = await dryRun({ gpu: 2, cpu: 2, memory: 2 * GIB });
  expect(Number(two.body.price_per_hour)).toBeCloseTo(2 * Number(body.price_per_hour));
  const array = await dryRun({ array: { from: 0, to: 99, at_once: 3 } });
  expect(Number(array.body.price_per_hour)).toBeCloseTo(3 * Number(body.price_per_hour));
  expect([await countOf("training_jobs"), await countOf("training_job_groups")]).toEqual([0, 0]);
  expect(await countOf("events")).toBe(events);
});

test("of one that would wait reports behind how many and why", async () => {
  await post("", { gpu: 2 });
  await scene.schedule();
  await post("", { gpu: 2, name: "waits" });

  const { body } = await dryRun();

  expect(body).toMatchObject({
    position: 2,
    reason: "No host has room for an instance of it now: it would wait.",
    hosts: [{ host_name: "host-a", fits: false }],
  });
});

test.each([
  ["what no host could ever hold", { gpu: 3 }, 422],
  ["bad input", { cpu: 0 }, 422],
  ["a mount that is not there", { mounted_datasets: [77] }, 404],
])("refuses %s as the order would be", async (_what, change, status) => {
  const [tried, ordered] = [await dryRun(change), await post("", change)];

  expect(tried.status).toBe(status);
  const own = { instance: null, trace_id: null };
  expect({ ...tried.body, ...own }).toEqual({ ...ordered.body, ...own });
});

test("refuses who cannot pay, and reports no price to a key that may not see money", async () => {
  const key = await scene.api.request("POST", "/api/v1/api-keys", {
    as: alice,
    body: { scopes: ["read", "orders"] },
  });
  const blind = { ...alice, key: key.body.key };
  const answer = await scene.api.request("POST", "/api/v1/training-jobs/dry-run", { as: blind, body: ORDER });
  expect(answer).toMatchObject({ status: 200, body: { price_per_hour: null } });

  await scene.api.db.query("UPDATE customers SET balance = 0 WHERE id = $1", [alice.customerId]);
  expect((await dryRun()).status).toBe(402);
});

test("the form of an order is published for everybody, and states what an order may contain", async () => {
  const { status, body } = await scene.api.request("GET", "/api/v1/schemas/training-job");

  expect(status).toBe(200);
  expect(body).toMatchObject({
    type: "object",
    additionalProperties: false,
    required: expect.arrayContaining(["name", "image", "command", "cpu", "memory"]),
    properties: { command: { maxLength: 65_536 }, config: { type: "object" } },
  });
});
