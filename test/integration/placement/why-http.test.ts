/** `GET /{kind}/{id}/why` over the real store: what would start a waiting order now, and that it does. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let host: ScriptedHost;
let alice: Caller;
let bob: Caller;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  host = await scene.host("host-a", { gpus: 4, cpu: 16, memoryGib: 64 });
  alice = await scene.customer("alice");
  bob = await scene.customer("bob");
});
afterEach(async () => await scene.close());

const why = async (id: string, as = alice) =>
  (await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as })).body;
/** The field of each suggestion with its value. */
const values = (answer: { suggestions: { field: string | null; value: unknown }[] }) =>
  Object.fromEntries(answer.suggestions.map(({ field, value }) => [field ?? "wait", value]));

async function runs(as: Caller, change: object): Promise<string> {
  const { id } = (await scene.order(as, change)).body;
  await scene.schedule();
  await host.round();
  expect(await scene.get(as, id)).toMatchObject({ status: "running" });
  return id;
}

async function waits(as: Caller, change: object): Promise<string> {
  const { id } = (await scene.order(as, change)).body;
  await scene.schedule();
  expect(await scene.get(as, id)).toMatchObject({ status: "queued" });
  return id;
}

describe("of an order that does not fit", () => {
  test("names the largest CPU that would do, and with it the order starts", async () => {
    await runs(alice, { cpu: 10 });
    const id = await waits(alice, { cpu: 7 });

    expect(values(await why(id))).toMatchObject({ cpu: 6 });

    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    await scene.order(alice, { cpu: 6 });
    expect((await scene.schedule()).placed).toHaveLength(1);
  });

  test("names memory in bytes and GPUs by their number, each alone", async () => {
    await runs(alice, { gpu: 3, memory: 40 * GIB });

    expect(values(await why(await waits(alice, { gpu: 2 })))).toEqual({ gpu: 1, wait: null });
    // One GiB is kept for the one before.
    expect(values(await why(await waits(alice, { memory: 30 * GIB })))).toMatchObject({ memory: 23 * GIB });
  });

  test("suggests nothing alone where two things are missing", async () => {
    await runs(alice, { gpu: 3, memory: 40 * GIB });

    const answer = await why(await waits(bob, { gpu: 2, memory: 30 * GIB }), bob);

    expect(values(answer)).toEqual({ wait: null });
    expect(answer.hosts[0]!.obstacles).toHaveLength(2);
  });
});

describe("a reason as a code with parameters", () => {
  test("stands beside the sentence, of the status and of each host", async () => {
    await runs(alice, { gpu: 3 });
    const id = await waits(bob, { gpu: 2 });
    const busy = { code: "gpus-busy", params: { requested: 2, free: 1 } };

    expect(await scene.get(bob, id)).toMatchObject({
      status_reason: "Waiting for a place. host-a: 2 GPU asked, 1 free.",
      status_reason_code: "waiting-on-hosts",
      status_reason_params: {
        hosts: { hosts: [{ host_id: host.id, host_name: "host-a", reasons: [busy] }], more: 0 },
      },
    });
    expect(await why(id, bob)).toMatchObject({
      reason_code: "waiting-on-hosts",
      hosts: [{ reason: "2 GPU asked, 1 free", reason_code: busy.code, reason_params: busy.params }],
    });
  });

  test("is what came as a text where a process of before wrote the sentence alone", async () => {
    await runs(alice, { gpu: 3 });
    const id = await waits(bob, { gpu: 2 });

    await scene.api.db.query("UPDATE environments SET status_reason = $2 WHERE id = $1", [id, "It is new."]);

    expect(await scene.get(bob, id)).toMatchObject({
      status_reason: "It is new.",
      status_reason_code: "as-reported",
      status_reason_params: { text: "It is new." },
    });
  });

  test("is null where there is nothing to report", async () => {
    expect(await scene.get(alice, await runs(alice, { gpu: 1 }))).toMatchObject({
      status_reason: null,
      status_reason_code: null,
      status_reason_params: null,
    });
  });

  test("is written for what waited before there were codes", async () => {
    await runs(alice, { gpu: 3 });
    const id = await waits(bob, { gpu: 2 });
    await scene.api.db.query(
      "UPDATE environments SET status_reason_code = NULL, status_reason_params = NULL WHERE id = $1",
      [id],
    );

    await scene.schedule();

    expect(await scene.get(bob, id)).toMatchObject({ status_reason_code: "waiting-on-hosts" });
  });
});

describe("the work to wait for", () => {
  test("is named to its owner", async () => {
    const running = await runs(alice, { gpu: 4 });

    const { suggestions } = await why(await waits(alice, { gpu: 1 }));

    expect(suggestions).toEqual([
      expect.objectContaining({
        wait_for: running,
        sentence: `It would start when environment ${running} has ended.`,
      }),
    ]);
  });

  test("is nobody's to a stranger, and somebody's to an administrator", async () => {
    const running = await runs(alice, { gpu: 4 });
    const id = await waits(bob, { gpu: 1 });

    const answer = await why(id, bob);

    expect(answer.suggestions[0]).toMatchObject({
      wait_for: null,
      sentence: "It would start when work of another customer has ended.",
    });
    expect(JSON.stringify(answer)).not.toContain(running);
    expect((await why(id, scene.api.admin)).suggestions[0]).toMatchObject({ wait_for: running });
  });
});

describe("the place of the head", () => {
  test("is reserved: what would take it waits with that reason, what cannot delay it starts", async () => {
    await runs(alice, { gpu: 2 });
    const head = await waits(bob, { gpu: 4 });
    const behind = await waits(alice, { gpu: 1 });

    expect((await scene.get(alice, behind)).status_reason).toContain("behind an order that comes first");
    expect((await why(head, bob)).position).toBe(1);
    expect((await why(behind)).position).toBe(2);

    await scene.order(alice, { cpu: 1 });
    expect((await scene.schedule()).placed).toHaveLength(1);
  });
});

test("an order that waits for an old container gets that reason and nothing else", async () => {
  const id = await runs(alice, { gpu: 1 });
  await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: alice });
  await host.round({ phase: "stopped" });
  await scene.api.request("POST", `/api/v1/environments/${id}/start`, { as: alice });
  await scene.schedule();
  await host.round({ phase: "ready" });

  expect(await why(id)).toMatchObject({ status: "running", position: null, suggestions: [], hosts: [] });
});

test.each(["training-jobs", "inference-services"])("answers for %s, too", async (path) => {
  const table = path.replace("-", "_");
  await scene.api.db.query(
    table === "training_jobs"
      ? `INSERT INTO training_jobs (id, customer_id, name, image, command, status, cpu, memory, gpu)
         VALUES ('w', $1, 'w', 'i', 'c', 'completed', 1, 1, 0)`
      : `INSERT INTO inference_services (id, customer_id, name, image, version, status, cpu, memory, gpu, replicas)
         VALUES ('w', $1, 'w', 'i', '1', 'stopped', 1, 1, 0, 0)`,
    [alice.customerId],
  );

  const answer = await scene.api.request("GET", `/api/v1/${path}/w/why`, { as: alice });

  expect(answer).toMatchObject({ status: 200, body: { position: null, hosts: [], suggestions: [] } });
});
