/**
 * Who asked for which change and what came of it: the row that is written with the change, what it shows and hides, what
 * attempts leave, and how an administrator finds it. That every route leaves its row stands in http-rights.test.ts.
 */
import { createUser } from "@nats-io/nkeys";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { recordCounted } from "@remotegpu/control-plane/server/http/request/attempts";
import type { Answer, RequestOptions, Caller } from "../../support/http/api.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";

type Customer = Caller & { workspaceId: number; uuid: string };

let scene: ControlScene;
let admin: Caller;
let ada: Customer;
let eve: Customer;
beforeAll(async () => {
  scene = await openControlScene();
  admin = scene.api.admin;
  await scene.host("host-a", { gpus: 0, cpu: 64 });
  ada = await scene.customer("ada");
  eve = await scene.customer("eve");
});
afterAll(async () => await scene.close());
// Attempts are counted by the minute: each test has a whole one.
beforeEach(() => {
  const intoMinuteMs = scene.api.deps.now().getTime() % 60_000;
  scene.api.passMinutes((60_001 - intoMinuteMs) / 60_000);
});

const request = async (method: string, path: string, options?: RequestOptions) =>
  await scene.api.request(method, `/api/v1${path}`, options);
const log = async (query = "") => (await request("GET", `/audit-log?${query}`, { as: admin })).body;
const entriesOf = async ({ headers }: Answer) =>
  (await log("limit=200")).items.filter(
    (entry: { request_id: string }) => entry.request_id === headers.get("X-Request-Id"),
  );

const TABLES: Readonly<Record<string, string>> = {
  "/environments": "environments",
  "/training-jobs": "training_jobs",
  "/inference-services": "inference_services",
};

/** Which transaction wrote the row as it is. */
async function transactionOf(table: string, key: string, id: unknown): Promise<unknown> {
  const { rows } = await scene.api.db.query(`SELECT xmin::text FROM ${table} WHERE ${key} = $1`, [id]);
  return rows[0]?.xmin;
}

