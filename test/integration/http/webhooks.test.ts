/**
 * Messages to webhooks, from the outbox to a real receiver: signed, again and again until taken, and never elsewhere; and
 * what is told of money, work and alarms.
 */
import { createHmac } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { WebhookDeliveries, type WebhookDeps } from "@remotegpu/control-plane/server/controllers/webhooks";
import {
  MAX_WEBHOOK_TRIES,
  type TryOutcome,
} from "@remotegpu/control-plane/server/core/alerts/webhook-tries";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import {
  acquireLeadership,
  LeadershipLostError,
  releaseLeadership,
} from "@remotegpu/control-plane/server/store/database/leader";
import { clearAlarm, raiseAlarm, raiseAlarmOnce } from "@remotegpu/control-plane/server/store/events/alarms";
import { lockEnvironment } from "@remotegpu/control-plane/server/store/environments/environments";
import { moveEnvironment } from "@remotegpu/control-plane/server/store/environments/environment-moves";
import { CALM_MS, LOOP_RESTARTS } from "@remotegpu/control-plane/server/store/reports/runs/crash-loops";
import { MAX_WAITING } from "@remotegpu/control-plane/server/store/events/message-outbox";
import { adjust, topUp } from "@remotegpu/control-plane/server/store/billing/ledger/payments";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { MAX_WEBHOOKS } from "@remotegpu/control-plane/server/store/events/webhooks";
import { parsePoints } from "@remotegpu/shared/values/money";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { problem, type ApiWorld, type Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openWebhookReceiver, type WebhookReceiver } from "../../support/http/webhook-receiver.ts";

const DAY_MS = 86_400_000;

let fresh: FreshDatabase;
let scene: ControlScene;
let api: ApiWorld;
let receiver: WebhookReceiver;
let customer: Caller & { workspaceId?: number };
let now: Date;
let counter = 0;

beforeAll(async () => {
  fresh = await freshDatabase();
  scene = await openControlScene(fresh);
  api = scene.api;
  receiver = await openWebhookReceiver();
});
afterAll(async () => {
  await receiver.close();
  await api.close();
});
beforeEach(async () => {
  await setSetting(api.db, "ALLOW_LOOPBACK_WEBHOOKS", "on");
  await api.db.query("DELETE FROM webhooks");
  for (const holder of ["one", "two", "the test"]) await releaseLeadership(api.db, holder);
  receiver.received.length = 0;
  counter += 1;
  customer = await api.customer(`ann-${counter}`);
  // The API's clock stamps messages, too: what it has written is due.
  now = new Date(Date.now() + 1_000);
});

const opened: WebhookDeliveries[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});

function deliveries(other: Partial<WebhookDeps> = {}): WebhookDeliveries {
  const made = new WebhookDeliveries({
    db: api.db,
    now: () => now,
    log: quietLog,
    seal: api.deps.webhookSecrets,
    wake: () => undefined,
    ...other,
  });
  opened.push(made);
  return made;
}

async function term(): Promise<number> {
  return (await acquireLeadership(api.db, { holder: "one", now })) ?? 0;
}

async function passed(loop: WebhookDeliveries): Promise<void> {
  await loop.pass({ term: await term(), now });
  await loop.settled();
}

async function webhook(path: string, options: object = {}): Promise<{ id: number; secret: string }> {
  const answer = await api.request("POST", "/api/v1/webhooks", {
    as: customer,
    body: { url: receiver.url(path), ...options },
  });
  expect(answer.status).toBe(201);
  return answer.body;
}

async function sendTest(id: number): Promise<void> {
  const answer = await api.request("POST", `/api/v1/webhooks/${id}/test`, { as: customer });
  expect(answer.status).toBe(202);
}

async function deliveriesOf(id: number) {
  return (await api.request("GET", `/api/v1/webhooks/${id}/deliveries`, { as: customer })).body.items;
}

function isSignedWith(secret: string, { headers, body }: WebhookReceiver["received"][number]): boolean {
  const timestamp = String(headers["remotegpu-timestamp"]);
  const expected = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  return headers["remotegpu-signature"] === `v1=${expected}`;
}

/** By itself, as the ledger posts it. */
async function move(amount: string, id: string, db: Database = api.db): Promise<void> {
  const points = parsePoints(amount);
  const payment = {
    id,
    customerId: customer.customerId,
    amount: points,
    at: new Date(now.getTime() - 500),
    reason: "r",
    actor: "test",
  };
  await transaction(db, (tx) => (points > 0n ? topUp(tx, payment) : adjust(tx, payment)));
}

