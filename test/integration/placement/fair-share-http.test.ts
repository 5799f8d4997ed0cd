/** Whose turn it is between those who pay, over the API: attacks by priority, by numbers, and what administrators may. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { forgetUrgent } from "@remotegpu/control-plane/server/store/placement/urgent-workloads";
import { GIB } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let host: ScriptedHost;
let carol: Caller;
let alice: Caller;
let mallory: Caller;
let holder: string;
let older: string;

beforeAll(async () => {
  scene = await openControlScene();
  host = await scene.host("host-a", { gpus: 1, cpu: 64, memoryGib: 64 });
  carol = await scene.customer("carol");
  alice = await scene.customer("alice");
  mallory = await scene.customer("mallory");
  holder = (await scene.order(carol, { gpu: 1 })).body.id;
  await scene.schedule();
  await host.round();
  older = (await scene.order(alice, { gpu: 1 })).body.id;
  scene.api.passMinutes(0.5);
  for (const name of ["one", "two", "three"]) await job(mallory, { name });
  await scene.schedule();
});
afterAll(async () => await scene.close());

const request = async (verb: string, path: string, as: Caller = scene.api.admin, body?: object) =>
  await scene.api.request(verb, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const job = async (as: Caller, change: object) =>
  await request("POST", "/training-jobs", as, {
    name: "train",
    image: "busybox:1",
    command: "true",
    cpu: 1,
    memory: GIB,
    gpu: 1,
    priority: 10,
    ...change,
  });
const line = async () => {
  scene.api.passMinutes(0.1);
  return (await request("GET", "/queue")).body.items;
};
const namesOf = (items: readonly { customer: string }[]) => items.map(({ customer }) => customer);
const count = async (table: string) =>
  (await scene.api.db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`, [])).rows[0]?.n;

test("attack: many later jobs of one payer at priority 10 do not go before another payer's older order", async () => {
  expect(namesOf(await line())).toEqual(["alice", "mallory", "mallory", "mallory"]);
});

test("whose place is reserved is written down, so that another server reserves it as well", async () => {
  const { rows } = await scene.api.db.query(
    "SELECT head_kind, head_id, head_first_rank FROM queue_state",
    [],
  );

  expect(rows).toEqual([{ head_kind: "environment", head_id: older, head_first_rank: 0 }]);
});

test("the queue and why report the payer's share beside that of the others, and not whose that is", async () => {
  const [first] = (await request("GET", "/queue", alice)).body.items;
  const why = (await request("GET", `/environments/${older}/why`, alice)).body;

  const share = { code: "share-beside-others", params: { own: 0, others: 0 } };
  expect(first.share).toMatchObject(share);
  expect(why.share).toEqual(first.share);
  expect((await request("GET", `/environments/${holder}/why`, carol)).body.share).toBeNull();
});

test("an administrator puts an order before all others and takes it back, which the audit log and its events record", async () => {
  const second = (await line()).find(({ kind }: { kind: string }) => kind === "training");
  const path = `/training-jobs/${second.id}/urgent`;

  expect(await request("PUT", path)).toMatchObject({ status: 200, body: { id: second.id, is_urgent: true } });
  const [first] = await line();
  await scene.schedule();
  const { rows } = await scene.api.db.query("SELECT head_id FROM queue_state", []);
  expect(await request("DELETE", path)).toMatchObject({ status: 200, body: { is_urgent: false } });

  expect(first).toMatchObject({ id: second.id, is_urgent: true });
  expect(rows).toEqual([{ head_id: second.id }]);
  const { items } = (await request("GET", `/audit-log?target_kind=training-job&target_id=${second.id}`)).body;
  expect(items.map(({ action }: { action: string }) => action)).toEqual(
    expect.arrayContaining(["training-job.make-urgent", "training-job.end-urgent"]),
  );
  const events = (await request("GET", `/training-jobs/${second.id}/events`)).body.items;
  expect(events.map(({ reason }: { reason: string }) => reason)).toEqual(
    expect.arrayContaining(["An administrator put it before all others that wait."]),
  );
});

test("what starts beside the order whose place is reserved is nobody's turn of its payer, and is written down so", async () => {
  const { id } = (await scene.order(alice, { gpu: 0 })).body;
  await host.heartbeat();
  await scene.schedule();

  const { rows } = await scene.api.db.query(
    `SELECT r.resource_id, p.is_payers_turn, p.is_workspaces_turn FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE r.resource_id = ANY($1) ORDER BY r.resource_id = $2`,
    [[id, holder], id],
  );

  expect(rows).toEqual([
    { resource_id: holder, is_payers_turn: true, is_workspaces_turn: true },
    { resource_id: id, is_payers_turn: false, is_workspaces_turn: false },
  ]);
});

test("attack: beyond as many as one payer may have waiting orders are refused, arrays whole, and nothing is written", async () => {
  await setSetting(scene.api.db, "MAX_WAITING_PER_PAYER", "5");
  const before = [
    await count("training_jobs"),
    await count("training_job_groups"),
    await count("environments"),
  ];

  const array = await job(mallory, { array: { from: 0, to: 2 }, gpu: 0 });
  const slow = await job(mallory, { array: { from: 0, to: 2, at_once: 1 }, gpu: 0 });

  for (const { status, body } of [array, slow]) {
    expect(status).toBe(429);
    expect(body).toMatchObject({
      status: 429,
      detail: expect.stringContaining("3 orders of the one who pays wait"),
    });
  }
  expect([
    await count("training_jobs"),
    await count("training_job_groups"),
    await count("environments"),
  ]).toEqual(before);

  const atOnce = await Promise.all(
    Array.from({ length: 5 }, async () => await scene.order(mallory, { gpu: 0 })),
  );

  expect(atOnce.filter(({ status }) => status === 201)).toHaveLength(2);
  expect(atOnce.filter(({ status }) => status === 429)).toHaveLength(3);
  expect((await scene.order(alice, { gpu: 0 })).status).toBe(201);
});

test("attack: replicas of a service wait within the same bound, scaled or by its bounds", async () => {
  const body = { name: "answers", image: "busybox:1", version: "1", cpu: 1, memory: GIB, gpu: 0 };
  const made = await request("POST", "/inference-services", alice, { ...body, max_replicas: 100 });
  const path = `/inference-services/${made.body.id}`;

  const scaled = await request("POST", `${path}/scale`, alice, { replicas: 50 });
  const raised = await request("PATCH", path, alice, { min_replicas: 50 });

  expect(made.status).toBe(201);
  expect([scaled.status, raised.status]).toEqual([429, 429]);
  expect((await request("GET", path, alice)).body).toMatchObject({ replicas: 1, min_replicas: 1 });
  expect((await request("POST", `${path}/stop`, alice)).status).toBe(202);
});

const head = async () =>
  (await scene.api.db.query<{ head_id: string | null }>("SELECT head_id FROM queue_state", [])).rows[0]
    ?.head_id;

test("whose place was reserved keeps it where somebody was faster, whoever is next in line", async () => {
  const stored = await head();
  await request("POST", `/environments/${holder}/stop`, carol, {});
  await host.heartbeat();
  await host.round({ phase: "stopped" });
  await scene.api.db.query(
    `CREATE OR REPLACE FUNCTION is_taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RAISE unique_violation USING MESSAGE = 'somebody was faster'; END $$`,
    [],
  );
  await scene.api.db.query(
    `CREATE TRIGGER is_taken BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.resource_id = '${stored}')
       EXECUTE FUNCTION is_taken()`,
    [],
  );

  await scene.schedule();
  const after = await head();
  await scene.api.db.query("DROP TRIGGER is_taken ON runs", []);
  await scene.schedule();

  expect(after).toBe(stored);
  expect(await head()).not.toBe(stored);
});

test("nothing is reserved for whoever has no funds", async () => {
  const payer = (await line()).find(({ id }: { id: string }) => id === older) === undefined ? mallory : alice;
  await scene.api.db.query("UPDATE customers SET overdue_status = 'suspended' WHERE id = $1", [
    payer.customerId,
  ]);

  await scene.schedule();

  const waiting = (await request("GET", "/queue", payer)).body.items;
  expect(waiting.length).toBeGreaterThan(0);
  expect(waiting.map(({ id }: { id: string }) => id)).not.toContain(await head());
  expect(waiting[0].reason).toBe(
    "Waiting for funds: the account is suspended; a top-up makes it normal again.",
  );
});

test("what was urgent is no longer once it is deleted", async () => {
  const { id } = (await scene.order(carol, { gpu: 0 })).body;
  await request("PUT", `/environments/${id}/urgent`);
  expect(await count("urgent_workloads")).toBe(1);
  await request("DELETE", `/environments/${id}`, carol);

  await forgetUrgent(scene.api.db);

  expect(await count("urgent_workloads")).toBe(0);
});

test("each later replica of an urgent service is urgent, too, until that is taken back", async () => {
  const dana = await scene.customer("dana");
  const body = { name: "oracle", image: "busybox:1", version: "1", cpu: 1, memory: GIB, gpu: 1 };
  const { id } = (await request("POST", "/inference-services", dana, { ...body, max_replicas: 2 })).body;
  const path = `/inference-services/${id}`;
  const urgencies = async () =>
    (await line())
      .filter((one: { id: string }) => one.id === id)
      .map((one: { is_urgent: boolean }) => one.is_urgent);
  await scene.replicas();
  await request("PUT", `${path}/urgent`);
  expect(await urgencies()).toEqual([true]);

  await request("POST", `${path}/scale`, dana, { replicas: 2 });
  await scene.replicas();
  const scaled = await urgencies();
  await request("DELETE", `${path}/urgent`);

  expect(scaled).toEqual([true, true]);
  expect(await urgencies()).toEqual([false, false]);
});