describe("the row of a change", () => {
  test("states who did what to what, and the fields that differ", async () => {
    const { id } = (await request("POST", "/workspaces", { as: ada, body: { name: "old name" } })).body;

    const changed = await request("PATCH", `/workspaces/${id}`, { as: ada, body: { name: "new name" } });

    expect(await entriesOf(changed)).toEqual([
      expect.objectContaining({
        actor_customer_id: ada.customerId,
        actor_role: "customer",
        api_key_id: expect.any(Number),
        action: "workspace.change",
        target_kind: "workspace",
        target_id: String(id),
        outcome: "done",
        status: 200,
        problem: null,
        before: { name: "old name" },
        after: { name: "new name" },
        attempts: 1,
      }),
    ]);
  });

  test("of what is made has its id and fields, and of what is gone what was there", async () => {
    const made = await request("POST", "/workspaces", { as: ada, body: { name: "passing" } });
    const gone = await request("DELETE", `/workspaces/${made.body.id}`, { as: ada });

    const [madeEntry] = await entriesOf(made);
    const [goneEntry] = await entriesOf(gone);
    const target = { target_kind: "workspace", target_id: String(made.body.id) };
    expect(madeEntry).toMatchObject({ ...target, before: null, after: { name: "passing" } });
    expect(goneEntry).toMatchObject({ ...target, action: "workspace.delete", outcome: "done" });
    expect(goneEntry.before ?? goneEntry.after).not.toBeNull();
  });

  test("of members has how they came to be, and their roles", async () => {
    const { id } = (await request("POST", "/workspaces", { as: ada, body: { name: "team" } })).body;
    const { username } = (await request("GET", "/me", { as: eve })).body;
    const invited = await request("POST", `/workspaces/${id}/members`, {
      as: ada,
      body: { username, role: "member" },
    });
    const { items } = (await request("GET", "/invitations", { as: eve })).body;
    const accepted = await request("POST", `/invitations/${items[0].id}/accept`, { as: eve });
    const path = `/workspaces/${id}/members/${eve.customerId}`;
    const raised = await request("PATCH", path, { as: ada, body: { role: "admin" } });

    const invitation = { target_kind: "invitation", target_id: invited.body.id };
    expect(await entriesOf(invited)).toMatchObject([
      { ...invitation, action: "invitation.send", after: { role: "member", username: "changed" } },
    ]);
    expect(await entriesOf(accepted)).toMatchObject([{ ...invitation, action: "invitation.accept" }]);
    expect(await entriesOf(raised)).toMatchObject([
      {
        target_kind: "member",
        target_id: `${id}/${eve.customerId}`,
        before: { role: "member" },
        after: { role: "admin" },
      },
    ]);
  });

  test("of money has the balance, in exact decimals", async () => {
    const { customerId } = await scene.customer("payer", "0");

    const paid = await request("POST", `/customers/${customerId}/top-ups`, {
      as: admin,
      body: { amount: "12.3456" },
    });

    expect(await entriesOf(paid)).toMatchObject([
      { action: "money.top-up", before: { balance: "0.0000" }, after: { balance: "12.3456" } },
    ]);
  });

  test("of money shows who may not see it that something differs, and no amount", async () => {
    const { customerId } = await scene.customer("saver", "0");
    const paid = await request("POST", `/customers/${customerId}/top-ups`, {
      as: admin,
      body: { amount: "77" },
    });
    const narrow = await scene.api.key(admin, { scopes: ["read"] });
    const query = `target_kind=customer&target_id=${customerId}&action=money.top-up`;

    const { body } = await request("GET", `/audit-log?${query}`, { as: narrow });

    const requestId = paid.headers.get("X-Request-Id");
    expect(body.items.find((entry: { request_id: string }) => entry.request_id === requestId)).toMatchObject({
      before: { balance: null },
      after: { balance: null },
    });
    expect(JSON.stringify(body)).not.toContain("77.0000");
  });

  test("names an account's username, and of an SSH key not its name, which reveals whose it is", async () => {
    const made = await request("POST", "/customers", {
      as: admin,
      body: { username: "grace", email: "grace@example.com", display_name: "Grace Hopper" },
    });
    const public_key = `ssh-ed25519 ${Buffer.concat(
      [Buffer.from("ssh-ed25519"), Buffer.alloc(32, 7)].flatMap((field) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(field.length);
        return [length, field];
      }),
    ).toString("base64")}`;
    const key = await request("POST", "/ssh-keys", { as: ada, body: { name: "ada@laptop", public_key } });

    expect(await entriesOf(made)).toMatchObject([
      { after: { username: "grace", email: "changed", display_name: "changed" } },
    ]);
    expect(await entriesOf(key)).toMatchObject([
      { after: { name: "changed", fingerprint: expect.stringContaining("SHA256:") } },
    ]);
  });

  test("shows a secret as changed: no secret, nor anything made of it, stands anywhere in the log", async () => {
    const key = await request("POST", `/customers/${ada.customerId}/api-keys`, {
      as: admin,
      body: { name: "ci" },
    });
    const hook = await request("POST", "/webhooks", {
      as: ada,
      body: { url: "https://example.com/t0p-s3cret" },
    });
    const secret = await request("POST", `/webhooks/${hook.body.id}/secret`, { as: ada, body: {} });
    const login = { registry: "ghcr.io", username: "ada", password: "hunter2-hunter2" };
    await request("POST", "/registry-credentials", { as: ada, body: login });
    await scene.order(ada, { env_vars: { TOKEN: "t0ken-of-ada" } });
    const mail = await request("PATCH", `/customers/${eve.customerId}`, {
      as: admin,
      body: { email: "eve@elsewhere.example" },
    });

    expect(await entriesOf(key)).toMatchObject([
      { target_kind: "api-key", target_id: String(key.body.id), after: { name: "ci", key_hash: "changed" } },
    ]);
    expect(await entriesOf(secret)).toMatchObject([{ before: null, after: { secret: "changed" } }]);
    expect(await entriesOf(mail)).toMatchObject([{ before: null, after: { email: "changed" } }]);
    const { rows } = await scene.api.db.query<{ hash: string }>("SELECT key_hash AS hash FROM api_keys");
    const whole = JSON.stringify((await scene.api.db.query("SELECT * FROM audit_log")).rows);
    for (const text of [
      ...rows.map(({ hash }) => hash),
      key.body.key,
      secret.body.secret,
      "t0p-s3cret",
      "hunter2",
      "t0ken-of-ada",
      "elsewhere",
    ])
      expect(whole).not.toContain(text);
  });

  test("of a workspace that an order has to make first is a row of its own, whatever comes of the order", async () => {
    const poor = await scene.customer("old-and-poor", "0");
    await scene.api.db.query("UPDATE workspaces SET status = 'archived' WHERE owner_id = $1", [
      poor.customerId,
    ]);

    const refused = await scene.order(poor);

    expect(refused.status).toBe(402);
    expect(await entriesOf(refused)).toMatchObject([
      { action: "environment.create", outcome: "refused", status: 402, target_id: null },
      {
        action: "workspace.create",
        outcome: "done",
        status: 201,
        target_kind: "workspace",
        target_id: expect.stringMatching(/^\d+$/),
        after: { name: "old-and-poor's workspace" },
      },
    ]);
  });

  test("that a server of the version before writes is taken beside ours", async () => {
    await scene.api.deps.db.query(
      `INSERT INTO audit_log (at, api_key_id, actor_customer_id, method, route, subject, status)
       VALUES ($1, 1, $2, 'POST', '/api/v1/environments/e/stop', 'environment e', 202)`,
      [scene.api.deps.now(), admin.customerId],
    );

    expect((await log("limit=1")).items).toMatchObject([
      { subject: "environment e", action: "change", outcome: "done", attempts: 1 },
    ]);
  });

  test("is not there where the commit failed, and then the request failed", async () => {
    await scene.api.db.query(`
      CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'too late' USING ERRCODE = 'disk_full'; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON workspaces DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse_late()`);

    const failed = await request("POST", "/workspaces", { as: ada, body: { name: "never" } });
    await scene.api.db.query("DROP TRIGGER late ON workspaces");

    expect(await entriesOf(failed)).toMatchObject([
      { action: "workspace.create", outcome: "failed", problem: "database", after: null },
    ]);
  });

  const JOB = { name: "audited", image: "img:1", command: "true", cpu: 1, memory: 16_777_216 };
  const SERVICE = { name: "audited", image: "img:1", version: "1", cpu: 1, memory: 16_777_216 };
  const ENVIRONMENT = { name: "audited", image: "img:1", cpu: 1, memory: 16_777_216 };

  test.each([
    ["/environments", "environment.create", ENVIRONMENT],
    ["/training-jobs", "training-job.create", JOB],
    ["/training-jobs", "training-job.create", { ...JOB, array: { from: 0, to: 1 } }],
    ["/inference-services", "inference-service.create", SERVICE],
  ])("of an order is in the order's transaction: %s, %s", async (path, action, body) => {
    const ordered = await request("POST", path, { as: ada, body });

    const [entry] = await entriesOf(ordered);
    expect(entry).toMatchObject({ action, outcome: "done", status: 201, before: null });
    expect(entry.target_id).toMatch(/^[a-z]+-/);
    expect(entry.after).toMatchObject({ customer_id: ada.customerId });
    expect(await transactionOf("audit_log", "id", entry.id)).toBe(
      await transactionOf(TABLES[path] ?? "", "id", entry.target_id),
    );
  });

  test.each([
    ["/environments", ENVIRONMENT],
    ["/training-jobs", JOB],
    ["/inference-services", SERVICE],
  ])("of an order that cannot be written leaves no order: %s", async (path, body) => {
    const name = `unaudited${path.slice(1)}`;
    await scene.api.db.query(`
      CREATE FUNCTION refuse_entries() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no more' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER no_entries BEFORE INSERT ON audit_log
        FOR EACH ROW WHEN (NEW.outcome = 'done') EXECUTE FUNCTION refuse_entries()`);

    const failed = await request("POST", path, { as: ada, body: { ...body, name } });
    await scene.api.db.query("DROP TRIGGER no_entries ON audit_log; DROP FUNCTION refuse_entries");

    expect(failed.status).toBeGreaterThanOrEqual(500);
    const { rows } = await scene.api.db.query(`SELECT 1 FROM ${TABLES[path] ?? ""} WHERE name = $1`, [name]);
    expect(rows).toEqual([]);
    expect(await entriesOf(failed)).toMatchObject([{ outcome: "failed", after: null }]);
  });

  test("is each order's own in a rush of them, and those that are refused are not done", async () => {
    const poor = await scene.customer("poor", "0");

    const answers = await Promise.all(
      [ada, poor, ada, poor, eve].map(async (who) => await scene.order(who, { name: "rush" })),
    );

    const rows = await Promise.all(answers.map(entriesOf));
    expect(answers.map(({ status }) => status)).toEqual([201, 402, 201, 402, 201]);
    for (const [index, { body }] of answers.entries())
      expect(rows[index]).toMatchObject([
        body.id === undefined
          ? { actor_customer_id: poor.customerId, outcome: "refused", problem: "no-funds", target_id: null }
          : { outcome: "done", target_id: body.id, after: { name: "rush", status: "queued" } },
      ]);
  });

  test("is no second one where the answer is given again: that is recorded as repeated", async () => {
    const options = { as: ada, body: { name: "once" }, headers: { "Idempotency-Key": "audit-1" } };
    await request("POST", "/workspaces", options);

    const again = await request("POST", "/workspaces", options);

    expect(await entriesOf(again)).toMatchObject([{ action: "workspace.create", outcome: "repeated" }]);
  });
});