describe("a message", () => {
  test("is signed with the secret that was returned once, over timestamp and body", async () => {
    const { id, secret } = await webhook("/signed");
    await sendTest(id);

    await passed(deliveries());

    const [one] = receiver.at("/signed");
    expect(one !== undefined && isSignedWith(secret, one)).toBe(true);
    expect(one?.headers["remotegpu-timestamp"]).toBe(String(Math.floor(now.getTime() / 1000)));
    const visible = await api.request("GET", `/api/v1/webhooks/${id}`, { as: customer });
    expect(JSON.stringify(visible.body)).not.toContain(secret);
    expect(await deliveriesOf(id)).toMatchObject([
      { state: "delivered", kind: "test", tries: 1, last_status: 200, last_answer: "thanks" },
    ]);
  });

  test("reports what came of each try, answered or not, to whoever counts", async () => {
    const { id } = await webhook("/counted");
    const tries: object[] = [];
    const counting = { onTried: ({ delivered, status }: TryOutcome) => tries.push({ delivered, status }) };
    await sendTest(id);
    receiver.answer("/counted", (response) => void response.writeHead(503).end());
    await passed(deliveries(counting));
    const [refused] = await deliveriesOf(id);
    now = new Date(refused!.next_try_at!);
    receiver.answer("/counted", (response) => void response.end("thanks"));

    await passed(deliveries(counting));

    expect(tries).toEqual([
      { delivered: false, status: 503 },
      { delivered: true, status: 200 },
    ]);
  });

  test("is signed with a new secret as soon as there is one, though it waited or was refused before", async () => {
    const { id, secret } = await webhook("/rotated");
    await sendTest(id);
    receiver.answer("/rotated", (response) => void response.writeHead(401).end());
    await passed(deliveries());
    const rotation = await api.request("POST", `/api/v1/webhooks/${id}/secret`, { as: customer });
    receiver.answer("/rotated", (response) => void response.end("thanks"));
    const [refused] = await deliveriesOf(id);
    now = new Date(refused!.next_try_at!);

    await passed(deliveries());

    expect(rotation).toMatchObject({ status: 201, body: { id, active: true } });
    expect(rotation.body.secret).not.toBe(secret);
    expect(receiver.at("/rotated").map((one) => isSignedWith(secret, one))).toEqual([true, false]);
    expect(receiver.at("/rotated").map((one) => isSignedWith(rotation.body.secret, one))).toEqual([
      false,
      true,
    ]);
    const visible = await api.request("GET", `/api/v1/webhooks/${id}`, { as: customer });
    expect(JSON.stringify(visible.body)).not.toContain(rotation.body.secret);
  });

  test("reports an alert to the customer's webhooks that request its kind and are active", async () => {
    const all = await webhook("/all");
    await webhook("/low", { kinds: ["low-balance"] });
    await webhook("/budget", { kinds: ["budget"] });
    const paused = await webhook("/paused");
    await api.request("PATCH", `/api/v1/webhooks/${paused.id}`, { as: customer, body: { active: false } });
    await move("60", "t1");
    await move("-15", "a1");

    await passed(deliveries());

    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(["/all", "/low"]);
    const [message] = receiver.at("/all");
    expect(JSON.parse(message?.body ?? "")).toEqual({
      alert_id: expect.any(Number),
      customer_id: customer.customerId,
      kind: "low-balance",
      state: "fired",
      threshold: "50.0000",
      month: null,
      value: "45.0000",
      sentence: "The balance is 45.0000, at or below 50.0000.",
      sentence_code: "balance-at-threshold",
      sentence_params: { balance: "45.0000", threshold: "50.0000" },
      at: new Date(now.getTime() - 500).toISOString(),
    });
    expect(await deliveriesOf(all.id)).toMatchObject([{ state: "delivered", kind: "low-balance" }]);
  });

  test("that nobody takes is tried again ever later, then given up, and recorded so", async () => {
    const { id } = await webhook("/broken");
    receiver.answer("/broken", (response) => void response.writeHead(500).end("no"));
    await sendTest(id);
    const loop = deliveries();
    const begin = now.getTime();

    for (let tries = 1; tries <= MAX_WEBHOOK_TRIES; tries += 1) {
      await passed(loop);
      await passed(loop);
      const [row] = await deliveriesOf(id);
      expect(row).toMatchObject({ tries, last_status: 500, last_answer: "no" });
      expect(row!.state).toBe(tries < MAX_WEBHOOK_TRIES ? "waiting" : "given up");
      if (tries < MAX_WEBHOOK_TRIES) now = new Date(row!.next_try_at!);
    }

    expect(receiver.at("/broken")).toHaveLength(MAX_WEBHOOK_TRIES);
    expect(now.getTime() - begin).toBeLessThanOrEqual(DAY_MS);
    expect(new Set(receiver.at("/broken").map(({ body }) => body)).size).toBe(1);
    now = new Date(now.getTime() + 2 * DAY_MS);
    await passed(loop);
    expect(receiver.at("/broken")).toHaveLength(MAX_WEBHOOK_TRIES);
  });

  test("is sent again where the server dies before it wrote down that it was taken", async () => {
    const { id } = await webhook("/twice");
    await sendTest(id);
    // BEGIN (3), term (2), tidying (2), taking, COMMIT; then the outcome's BEGIN (3).
    const failing = failingDatabase(fresh.url, { at: 13, when: "before" });

    await passed(deliveries({ db: failing }));
    const reached = failing.hasFailed();
    await failing.close();
    const [row] = await deliveriesOf(id);
    now = new Date(row!.next_try_at!);
    await passed(deliveries());

    expect(reached).toBe(true);
    expect(row).toMatchObject({ state: "waiting", tries: 1 });
    expect(receiver.at("/twice")).toHaveLength(2);
    expect(await deliveriesOf(id)).toMatchObject([{ state: "delivered", tries: 2 }]);
  });

  test("is taken by one of two loops that poll at once", async () => {
    const hooks = [await webhook("/one"), await webhook("/two")];
    for (const { id } of hooks) await sendTest(id);

    await Promise.all([passed(deliveries()), passed(deliveries())]);

    expect(receiver.received.map(({ path }) => path).toSorted()).toEqual(["/one", "/two"]);
  });

  test("is not sent by a leader whose term is over", async () => {
    await sendTest((await webhook("/late")).id);
    const old = await term();
    await acquireLeadership(api.db, { holder: "two", now: new Date(now.getTime() + DAY_MS) });

    await expect(deliveries().pass({ term: old, now })).rejects.toThrow(LeadershipLostError);
    expect(receiver.received).toEqual([]);
  });
});

