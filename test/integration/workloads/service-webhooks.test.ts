/** What webhooks are told of an inference service, each in the transaction of the event that it names. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { RolloutScene } from "../../support/worlds/services/rollout-scene.ts";
import { ServiceScene } from "../../support/worlds/services/service-scene.ts";

let fresh: FreshDatabase;
let services: ServiceScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  services = await ServiceScene.begin(await openControlScene(fresh), { hosts: 1 });
});
afterEach(async () => await services.scene.close());

async function webhook(options: object = {}, as = services.alice): Promise<number> {
  const { status, body } = await services.scene.api.request("POST", "/api/v1/webhooks", {
    as,
    body: { url: "https://hooks.example.com/services", ...options },
  });
  expect(status).toBe(201);
  return body.id;
}

/** In the order in which they were written. */
async function reported(webhookId: number): Promise<Record<string, unknown>[]> {
  const { rows } = await services.scene.api.db.query<{ body: string }>(
    "SELECT body FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY id",
    [webhookId],
  );
  return rows.map(({ body }) => JSON.parse(body));
}

/** Of each message the event that it names, as people read it. */
async function eventsOf(messages: readonly Record<string, unknown>[]): Promise<string[]> {
  const { rows } = await services.scene.api.db.query<{ reported: string }>(
    `SELECT workload_id || ' ' || kind || ' ' || coalesce(new, '-') AS reported
       FROM unnest($1::bigint[]) WITH ORDINALITY AS m(id, nth) JOIN events e USING (id) ORDER BY nth`,
    [messages.map(({ event_id: id }) => id)],
  );
  return rows.map((row) => row.reported);
}

test("a service that answers, is stopped and answers again is reported, each by its event", async () => {
  const hook = await webhook();
  const id = await services.runs();
  await services.request("POST", `/${id}/stop`, {});
  await services.settle();
  await services.request("POST", `/${id}/start`, {});
  await services.settle();

  const messages = await reported(hook);
  expect(messages).toMatchObject([
    {
      kind: "service-serving",
      workload_kind: "inference",
      workload_id: id,
      name: "chat",
      sentence: "Inference service chat answers requests.",
    },
    { kind: "service-stopped", sentence: expect.stringMatching(/^Inference service chat has stopped/) },
    { kind: "service-serving" },
  ]);
  expect(await eventsOf(messages)).toEqual([
    `${id} status running`,
    `${id} status stopped`,
    `${id} status running`,
  ]);
});

test("one whose first replica fails is reported with why, also to who pays for it", async () => {
  const owner = await services.scene.customer("grace");
  await services.scene.api.db.query(
    "INSERT INTO workspace_members (workspace_id, customer_id, role) VALUES ($1, $2, 'member')",
    [owner.workspaceId, services.alice.customerId],
  );
  const hooks = [await webhook(), await webhook({}, owner)];
  services.text.set(0, { phase: "failed", problem: "image-missing", detail: "no such image" });
  const id = await services.ordered({ workspace_id: owner.workspaceId });
  await services.settle();

  expect(await services.get(id)).toMatchObject({ status: "error" });
  for (const hook of hooks)
    expect(await reported(hook)).toMatchObject([
      { kind: "service-failed", workload_id: id, reason: expect.stringContaining("image") },
    ]);
});

test("another version that serves is reported, and one that is taken back with why", async () => {
  const rollouts = new RolloutScene(services);
  const hook = await webhook({ kinds: ["service-rollout"] });
  const id = await services.runs({ max_replicas: 2 });
  await rollouts.upgraded(id);
  await rollouts.upgrade(id, { version: "v3", image: "server:3" });
  await rollouts.rollback(id);
  await rollouts.settles();

  const messages = await reported(hook);
  expect(messages).toMatchObject([
    {
      workload_id: id,
      outcome: "completed",
      revision: 2,
      serving_revision: 2,
      reason: null,
      sentence: "Inference service chat has gone over to another version. Version v2 has replaced v1.",
    },
    {
      outcome: "reverted",
      revision: 3,
      serving_revision: 2,
      reason: expect.stringMatching(/./),
    },
  ]);
  expect(await eventsOf(messages)).toEqual([`${id} rollout completed`, `${id} rollout reverted`]);
});

test("another number of replicas is reported, and one that is requested again is not", async () => {
  const hook = await webhook({ kinds: ["service-scaled"] });
  const id = await services.runs({ max_replicas: 3 });
  for (const replicas of [2, 2, 1]) await services.request("POST", `/${id}/scale`, { replicas });

  const messages = await reported(hook);
  expect(messages).toMatchObject([
    {
      workload_id: id,
      from: 1,
      to: 2,
      sentence: expect.stringMatching(/has 2 replicas from now on, in place of 1\. /),
    },
    { from: 2, to: 1 },
  ]);
  expect(await eventsOf(messages)).toEqual([`${id} scaled 2`, `${id} scaled 1`]);
});

test("a webhook that names kinds is notified of those alone", async () => {
  const hook = await webhook({ kinds: ["service-stopped"] });
  const id = await services.runs();
  await services.request("POST", `/${id}/stop`, {});
  await services.settle();

  expect((await reported(hook)).map(({ kind }) => kind)).toEqual(["service-stopped"]);
});