describe("an attempt", () => {
  test("of a customer on what is another's is recorded with what it was on", async () => {
    const { id } = (await scene.order(ada)).body;

    const refused = await request("DELETE", `/environments/${id}`, { as: eve });

    expect(refused.status).toBe(404);
    expect(await entriesOf(refused)).toMatchObject([
      {
        actor_customer_id: eve.customerId,
        action: "environment.delete",
        target_kind: "environment",
        target_id: id,
        outcome: "refused",
        status: 404,
        problem: "not-found",
        reason: "There is no environment … that you can see.",
        reason_code: "not-found",
        reason_params: { thing: { code: "named-environment", params: { workload_id: "…" } } },
        before: null,
        after: null,
      },
    ]);
  });

  test("that is done has no reason", async () => {
    const done = await scene.order(ada);

    expect(await entriesOf(done)).toMatchObject([
      { outcome: "done", problem: null, reason: null, reason_code: null, reason_params: null },
    ]);
  });

  test.each([
    ["a route of administrators", "POST", "/join-tokens", {}, 403, "forbidden"],
    ["wrong input", "POST", "/workspaces", { name: 7 }, 422, "bad-input"],
    ["no JSON", "POST", "/workspaces", "{", 400, "malformed"],
    ["an id that the database cannot hold", "DELETE", "/environments/a%00b", undefined, 422, "bad-input"],
  ])("on %s is recorded", async (_, method, path, body, status, kind) => {
    const refused = await request(method, path, { as: eve, body });

    expect(refused.status).toBe(status);
    expect(await entriesOf(refused)).toMatchObject([{ outcome: "refused", status, problem: kind }]);
  });

  test("with a key that was revoked is recorded as its holder's", async () => {
    const made = await request("POST", `/customers/${eve.customerId}/api-keys`, { as: admin, body: {} });
    await request("DELETE", `/customers/${eve.customerId}/api-keys/${made.body.id}`, { as: admin });
    const old = { customerId: eve.customerId, key: made.body.key };

    const refused = await request("POST", "/workspaces", { as: old, body: { name: "x" } });

    expect(refused.status).toBe(401);
    expect(await entriesOf(refused)).toMatchObject([
      { api_key_id: made.body.id, actor_customer_id: eve.customerId, problem: "unauthenticated" },
    ]);
  });

  test("of a flood has a row only among the first twenty of a minute; the rest are one number", async () => {
    const flooder = await scene.customer("flooder");
    scene.api.passMinutes(1);
    for (let times = 0; times < 50; times += 1)
      await request("DELETE", "/environments/env-none", { as: flooder });
    scene.api.passMinutes(1);

    await recordCounted(scene.api.deps);

    const { items } = await log(`actor_customer_id=${flooder.customerId}&outcome=refused&limit=200`);
    expect(items.filter(({ attempts }: { attempts: number }) => attempts === 1)).toHaveLength(20);
    expect(items.filter(({ action }: { action: string }) => action === "counted")).toMatchObject([
      { attempts: 30, target_id: null, actor_role: "customer" },
    ]);
  });

  test("of a flood with many keys of one account has no more rows than with one", async () => {
    const flooder = await scene.customer("key-maker");
    const keys = [flooder, await scene.api.key(flooder, {}), await scene.api.key(flooder, {})];
    scene.api.passMinutes(1);
    for (const as of keys)
      for (let times = 0; times < 15; times += 1) await request("DELETE", "/environments/env-none", { as });

    await recordCounted(scene.api.deps, { all: true });

    const { items } = await log(`actor_customer_id=${flooder.customerId}&outcome=refused&limit=200`);
    expect(items.filter(({ attempts }: { attempts: number }) => attempts === 1)).toHaveLength(20);
    expect(items.filter(({ action }: { action: string }) => action === "counted")).toMatchObject([
      { attempts: 25, api_key_id: null, actor_role: "customer" },
    ]);
  });

  test("that succeeds and changes nothing is bounded like one that is refused, and counted as done", async () => {
    const busy = await scene.customer("busy");
    const { id } = (await scene.order(busy)).body;
    for (let times = 0; times < 30; times += 1)
      expect((await request("PATCH", `/environments/${id}`, { as: busy, body: {} })).status).toBe(200);

    await recordCounted(scene.api.deps, { all: true });

    const { items } = await log(`actor_customer_id=${busy.customerId}&outcome=done&limit=200`);
    const having = (action: string) => items.filter((entry: { action: string }) => entry.action === action);
    expect(having("environment.change")).toHaveLength(20);
    expect(having("counted")).toMatchObject([{ attempts: 10 }]);
  });

  test("of a host to renew its credential has no row while it only requests the challenge", async () => {
    const nkey = createUser().getPublicKey();
    await scene.api.db.query("INSERT INTO host_credentials (nkey, host_id) VALUES ($1, 'host-a')", [nkey]);
    await recordCounted(scene.api.deps, { all: true });

    for (let times = 0; times < 3; times += 1)
      expect(await request("POST", "/hosts/host-a/credential", { body: { nkey } })).toMatchObject({
        status: 200,
        body: { challenge: expect.any(String) },
      });
    await recordCounted(scene.api.deps, { all: true });

    expect((await log("action=host.renew-credential")).items).toEqual([]);
    expect((await log("action=counted&limit=1")).items).toMatchObject([
      { attempts: 3, outcome: "done", actor_customer_id: null },
    ]);
  });

  test("of strangers has no row, and is counted", async () => {
    const strangers = [{}, { headers: { Authorization: `Bearer rgk_${"x".repeat(43)}` } }];
    const count = async () =>
      (await scene.api.db.query("SELECT count(*)::int AS n FROM audit_log")).rows[0]?.["n"];
    await recordCounted(scene.api.deps, { all: true });
    const before = await count();
    for (const options of strangers)
      for (let times = 0; times < 30; times += 1)
        await request("POST", "/workspaces", { ...options, body: {} });
    expect(await count()).toBe(before);

    await recordCounted(scene.api.deps, { all: true });

    const [counted] = (await log("action=counted&limit=1")).items;
    expect(counted).toMatchObject({ attempts: 60, actor_customer_id: null, outcome: "refused" });
  });
});