describe("a receiver", () => {
  test("that never answers holds up only its own messages, and not the loop", async () => {
    const slow = await webhook("/never");
    const quick = await webhook("/quick");
    receiver.answer("/never", () => undefined);
    await sendTest(slow.id);
    const loop = deliveries();
    await loop.pass({ term: await term(), now });
    await eventually(() => Promise.resolve(receiver.at("/never").length === 1), { what: "the slow one" });

    for (let message = 1; message <= 3; message += 1) {
      await sendTest(quick.id);
      now = new Date(Date.now() + 1_000);
      await loop.pass({ term: await term(), now });
      await eventually(async () => (await deliveriesOf(quick.id))[0]!.state === "delivered", {
        what: "the quick one",
      });
    }
    await loop.stop();

    expect(receiver.at("/quick")).toHaveLength(3);
    expect(receiver.at("/never")).toHaveLength(1);
    expect(await deliveriesOf(slow.id)).toMatchObject([{ state: "waiting", tries: 1, last_error: null }]);
  });

  test("that is too slow has failed, and one that breaks off after its status has not", async () => {
    const [slow, breaking] = [await webhook("/slow"), await webhook("/break")];
    receiver.answer("/slow", () => undefined);
    receiver.answer("/break", (response) => {
      response.writeHead(200, { "Content-Length": "100" });
      response.write("well", () => response.socket?.end());
    });
    for (const { id } of [slow, breaking]) await sendTest(id);

    await passed(deliveries({ sending: { deadlineMs: 150 } }));

    expect(await deliveriesOf(slow.id)).toMatchObject([{ last_error: "no answer within 0.15 s" }]);
    expect(await deliveriesOf(breaking.id)).toMatchObject([{ state: "delivered", last_answer: "well" }]);
  });

  test("that redirects is not followed", async () => {
    const { id } = await webhook("/moved");
    const elsewhere = { Location: receiver.url("/elsewhere") };
    receiver.answer("/moved", (response) => void response.writeHead(307, elsewhere).end());
    await sendTest(id);

    await passed(deliveries());

    expect(receiver.received.map(({ path }) => path)).toEqual(["/moved"]);
    expect(await deliveriesOf(id)).toMatchObject([
      { state: "waiting", last_status: 307, last_error: "redirects are not followed (307)" },
    ]);
  });

  test("that sends much is cut to a kibibyte", async () => {
    const { id } = await webhook("/chatty");
    receiver.answer("/chatty", (response) => void response.end("x\0".repeat(500_000)));
    await sendTest(id);

    await passed(deliveries());

    expect((await deliveriesOf(id))[0]!.last_answer).toBe("x".repeat(512));
  });

  test("that does not listen is an error in words", async () => {
    const { id } = await webhook("/x", { url: "http://127.0.0.1:1/" });
    await sendTest(id);

    await passed(deliveries());

    expect((await deliveriesOf(id))[0]).toMatchObject({ state: "waiting", last_status: null });
    expect((await deliveriesOf(id))[0]!.last_error).toMatch(/ECONNREFUSED/);
  });
});