describe("an administrator finds entries", () => {
  test("by actor, target, action, outcome and time, each with the others", async () => {
    const { id } = (await request("POST", "/workspaces", { as: ada, body: { name: "found" } })).body;
    const path = `/workspaces/${id}`;
    await request("PATCH", path, { as: ada, body: { name: "f1" } });
    await request("PATCH", path, { as: eve, body: { name: "f2" } });
    const between = new Date(scene.api.deps.now().getTime() + 30_000).toISOString();
    scene.api.passMinutes(1);
    await request("PATCH", path, { as: ada, body: { name: "f3" } });

    const target = `target_kind=workspace&target_id=${id}`;
    const found = async (query: string) =>
      (await log(`${target}&${query}`)).items.map(
        ({ action, outcome, after }: { action: string; outcome: string; after: { name?: string } | null }) =>
          `${action} ${outcome} ${after?.name ?? "-"}`,
      );

    const [f1, f2, f3] = ["change done f1", "change refused -", "change done f3"].map(
      (one) => `workspace.${one}`,
    );
    const made = "workspace.create done found";
    expect(await found("")).toEqual([f3, f2, f1, made]);
    expect(await found(`actor_customer_id=${eve.customerId}`)).toEqual([f2]);
    const { username } = (await request("GET", "/me", { as: eve })).body;
    expect(await found(`actor=${encodeURIComponent(username)}`)).toEqual([f2]);
    expect(await found(`actor=nobody-${username}`)).toEqual([]);
    expect(await found("action=workspace.create")).toEqual([made]);
    expect(await found("outcome=refused")).toEqual([f2]);
    expect(await found(`since=${between}`)).toEqual([f3]);
    expect(await found(`until=${between}&outcome=done`)).toEqual([f1, made]);
  });

  test("page by page, without a total, and nothing twice while more is written", async () => {
    for (const name of ["p1", "p2", "p3", "p4", "p5"])
      await request("POST", "/workspaces", { as: eve, body: { name } });
    const query = `actor_customer_id=${eve.customerId}&action=workspace.create&outcome=done&limit=2`;

    const first = await log(query);
    await request("POST", "/workspaces", { as: eve, body: { name: "p6" } });
    const second = await log(`${query}&cursor=${first.next_cursor}`);

    const names = [...first.items, ...second.items].map(({ after }) => after.name);
    expect(names).toEqual(["p5", "p4", "p3", "p2"]);
    expect(Object.keys(first).toSorted()).toEqual(["items", "next_cursor"]);
  });

  test("not by an id without the kind of what it is of", async () => {
    const answer = await request("GET", "/audit-log?target_id=7", { as: admin });

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "target_id" }] } });
  });
});