describe("a name", () => {
  async function sentTo(addresses: string[], url = "https://receiver.example/"): Promise<string> {
    const { id } = await webhook("/x", { url });
    await sendTest(id);
    await passed(deliveries({ sending: { resolve: () => Promise.resolve(addresses) } }));
    return (await deliveriesOf(id))[0]!.last_error!;
  }

  test.each([
    [["10.0.0.1"], "10.0.0.1"],
    [["169.254.169.254"], "169.254.169.254"],
    [["8.8.8.8", "192.168.0.1"], "192.168.0.1"],
    [["2606:4700::1111", "::ffff:10.0.0.1"], "::ffff:10.0.0.1"],
    [["fd00:ec2::254"], "fd00:ec2::254"],
  ])("that leads to %j is not connected to", async (addresses, named) => {
    expect(await sentTo(addresses)).toBe(`receiver.example leads to ${named}, which is not a public address`);
  });

  test.each(["localhost.", "x.localhost", "db.internal", "postgres"])(
    "like %s, taken by an earlier release, is refused wherever it is claimed to lead",
    async (name) => {
      const { id } = await webhook("/x", { url: "https://receiver.example/" });
      await api.db.query("UPDATE webhooks SET url = $2 WHERE id = $1", [id, `https://${name}/`]);
      await setSetting(api.db, "ALLOW_LOOPBACK_WEBHOOKS", "off");
      await sendTest(id);

      await passed(deliveries({ sending: { resolve: () => Promise.resolve(["8.8.8.8"]) } }));

      expect((await deliveriesOf(id))[0]!.last_error).toBe(
        "the URL must not lead to an address that is not public",
      );
    },
  );

  test("that leads nowhere is reported as such", async () => {
    expect(await sentTo([])).toBe("receiver.example has no address");
  });

  test("that leads to this server is refused once the setting is off again", async () => {
    await setSetting(api.db, "ALLOW_LOOPBACK_WEBHOOKS", "off");

    expect(await sentTo(["127.0.0.1"])).toBe(
      "receiver.example leads to 127.0.0.1, which is not a public address",
    );
  });

  test("is connected to at the address that was checked, by TLS with its own name", async () => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (bytes: Buffer) => {
        heard.push(bytes);
        socket.destroy();
      });
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;

    const error = await sentTo(["127.0.0.1"], `https://receiver.example:${port}/`);

    // A greeting of TLS names whom it is meant for; no message is given to one that does not answer it.
    expect(heard).toHaveLength(1);
    expect(heard[0]?.toString("latin1")).toContain("receiver.example");
    expect(error).toBeTruthy();
  });
});

describe("bounds", () => {
  test("a customer has at most ten webhooks", async () => {
    for (let count = 0; count < MAX_WEBHOOKS; count += 1) await webhook(`/${count}`);

    const one = { as: customer, body: { url: receiver.url("/more") } };
    expect(await api.request("POST", "/api/v1/webhooks", one)).toMatchObject(problem(409));
  });

  test("one test at a time, and none of a webhook that is paused, whose messages are given up", async () => {
    const { id } = await webhook("/x");
    await sendTest(id);
    const again = await api.request("POST", `/api/v1/webhooks/${id}/test`, { as: customer });
    await api.request("PATCH", `/api/v1/webhooks/${id}`, { as: customer, body: { active: false } });
    const paused = await api.request("POST", `/api/v1/webhooks/${id}/test`, { as: customer });

    await passed(deliveries());

    expect([again.status, paused.status]).toEqual([409, 409]);
    expect(await deliveriesOf(id)).toMatchObject([
      { state: "given up", last_error: "the webhook was switched off" },
    ]);
    expect(receiver.received).toEqual([]);
  });

  test.each([
    ["http://127.0.0.1/", "url"],
    ["https://10.0.0.1/", "url"],
  ])("%s is refused by its field where the setting is off", async (url, path) => {
    await setSetting(api.db, "ALLOW_LOOPBACK_WEBHOOKS", "off");

    const answer = await api.request("POST", "/api/v1/webhooks", { as: customer, body: { url } });

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test("what ended long ago is removed, what waits is not", async () => {
    const [ended, waiting] = [await webhook("/ended"), await webhook("/waiting")];
    for (const { id } of [ended, waiting]) await sendTest(id);
    await api.db.query("UPDATE webhook_deliveries SET delivered_at = created_at WHERE webhook_id = $1", [
      ended.id,
    ]);
    receiver.answer("/waiting", (response) => void response.writeHead(503).end());
    now = new Date(now.getTime() + 31 * DAY_MS);

    await passed(deliveries());

    expect(await deliveriesOf(ended.id)).toEqual([]);
    expect(await deliveriesOf(waiting.id)).toMatchObject([{ state: "waiting", tries: 1 }]);
  });
});

/** What a webhook was told, in the order in which it happened; with `as`, of another's. */
async function reported(id: number, as = customer): Promise<Record<string, unknown>[]> {
  const { items } = (await api.request("GET", `/api/v1/webhooks/${id}/deliveries`, { as })).body;
  return items.map(({ body }: { body: string }) => JSON.parse(body)).toReversed();
}

describe("work", () => {
  const RUNS = { phase: "ready" } as const;
  let host: ScriptedHost;
  let id: string;

  /** A customer's environment that runs on a host of its own. */
  beforeEach(async () => {
    customer = await scene.customer(`worker-${counter}`);
    await api.db.query("UPDATE hosts SET cordoned = true");
    host = await scene.host(`host-${counter}`, { leases: true });
    id = (await scene.order(customer)).body.id;
    await scene.schedule();
  });

  const asOperator = async (path: string, body: object) =>
    await api.request("POST", `/api/v1/hosts/${host.id}/${path}`, { as: api.admin, body });

  test("that is ready, has failed or was stopped is reported with the cause, to webhooks that request it", async () => {
    const all = await webhook("/work");
    const ready = await webhook("/ready", { kinds: ["ready"] });
    const money = await webhook("/money", { kinds: ["low-balance", "overdue"] });

    await host.round(RUNS);
    await host.round({ phase: "failed", problem: "exited", detail: "It died.", exitCode: 4 });
    await host.round();
    await api.request("POST", `/api/v1/environments/${id}/start`, { as: customer });
    await scene.schedule();
    await host.round(RUNS);
    await api.request("POST", `/api/v1/environments/${id}/stop`, { as: customer });
    await host.round({ phase: "stopped", exitCode: 143 });

    const messages = await reported(all.id);
    expect(messages.map(({ kind, sentence }) => [kind, sentence])).toEqual([
      ["ready", "Environment work is ready."],
      ["failed", "Environment work has failed: It died."],
      ["ready", "Environment work is ready."],
      ["stopped", "Environment work has stopped: as it was ordered."],
    ]);
    expect(messages[1]).toMatchObject({ by: null, exit_code: 4, reason: "It died." });
    expect(messages[3]).toEqual({
      event_id: expect.any(Number),
      customer_id: customer.customerId,
      kind: "stopped",
      state: "fired",
      workload_kind: "environment",
      workload_id: id,
      name: "work",
      by: "customer",
      reason: null,
      exit_code: 143,
      sentence: "Environment work has stopped: as it was ordered.",
      at: expect.any(String),
    });
    const { rows } = await api.db.query("SELECT workload_id, new FROM events WHERE id = $1", [
      messages[3]?.event_id,
    ]);
    expect(rows).toEqual([{ workload_id: id, new: "stopped" }]);
    expect(await reported(ready.id)).toHaveLength(2);
    expect(await reported(money.id)).toEqual([]);
  });

  test("is reported to who ordered it and to the owner of the workspace, to each once", async () => {
    const owner = customer;
    await webhook("/owner");
    const member = await api.customer(`member-${counter}`);
    await api.db.query(
      "INSERT INTO workspace_members (workspace_id, customer_id, role, status) VALUES ($1, $2, 'member', 'active')",
      [owner.workspaceId, member.customerId],
    );
    customer = member;
    await webhook("/member");
    await scene.order(member, { name: "shared", workspace_id: owner.workspaceId! });
    await scene.schedule();

    await host.round(RUNS);

    const { rows } = await api.db.query(
      `SELECT w.url, d.body::jsonb ->> 'name' AS name FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
        ORDER BY w.url, name`,
    );
    expect(rows).toEqual([
      { url: receiver.url("/member"), name: "shared" },
      { url: receiver.url("/owner"), name: "shared" },
      { url: receiver.url("/owner"), name: "work" },
    ]);
  });

  test("is reported in the transaction of the event: what is taken back is not reported", async () => {
    const hook = await webhook("/whole");
    const undone = transaction(api.db, async (tx) => {
      const environment = await lockEnvironment(tx, id);
      if (environment === null) throw new Error("it is gone");
      await moveEnvironment(tx, { environment, to: "error", reason: asReported("why"), actor: "test", now });
      const { rows } = await tx.query("SELECT kind FROM webhook_deliveries");
      expect(rows).toEqual([{ kind: "failed" }]);
      throw new Error("taken back");
    });

    await expect(undone).rejects.toThrow("taken back");
    expect(await reported(hook.id)).toEqual([]);
  });

  test("whose container dies again and again is reported once when that begins and once when it is over", async () => {
    const hook = await webhook("/loop", { kinds: ["restarting"] });
    const [wanted] = await host.round(RUNS);
    if (wanted === undefined) throw new Error("nothing is wanted");
    const restarted = async (count: number, exitCode: number | null = 4) => {
      const restarts = { count, exitCode, outOfMemory: false, signal: null };
      await host.report([host.observedOf(wanted, { ...RUNS, restarts })]);
    };
    const visible = async () => (await scene.get(customer, id)).restarts;

    for (let count = 1; count < LOOP_RESTARTS; count += 1) await restarted(count);
    const before = [await reported(hook.id), await visible()];
    for (let count = LOOP_RESTARTS; count < LOOP_RESTARTS + 3; count += 1) await restarted(count);
    const during = await reported(hook.id);
    await scene.lifecycle();
    const looping = await visible();
    api.passMinutes(CALM_MS / 60_000);
    await host.heartbeat();
    await scene.lifecycle();
    await scene.lifecycle();
    const after = await reported(hook.id);

    expect(before).toEqual([[], { ...looping, count: 2, last_at: expect.any(String), looping_since: null }]);
    expect(during.map(({ state, sentence }) => [state, sentence])).toEqual([
      ["fired", "Environment work is restarting (3x, exit 4)."],
    ]);
    expect(during[0]).toMatchObject({ kind: "restarting", workload_id: id, restarts: 3, exit_code: 4 });
    expect(looping).toMatchObject({ count: 5, exit_code: 4, looping_since: expect.any(String) });
    expect(after.slice(1)).toMatchObject([{ state: "recovered", restarts: 5, run_ended: false }]);
    expect(await visible()).toMatchObject({ count: 5, looping_since: null });
    // One more is no new loop; three more in a row are.
    await restarted(6);
    expect(await reported(hook.id)).toHaveLength(2);
    await restarted(8);
    expect((await reported(hook.id)).slice(2)).toMatchObject([{ state: "fired", restarts: 8 }]);
    await host.round({
      phase: "failed",
      problem: "exited",
      detail: "Given up.",
      remains: { outOfMemory: false, signal: null, tail: null },
    });
    await scene.lifecycle();
    expect((await reported(hook.id)).slice(3)).toMatchObject([{ state: "recovered", run_ended: true }]);
  });

  test("on a host that is drained is reported with reason and deadline, again when it is taken back", async () => {
    await host.round(RUNS);
    const hook = await webhook("/drain");

    await asOperator("drain", { reason: "new power supply", deadline_seconds: 7_200 });
    await asOperator("uncordon", {});

    expect(await reported(hook.id)).toMatchObject([
      {
        kind: "drained",
        state: "fired",
        workload_id: id,
        host_id: host.id,
        reason: "new power supply",
        reason_code: "as-reported",
        reason_params: { text: "new power supply" },
        deadline: expect.any(String),
      },
      { kind: "drained", state: "recovered", workload_id: id },
    ]);
  });

  test("with a port that is about to go is reported once, with the moment", async () => {
    const hook = await webhook("/lease", { kinds: ["lease-due"] });
    await host.round(RUNS);
    const [leaseId = "", lease] = [...host.leases][0] ?? [];

    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const [due, later] = [inHours(40), inHours(41)];
    host.reportOfLease(leaseId, { releaseDueAt: due });
    await host.round(RUNS);
    host.reportOfLease(leaseId, { releaseDueAt: later });
    await host.round(RUNS);

    expect(await reported(hook.id)).toMatchObject([
      {
        workload_id: id,
        service: "ssh",
        external_port: lease?.externalPort,
        release_at: due,
      },
    ]);
  });

  test("fills no receiver's line: beyond so many that wait one message reports that there are more", async () => {
    const hook = await webhook("/flood");
    await api.db.query(
      `INSERT INTO webhook_deliveries (webhook_id, kind, body, created_at, next_try_at)
       SELECT $1, 'ready', '{}', now(), now() FROM generate_series(1, $2::int)`,
      [hook.id, MAX_WAITING - 1],
    );
    const kinds = async () => {
      const { rows } = await api.db.query(
        "SELECT kind FROM webhook_deliveries WHERE webhook_id = $1 AND body <> '{}' ORDER BY id",
        [hook.id],
      );
      return rows.map(({ kind }) => kind);
    };

    await host.round(RUNS);
    for (let time = 0; time < 2; time += 1) {
      await asOperator("drain", { deadline_seconds: 7_200 });
      await asOperator("uncordon", {});
    }
    const full = await kinds();
    await api.db.query("UPDATE webhook_deliveries SET delivered_at = now() WHERE webhook_id = $1", [hook.id]);
    await asOperator("drain", { deadline_seconds: 7_200 });

    expect(full).toEqual(["ready", "skipped"]);
    expect(await kinds()).toEqual(["ready", "skipped", "drained"]);
  });
});

describe("a training job", () => {
  let host: ScriptedHost;

  beforeEach(async () => {
    customer = await scene.customer(`trainer-${counter}`);
    await api.db.query("UPDATE hosts SET cordoned = true");
    host = await scene.host(`host-${counter}`, { gpus: 1 });
  });

  async function ordered(config: object): Promise<string> {
    const body = {
      name: "train",
      image: "trainer:1",
      command: "true",
      cpu: 1,
      memory: 2 ** 30,
      gpu: 1,
      config,
    };
    const answer = await api.request("POST", "/api/v1/training-jobs", { as: customer, body });
    expect(answer.status).toBe(201);
    return answer.body.id;
  }

  async function report(report: Parameters<ScriptedHost["round"]>[0]): Promise<void> {
    await host.round(report);
    await scene.workloads();
  }

  /** Its host has told all of the end. */
  const REPORTED = { remains: { outOfMemory: false, signal: null, tail: null } };

  test("is reported when it runs, is tried again and ends, with cause and attempt, to webhooks that request it", async () => {
    const all = await webhook("/jobs");
    const ended = await webhook("/ended", { kinds: ["job-ended"] });
    const id = await ordered({ max_retries: 1 });
    await scene.schedule();

    await report({ phase: "ready" });
    await report({ phase: "failed", exitCode: 3, problem: "exited", ...REPORTED });
    await host.round();
    api.passMinutes(1);
    await host.heartbeat();
    await scene.lifecycle();
    await scene.schedule();
    await report({ phase: "ready" });
    await report({ phase: "failed", exitCode: 4, problem: "exited", ...REPORTED });

    const messages = await reported(all.id);
    expect(messages.map(({ kind, attempt, exit_code: code }) => [kind, attempt, code])).toEqual([
      ["job-started", 1, undefined],
      ["job-retried", 1, 3],
      ["job-started", 2, undefined],
      ["job-ended", 2, 4],
    ]);
    expect(messages[1]).toMatchObject({
      next_attempt: 2,
      sentence: expect.stringMatching(
        /^Training job train is tried again: .*exit code 3\. Attempt 2 follows in 10 seconds/,
      ),
    });
    expect(messages[3]).toEqual({
      event_id: expect.any(Number),
      customer_id: customer.customerId,
      kind: "job-ended",
      state: "fired",
      workload_kind: "training",
      workload_id: id,
      name: "train",
      status: "failed",
      attempt: 2,
      by: null,
      reason: expect.stringMatching(/exit code 4/),
      reason_code: "last-attempt",
      reason_params: { attempt: 2, why: expect.objectContaining({ code: expect.any(String) }) },
      exit_code: 4,
      sentence: expect.stringMatching(/^Training job train has failed: .*exit code 4/),
      at: expect.any(String),
    });
    const { rows } = await api.db.query("SELECT workload_id, new FROM events WHERE id = $1", [
      messages[3]?.event_id,
    ]);
    expect(rows).toEqual([{ workload_id: id, new: "failed" }]);
    expect(await reported(ended.id)).toEqual([messages[3]]);
  });

  test("that is cancelled while it waits, and ordered once more by hand, is reported so with who did it", async () => {
    const hook = await webhook("/jobs");
    const id = await ordered({});

    await api.request("POST", `/api/v1/training-jobs/${id}/cancel`, { as: customer });
    await api.request("POST", `/api/v1/training-jobs/${id}/retry`, { as: customer });

    expect(await reported(hook.id)).toMatchObject([
      { kind: "job-ended", status: "cancelled", by: "customer", attempt: 1 },
      { kind: "job-retried", by: "customer", attempt: 1, next_attempt: 2 },
    ]);
  });
});

describe("alarms", () => {
  test("go raised and cleared to webhooks of administrators that name them, and to nobody else's", async () => {
    const add = async (as: Caller, kinds?: string[]) =>
      await api.request("POST", "/api/v1/webhooks", { as, body: { url: receiver.url("/alarms"), kinds } });
    const named = await add(api.admin, ["alarm"]);
    const all = await add(api.admin);
    const refused = await add(customer, ["alarm"]);
    // As if its owner had been an administrator.
    const former = await webhook("/former", { kinds: ["ready"] });
    await api.db.query("UPDATE webhooks SET kinds = '{alarm}' WHERE id = $1", [former.id]);
    const alarm = { kind: "gpu-conflict", subject: `GPU-${counter}`, now } as const;

    await transaction(api.db, async (tx) => {
      await raiseAlarmOnce(tx, { ...alarm, reason: asReported("Two hosts claim it.") });
      await raiseAlarmOnce(tx, { ...alarm, reason: asReported("Two hosts claim it.") });
      await clearAlarm(tx, alarm);
      await clearAlarm(tx, alarm);
      await raiseAlarm(tx, { ...alarm, reason: asReported("Again.") });
    });
    const { items } = (await api.request("GET", "/api/v1/alarms", { as: api.admin })).body;
    for (const _ of [1, 2])
      await api.request("POST", `/api/v1/alarms/${items[0]!.id}/clear`, { as: api.admin });

    const messages = await reported(named.body.id, api.admin);
    expect(messages.map(({ state, sentence }) => [state, sentence])).toEqual([
      ["fired", "Two hosts claim it."],
      ["recovered", "Two hosts claim it."],
      ["fired", "Again."],
      ["recovered", "Again."],
    ]);
    expect(messages[0]).toMatchObject({
      alarm_id: expect.any(Number),
      kind: "alarm",
      alarm: "gpu-conflict",
      subject: `GPU-${counter}`,
      at: now.toISOString(),
    });
    expect([await reported(all.body.id, api.admin), await reported(former.id)]).toEqual([[], []]);
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: "kinds" }] } });
  });
});

describe("a key", () => {
  test("needs for a webhook the scopes of what it reports, and sees no others", async () => {
    const work = await webhook("/work", { kinds: ["ready", "stopped"] });
    const money = await webhook("/money", { kinds: ["budget"] });
    const all = await webhook("/all");
    const [reads, orders, pays] = await Promise.all(
      (["read", "orders", "money"] as const).map(
        async (scope) => await api.key(customer, { scopes: [scope] }),
      ),
    );
    const statuses = async (method: string, path: string, body?: object) =>
      await Promise.all(
        [reads, orders, pays].map(
          async (as) =>
            as &&
            (await api.request(method, `/api/v1/webhooks${path}`, { as, ...(body && { body }) })).status,
        ),
      );
    const url = receiver.url("/made");

    expect(await statuses("POST", "", { url, kinds: ["ready"] })).toEqual([403, 201, 403]);
    expect(await statuses("POST", "", { url, kinds: ["budget"] })).toEqual([403, 403, 201]);
    expect(await statuses("POST", "", { url })).toEqual([403, 403, 403]);
    expect(await statuses("GET", `/${work.id}`)).toEqual([200, 403, 403]);
    expect(await statuses("GET", `/${money.id}/deliveries`)).toEqual([403, 403, 200]);
    expect(await statuses("PATCH", `/${work.id}`, { kinds: ["budget"] })).toEqual([403, 403, 403]);
    expect(await statuses("DELETE", `/${all.id}`)).toEqual([403, 403, 403]);
    const lists = await Promise.all(
      [reads, pays].map(
        async (as) => as && (await api.request("GET", "/api/v1/webhooks", { as })).body.items,
      ),
    );
    expect(lists.map((items) => items!.map((item) => item.kinds))).toEqual([
      [["ready", "stopped"], ["ready"]],
      [["budget"], ["budget"]],
    ]);
  });

  test("that does not read money sees no messages about it, though the webhook had requested them before", async () => {
    const hook = await webhook("/changed");
    await move("60", "t3");
    await move("-15", "a3");
    await api.request("PATCH", `/api/v1/webhooks/${hook.id}`, { as: customer, body: { kinds: ["ready"] } });
    const reads = await api.key(customer, { scopes: ["read"] });

    expect(await reported(hook.id)).toMatchObject([{ kind: "low-balance" }]);
    expect(await reported(hook.id, { ...customer, ...reads })).toEqual([]);
  });
});

test("a posting and the deletion of a webhook at the same time both come through", async () => {
  await move("60", "t2");
  const hooks = await Promise.all(["/a", "/b", "/c"].map((path) => webhook(path)));

  await Promise.all([
    ...hooks.map(({ id }) => api.request("DELETE", `/api/v1/webhooks/${id}`, { as: customer })),
    ...[1, 2, 3, 4].map((step) => move("-5", `down-${step}`)),
  ]);

  const { rows } = await api.db.query("SELECT balance FROM customers WHERE id = $1", [customer.customerId]);
  expect(rows).toEqual([{ balance: "40.0000" }]);
});
