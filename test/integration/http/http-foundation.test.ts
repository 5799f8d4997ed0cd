import { inTrace, newTrace } from "@remotegpu/shared/tracing/current-trace";
import { appendEvent, appendEvents, hostEvents } from "@remotegpu/control-plane/server/store/events/events";
import { X509Certificate } from "node:crypto";
import { createUser } from "@nats-io/nkeys";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { derivedKey } from "@remotegpu/shared/proof/derived-key";
import {
  accessKeyProofText,
  accessName,
  joinProofText,
  renewalProofText,
} from "@remotegpu/shared/messages/joining";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { openApi, problem, type ApiWorld, type Caller } from "../../support/http/api.ts";

let api: ApiWorld;
let alice: Caller & { workspaceId: number; uuid: string };

beforeAll(async () => {
  api = await openApi();
  alice = await api.customer("alice");
});
afterAll(async () => await api.close());

describe("problem documents", () => {
  test("without a key the answer is 401 and states how to send one", async () => {
    const answer = await api.request("GET", "/api/v1/me");

    expect(answer).toMatchObject(problem(401));
    expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
  });

  test("an unknown key is 401", async () => {
    const answer = await api.request("GET", "/api/v1/me", {
      as: { key: `rgk_${"x".repeat(43)}`, customerId: 0 },
    });

    expect(answer).toMatchObject(problem(401));
  });

  test("an address without anything is 404", async () => {
    expect(await api.request("GET", "/api/v1/nothing", { as: alice })).toMatchObject(problem(404));
    expect(await api.request("GET", "/nothing")).toMatchObject(problem(404));
  });

  test("a method that an address does not have is 405 and lists those it has", async () => {
    const answer = await api.request("PUT", "/api/v1/workspaces", { as: alice, body: {} });

    expect(answer).toMatchObject(problem(405));
    expect(answer.headers.get("Allow")).toBe("GET, POST");
  });

  test("malformed JSON is 400", async () => {
    expect(await api.request("POST", "/api/v1/workspaces", { as: alice, body: "{" })).toMatchObject(
      problem(400),
    );
  });

  test("another content type is 415", async () => {
    const answer = await api.request("POST", "/api/v1/workspaces", {
      as: alice,
      body: "name=x",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
    });

    expect(answer).toMatchObject(problem(415));
  });

  test.each<[string, Record<string, string>]>([
    ["that says so", { "Content-Length": String(3 * 1024 * 1024) }],
    ["that does not say how long it is", {}],
    ["that comes in pieces, whatever it says", { "Content-Length": "1", "Transfer-Encoding": "chunked" }],
  ])("a body of three megabytes %s is 413", async (_name, headers) => {
    const answer = await api.request("POST", "/api/v1/workspaces", {
      as: alice,
      body: JSON.stringify({ name: "x".repeat(3 * 1024 * 1024) }),
      headers,
    });

    expect(answer).toMatchObject(problem(413));
  });

  test("a body that is no object is 422 and named as the body", async () => {
    const answer = await api.request("POST", "/api/v1/workspaces", { as: alice, body: "[]" });

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([{ path: "body" }]);
  });
});

describe("traces", () => {
  const PARENT = { traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };

  test("a request continues its client's trace under a span of its own, and its problem names it", async () => {
    const answer = await api.request("GET", "/api/v1/nothing-here", { as: alice, headers: PARENT });

    expect(answer.headers.get("traceresponse")).toMatch(
      /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
    );
    expect(answer.body).toMatchObject({ status: 404, trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
  });

  test("a request with an invalid traceparent is served in a trace of its own", async () => {
    const answer = await api.request("GET", "/api/v1/me", {
      as: alice,
      headers: { traceparent: "nonsense" },
    });

    expect(answer.status).toBe(200);
    expect(answer.headers.get("traceresponse")).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  test("the audit entry of a change has the trace of its request", async () => {
    const made = await api.request("POST", "/api/v1/workspaces", {
      as: alice,
      body: { name: "traced" },
      headers: PARENT,
    });
    expect(made.status).toBe(201);

    const log = await api.request("GET", "/api/v1/audit-log?action=workspace.create", { as: api.admin });

    expect(log.body.items[0]).toMatchObject({ trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
  });
});

test("events have the trace in which they are written, or that of their own request", async () => {
  const [pass, request] = [newTrace(), newTrace()];
  const event = { at: new Date(), kind: "host-cordoned", hostId: "traced" };

  await inTrace(pass, async () => {
    await appendEvent(api.db, event);
    await appendEvents(api.db, [event, { ...event, traceId: request.traceId }]);
  });
  await appendEvent(api.db, event);

  const rows = await hostEvents(api.db, "traced", { limit: 10, after: null });
  const traces = rows.map(({ trace_id }) => trace_id);
  expect(traces).toEqual([null, request.traceId, pass.traceId, pass.traceId]);
});

test("without its database the server lives, is not ready, and reports so", async () => {
  const db = openDatabase("postgres://nobody@127.0.0.1:1/nothing");
  const app = createApp({ ...api.deps, db });
  try {
    const [health, ready, me] = await Promise.all([
      app.request("/healthz"),
      app.request("/readyz"),
      app.request("/api/v1/me", { headers: { Authorization: `Bearer ${alice.key}` } }),
    ]);

    expect([health.status, ready.status, me.status]).toEqual([200, 503, 503]);
    expect(me.headers.get("Content-Type")).toBe("application/problem+json");
    expect(me.headers.get("Retry-After")).toBe("5");
  } finally {
    await db.close();
  }
});

describe("accounts and keys", () => {
  test("a customer's key is returned once and only its hash is stored", async () => {
    const made = await api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
      as: api.admin,
      body: { name: "laptop" },
    });

    expect(made.status).toBe(201);
    const stored = await api.db.query<{ row: string }>("SELECT k::text AS row FROM api_keys k");
    expect(stored.rows.every(({ row }) => !row.includes(made.body.key.slice(12)))).toBe(true);
    const listed = await api.request("GET", `/api/v1/customers/${alice.customerId}/api-keys`, {
      as: api.admin,
    });
    expect(JSON.stringify(listed.body)).not.toContain(made.body.key);
  });

  test("a revoked key opens nothing", async () => {
    const made = await api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
      as: api.admin,
    });
    const caller = { key: made.body.key, customerId: alice.customerId };
    expect((await api.request("GET", "/api/v1/me", { as: caller })).status).toBe(200);

    const path = `/api/v1/customers/${alice.customerId}/api-keys/${made.body.id}`;
    expect((await api.request("DELETE", path, { as: api.admin })).status).toBe(204);

    expect(await api.request("GET", "/api/v1/me", { as: caller })).toMatchObject(problem(401));
    expect(await api.request("DELETE", path, { as: api.admin })).toMatchObject(problem(404));
  });

  test("a suspended account's keys are refused with the reason", async () => {
    const eve = await api.customer("eve");
    await api.request("PATCH", `/api/v1/customers/${eve.customerId}`, {
      as: api.admin,
      body: { status: "suspended" },
    });

    const answer = await api.request("GET", "/api/v1/me", { as: eve });

    expect(answer).toMatchObject(problem(403));
    expect(answer.body.detail).toContain("suspended");
  });

  test("an account comes with its personal workspace, owned by it", async () => {
    const answer = await api.request("GET", `/api/v1/workspaces/${alice.workspaceId}`, { as: alice });

    expect(answer.body).toMatchObject({ owner_id: alice.customerId, type: "personal", role: "owner" });
  });

  test("two requests for one username make one account", async () => {
    const body = { username: "twin", email: "twin@example.com" };
    const answers = await Promise.all(
      [1, 2, 3].map(() => api.request("POST", "/api/v1/customers", { as: api.admin, body })),
    );

    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  test("a second admin key is one more key of the same administrator", async () => {
    const { createFirstAdminKey } = await import("@remotegpu/control-plane/server/http/server/admin-key");
    const again = await createFirstAdminKey(api.db, api.deps.now());

    expect(again.customerId).toBe(api.admin.customerId);
    expect((await api.request("GET", "/api/v1/me", { as: again })).body.user_type).toBe("admin");
    expect((await api.request("GET", "/api/v1/me", { as: api.admin })).status).toBe(200);
  });
});

describe("a customer's own keys", () => {
  const own = async (as: Caller, method: string, path = "", body?: object) =>
    await api.request(method, `/api/v1/api-keys${path}`, { as, ...(body !== undefined && { body }) });
  const made = async (as: Caller, body: object): Promise<Caller & { id: number }> => {
    const answer = await own(as, "POST", "", body);
    expect(answer.status).toBe(201);
    return { key: answer.body.key, customerId: as.customerId, id: answer.body.id };
  };
  const inMinutes = (minutes: number) => new Date(api.deps.now().getTime() + minutes * 60_000).toISOString();

  test("open all, as those of before do, unless scopes are named", async () => {
    const all = ["read", "orders", "money"];
    await api.db.query(
      "INSERT INTO api_keys (customer_id, prefix, key_hash) VALUES ($1, 'before', 'of-before')",
      [alice.customerId],
    );

    const plain = await own(alice, "POST", "", {});
    const narrow = await own(alice, "POST", "", { name: "dashboard", scopes: ["read"], expires_at: null });

    expect(plain.body).toMatchObject({ role: "account", scopes: all, expires_at: null });
    expect(narrow.body).toMatchObject({ name: "dashboard", role: "account", scopes: ["read"] });
    const { items } = (await own(alice, "GET", "?limit=200")).body;
    expect(items.find(({ prefix }: { prefix: string }) => prefix === "before").scopes).toEqual(all);
  });

  test("are listed without the keys themselves, and never another's", async () => {
    const key = await made(alice, { name: "listed" });
    await made(await api.customer("mallory"), {});

    const { items } = (await own(alice, "GET", "?limit=200")).body;

    expect(items.at(-1)).toMatchObject({ id: key.id, name: "listed", last_used_at: null, revoked_at: null });
    expect(new Set(items.map((item: { customer_id: number }) => item.customer_id))).toEqual(
      new Set([alice.customerId]),
    );
    expect(JSON.stringify(items)).not.toContain(key.key.slice(12));
    expect(JSON.stringify(items)).not.toContain("hash");
  });

  test("state to the minute when they were used last, by one write a minute", async () => {
    const key = await made(alice, {});
    const lastUse = async () =>
      (await own(alice, "GET", "?limit=200")).body.items.find(({ id }: { id: number }) => id === key.id)
        .last_used_at;

    await own(key, "GET");
    const first = await lastUse();
    await own(key, "GET");
    const soon = await lastUse();
    api.passMinutes(2);
    await own(key, "GET");

    expect(first).not.toBeNull();
    expect(soon).toBe(first);
    expect(Date.parse(await lastUse()) - Date.parse(first)).toBeGreaterThanOrEqual(119_000);
  });

  test("are made of no more than the key that makes them, which is named", async () => {
    const narrow = await made(alice, { scopes: ["read", "orders"] });

    expect((await own(narrow, "POST", "", {})).body.scopes).toEqual(["read", "orders"]);
    expect((await own(narrow, "POST", "", { scopes: ["orders"] })).body.scopes).toEqual(["orders"]);
    expect(await own(narrow, "POST", "", { scopes: ["read", "money"] })).toMatchObject({
      ...problem(403),
      body: { detail: "A key gives no more than it has: yours lacks the scope money." },
    });
    expect(await own(await made(alice, { scopes: ["read"] }), "POST", "", {})).toMatchObject(problem(403));
  });

  test("by an administrator are made of no more either, whosever they are", async () => {
    const narrow = await api.key(api.admin, { scopes: ["read", "orders"] });
    const path = `/api/v1/customers/${alice.customerId}/api-keys`;

    const plain = await api.request("POST", path, { as: narrow, body: {} });
    const wide = await api.request("POST", path, { as: narrow, body: { scopes: ["money"] } });

    expect(plain.body.scopes).toEqual(["read", "orders"]);
    expect(wide).toMatchObject(problem(403));
  });

  test("open nothing from their end on, and the answer states so", async () => {
    const ends = inMinutes(10);
    const key = await made(alice, { expires_at: ends });

    api.passMinutes(9);
    const before = await own(key, "GET");
    api.passMinutes(1);
    const after = await own(key, "GET");

    expect(before.status).toBe(200);
    expect(after).toMatchObject({
      ...problem(401),
      body: { detail: `This key expired at ${ends}; it opens nothing any more.` },
    });
  });

  test("made by one that ends do not outlive it, for whichever account", async () => {
    const ends = inMinutes(60);
    const key = await made(alice, { expires_at: ends });
    const admins = await api.key(api.admin, { expires_at: ends });
    const path = `/api/v1/customers/${api.admin.customerId}/api-keys`;

    expect((await own(key, "POST", "", {})).body.expires_at).toBe(ends);
    expect((await own(key, "POST", "", { expires_at: inMinutes(30) })).status).toBe(201);
    for (const expires_at of [inMinutes(61), null]) {
      const refused = { status: 422, body: { errors: [{ path: "expires_at" }] } };
      expect(await own(key, "POST", "", { expires_at })).toMatchObject(refused);
      expect(await api.request("POST", path, { as: admins, body: { expires_at } })).toMatchObject(refused);
    }
    const customers = await api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
      as: admins,
    });
    expect(customers.body.expires_at).toBe(ends);
    const metrics = await api.request("POST", path, {
      as: admins,
      body: { role: "metrics", expires_at: null },
    });
    expect(metrics).toMatchObject({ status: 422, body: { errors: [{ path: "expires_at" }] } });
  });

  test("make no administrator of an account whose keys outlive the requesting one, or open more", async () => {
    const promote = async (as: Caller, { customerId }: Caller, body: object = { user_type: "admin" }) =>
      await api.request("PATCH", `/api/v1/customers/${customerId}`, { as, body });
    const forwarding = await api.key(api.admin, { expires_at: inMinutes(60) });
    const narrow = await api.key(api.admin, { scopes: ["read", "orders"] });
    const old = await api.customer("to-be-admin");
    const suspended = await api.customer("admin-at-rest", "admin");
    await promote(api.admin, suspended, { status: "suspended" });

    for (const as of [forwarding, narrow]) {
      expect(await promote(as, old)).toMatchObject(problem(403));
      expect(await promote(as, suspended, { status: "active" })).toMatchObject(problem(403));
    }
    expect((await api.request("GET", "/api/v1/me", { as: old })).body.user_type).toBe("external");

    // What is made for it by the expiring key itself ends with that.
    const { body: fresh } = await api.request("POST", "/api/v1/customers", {
      as: forwarding,
      body: { username: "fresh-admin", email: "fresh-admin@example.com" },
    });
    const path = `/api/v1/customers/${fresh.id}/api-keys`;
    const { body: key } = await api.request("POST", path, { as: forwarding, body: {} });
    const freshAdmin = { key: key.key, customerId: fresh.id };
    expect((await promote(forwarding, freshAdmin)).status).toBe(200);
    const made = (await own(freshAdmin, "POST", "", {})).body;
    expect([key.expires_at, made.expires_at]).toEqual(Array(2).fill(made.expires_at));
    expect(Date.parse(made.expires_at)).toBeLessThanOrEqual(Date.parse(inMinutes(60)));
    expect((await promote(api.admin, old)).status).toBe(200);
  });

  test("of more scopes are revoked neither by their account nor by an administrator's narrow one", async () => {
    const wide = await made(alice, {});
    const metrics = await api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
      as: api.admin,
      body: { role: "metrics" },
    });
    const reads = await made(alice, { scopes: ["read"] });
    const admins = await api.key(api.admin, { scopes: ["orders"] });
    const revoke = async (as: Caller, id: number) =>
      (await api.request("DELETE", `/api/v1/customers/${alice.customerId}/api-keys/${id}`, { as })).status;

    expect(await revoke(admins, wide.id)).toBe(403);
    expect((await own(reads, "DELETE", `/${metrics.body.id}`)).status).toBe(403);
    expect((await own(wide, "GET")).status).toBe(200);
    expect(await revoke(admins, metrics.body.id)).toBe(204);
    expect(await revoke(api.admin, wide.id)).toBe(204);
    expect((await own(reads, "DELETE", `/${reads.id}`)).status).toBe(204);
  });

  test("of administrators show customers' money only with money", async () => {
    const narrow = await api.key(api.admin, { scopes: ["read", "orders"] });
    const path = `/api/v1/customers/${alice.customerId}`;
    const blank = { balance: null, credit_limit: null, last_payment_at: null };
    const body = { username: "poor", email: "poor@example.com" };

    expect((await api.request("GET", path, { as: api.admin })).body).toMatchObject({ balance: "0.0000" });
    expect((await api.request("GET", path, { as: narrow })).body).toMatchObject({
      ...blank,
      currency: "CNY",
    });
    expect((await api.request("PATCH", path, { as: narrow, body: {} })).body).toMatchObject(blank);
    expect((await api.request("POST", "/api/v1/customers", { as: narrow, body })).body).toMatchObject(blank);
    const { items } = (await api.request("GET", "/api/v1/customers?limit=200", { as: narrow })).body;
    expect(new Set(items.map(({ balance }: { balance: unknown }) => balance))).toEqual(new Set([null]));
  });

  test.each([
    ["an end that is over", { expires_at: "2020-01-01T00:00:00Z" }, "expires_at"],
    ["a scope twice", { scopes: ["read", "read"] }, "scopes"],
    ["the role of metrics, which administrators give", { role: "metrics" }, "role"],
  ])("are not made with %s", async (_name, body, path) => {
    expect(await own(alice, "POST", "", body)).toMatchObject({ status: 422, body: { errors: [{ path }] } });
  });

  test("are revoked by any of them that opens as much, and each by itself", async () => {
    const [wide, narrow, narrower] = [
      await made(alice, {}),
      await made(alice, { scopes: ["read", "orders"] }),
      await made(alice, { scopes: ["read"] }),
    ];

    const beyond = await own(narrow, "DELETE", `/${wide.id}`);
    const foreign = await own(await api.customer("trudy"), "DELETE", `/${wide.id}`);
    const within = await own(narrow, "DELETE", `/${narrower.id}`);
    const itself = await own(narrow, "DELETE", `/${narrow.id}`);

    expect([beyond.status, foreign.status, within.status, itself.status]).toEqual([403, 404, 204, 204]);
    expect(beyond.body.detail).toContain("the scope money");
    for (const key of [narrow, narrower]) expect(await own(key, "GET")).toMatchObject(problem(401));
    expect((await own(wide, "GET")).status).toBe(200);
    expect(await own(alice, "DELETE", `/${narrow.id}`)).toMatchObject(problem(404));
  });

  test("are a hundred at most that open something", async () => {
    const hoarder = await api.customer("hoarder");
    await api.db.query(
      `INSERT INTO api_keys (customer_id, prefix, key_hash, revoked_at, expires_at)
       SELECT $1, 'p', 'hoarded-' || n, CASE n WHEN 0 THEN now() END, CASE n WHEN 1 THEN now() END
         FROM generate_series(0, 100) n`,
      [hoarder.customerId],
    );

    expect((await own(hoarder, "POST", "", {})).body.detail).toContain("100 live keys");
    await api.db.query("UPDATE api_keys SET revoked_at = now() WHERE key_hash = 'hoarded-2'");
    const answers = await Promise.all([1, 2].map(async () => await own(hoarder, "POST", "", {})));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409]);
  });

  test("state to their holder who it is and what they open; the balance only with money", async () => {
    const me = async (as: Caller) => (await api.request("GET", "/api/v1/me", { as })).body;
    const narrow = await made(alice, { scopes: ["read", "orders"] });

    expect(await me(alice)).toMatchObject({ balance: "0.0000", scopes: ["read", "orders", "money"] });
    expect(await me(narrow)).toMatchObject({
      username: "alice",
      balance: null,
      credit_limit: null,
      scopes: ["read", "orders"],
      key_expires_at: null,
    });
  });
});

test("a key of the role metrics has no scopes to request", async () => {
  const path = `/api/v1/customers/${alice.customerId}/api-keys`;
  const body = { role: "metrics" };

  const made = await api.request("POST", path, { as: api.admin, body });
  const both = await api.request("POST", path, { as: api.admin, body: { ...body, scopes: ["read"] } });

  expect(made).toMatchObject({ status: 201, body: { role: "metrics", scopes: [] } });
  expect(both).toMatchObject({ status: 422, body: { errors: [{ path: "scopes" }] } });
});

describe("idempotency keys", () => {
  const path = () => `/api/v1/customers/${alice.customerId}/top-ups`;
  const topUp = (key: string, amount: string) =>
    api.request("POST", path(), { as: api.admin, body: { amount }, headers: { "Idempotency-Key": key } });
  const balance = async () =>
    (await api.request("GET", "/api/v1/billing/balance", { as: alice })).body.balance;

  test("the same key and body get the same answer and one payment", async () => {
    const first = await topUp("pay-1", "10");
    const again = await topUp("pay-1", "10");

    expect(first.status).toBe(201);
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(await balance()).toBe("10.0000");
  });

  test("another body under the same key is 422", async () => {
    const answer = await topUp("pay-1", "11");

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors).toMatchObject([{ path: "Idempotency-Key" }]);
  });

  test("of ten requests at once with one key, one pays and the others replay it or are answered to wait", async () => {
    const before = Number(await balance());

    const answers = await Promise.all(Array.from({ length: 10 }, () => topUp("pay-2", "1")));

    expect(answers.map(({ status }) => status).every((status) => status === 201 || status === 409)).toBe(
      true,
    );
    expect(Number(await balance())).toBe(before + 1);
  });

  test("a refused request leaves the key free", async () => {
    expect(await topUp("pay-3", "0")).toMatchObject(problem(422));

    expect((await topUp("pay-3", "2")).status).toBe(201);
  });

  test("a commit whose answer was lost is answered to the same key, and nothing is done twice", async () => {
    const { connectionString } = api.db.pool.options;
    const failing = failingDatabase(connectionString ?? "", { at: "COMMIT", when: "after" });
    const order = {
      method: "POST",
      headers: {
        Authorization: `Bearer ${alice.key}`,
        "Content-Type": "application/json",
        "Idempotency-Key": "lost-answer",
      },
      body: JSON.stringify({ name: "once" }),
    };

    const lost = await createApp({ ...api.deps, db: failing }).request("/api/v1/workspaces", order);
    const again = await api.app.request("/api/v1/workspaces", order);

    expect({ lost: lost.status, again: again.status }).toEqual({ lost: 503, again: 201 });
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    await failing.close();
    const { rows } = await api.db.query("SELECT FROM workspaces WHERE name = 'once'");
    expect(rows).toHaveLength(1);
  });

  test("a payment is known to the ledger even when its answer was forgotten", async () => {
    const before = await balance();
    await api.db.query("DELETE FROM idempotency_keys");

    expect(await topUp("pay-1", "10")).toMatchObject(problem(409));
    expect(await balance()).toBe(before);
  });

  test("after a day a key is free again", async () => {
    const make = async (name: string) =>
      await api.request("POST", "/api/v1/workspaces", {
        as: alice,
        body: { name },
        headers: { "Idempotency-Key": "daily" },
      });
    await make("monday");

    expect(await make("tuesday")).toMatchObject(problem(422));
    api.passMinutes(24 * 60 + 1);
    expect((await make("tuesday")).body).toMatchObject({ name: "tuesday" });
  });

  test("a key returned once is replayed to its maker and unreadable in the database", async () => {
    const make = () =>
      api.request("POST", `/api/v1/customers/${alice.customerId}/api-keys`, {
        as: api.admin,
        body: {},
        headers: { "Idempotency-Key": "key-1" },
      });
    const first = await make();

    expect((await make()).body.key).toBe(first.body.key);
    const stored = await api.db.query<{ row: string }>("SELECT i::text AS row FROM idempotency_keys i");
    expect(stored.rows.some(({ row }) => row.includes(first.body.key))).toBe(false);
  });
});

describe("pages", () => {
  test.each(["limit=1e9", "limit=1&limit=2"])("%s is refused and named", async (query) => {
    const answer = await api.request("GET", `/api/v1/workspaces?${query}`, { as: alice });

    expect(answer).toMatchObject(problem(422));
    expect(answer.body.errors[0].path).toBe(query.split("=")[0]);
  });
});

describe("rate limits", () => {
  test("a caller in a loop gets 429 with the time to wait, and is served again after it", async () => {
    const limited = await openApi({
      rateLimits: {
        perKey: { burst: 3, perSecond: 1 },
        perAddress: { burst: 1000, perSecond: 1000 },
        logins: { burst: 1000, perSecond: 1000 },
      },
    });
    try {
      const answers = [];
      for (let call = 0; call < 5; call += 1)
        answers.push(await limited.request("GET", "/api/v1/me", { as: limited.admin }));

      const refused = answers.at(-1);
      expect(answers[0]?.status).toBe(200);
      expect(refused).toMatchObject(problem(429));
      expect(refused?.headers.get("Retry-After")).toBe("1");
      limited.passMinutes(1);
      expect((await limited.request("GET", "/api/v1/me", { as: limited.admin })).status).toBe(200);
    } finally {
      await limited.close();
    }
  });
});

describe("joining", () => {
  const machine = {
    hostname: "gpu-1",
    ipAddress: "10.0.0.1",
    osType: "Linux",
    osVersion: "12",
    arch: "x86_64",
    cpuCount: 8,
    memoryBytes: 2 ** 34,
    diskBytes: 2 ** 40,
    cgroupVersion: 2,
    agentVersion: "0.1.0",
    runtime: null,
    attachMode: null,
    storagePool: "",
  };
  const newToken = async () =>
    (await api.request("POST", "/api/v1/join-tokens", { as: api.admin, body: { host_name: "h1" } })).body
      .token;
  const join = (token: string, user = createUser(), change: object = {}, more: object = {}) => {
    const nkey = user.getPublicKey();
    const signature = user.sign(new TextEncoder().encode(joinProofText(token, nkey)));
    const proof = Buffer.from(signature).toString("base64");
    return api.request("POST", "/api/v1/hosts/join", {
      body: { token, nkey, proof, name: "x", machine: { ...machine, ...change }, ...more },
    });
  };

  test("a key for the host's TLS port is certified where the host's own key vouches for it, and only there", async () => {
    const [user, stranger] = [createUser(), createUser()];
    const { publicKey } = derivedKey(user.getSeed(), "a test");
    const key = publicKey.toString("base64");
    const claim = (by: typeof user) => {
      const signature = by.sign(new TextEncoder().encode(accessKeyProofText(user.getPublicKey(), key)));
      return { access: { key, proof: Buffer.from(signature).toString("base64") } };
    };
    const token = await newToken();

    const refused = await join(token, user, {}, claim(stranger));
    const joined = await join(token, user, {}, claim(user));

    expect(refused).toMatchObject(problem(422));
    expect(refused.body.errors).toMatchObject([{ path: "access.proof" }]);
    const { rows: entries } = await api.db.query(
      "SELECT action, target_id, outcome, actor_customer_id FROM audit_log WHERE request_id = $1",
      [joined.headers.get("X-Request-Id")],
    );
    const entry = { action: "host.join", target_id: joined.body.host_id, outcome: "done" };
    expect(entries).toEqual([{ ...entry, actor_customer_id: null }]);
    const { certificate, ca } = joined.body.access!;
    const visible = new X509Certificate(certificate);
    expect(visible.verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(visible.checkHost(accessName(joined.body.host_id))).toBeDefined();
    expect(visible.publicKey.export({ format: "der", type: "spki" })).toEqual(publicKey);
  });

  test("the address from which it joins is confirmed as its own; what a stranger's header claims is not", async () => {
    const from = async (remoteAddress: string, headers: Record<string, string> = {}) => {
      const user = createUser();
      const [token, nkey] = [await newToken(), user.getPublicKey()];
      const proof = Buffer.from(user.sign(new TextEncoder().encode(joinProofText(token, nkey)))).toString(
        "base64",
      );
      const joined = await api.app.request(
        "/api/v1/hosts/join",
        {
          method: "POST",
          headers: { "Content-Type": "application/json", ...headers },
          body: JSON.stringify({ token, nkey, proof, name: "x", machine }),
        },
        { incoming: { socket: { remoteAddress } } },
      );
      const { host_id: id } = (await joined.json()) as { host_id: string };
      const { body } = await api.request("GET", `/api/v1/hosts/${id}`, { as: api.admin });
      return [body.address_confirmed_by, body.address_detail];
    };
    const setting = (value: string) =>
      api.request("PUT", "/api/v1/settings/TRUSTED_PROXIES", { as: api.admin, body: { value } });
    const forged = { "X-Forwarded-For": "10.0.0.1" };

    expect(await from("::ffff:10.0.0.1")).toEqual([
      "connection",
      "It reports 10.0.0.1, and its own connections came from there.",
    ]);
    expect(await from("203.0.113.9")).toEqual([
      null,
      "It reports 10.0.0.1, and its own connections come from 203.0.113.9.",
    ]);
    expect((await from("203.0.113.9", forged))[0]).toBeNull();
    expect((await from("10.0.0.1", { Via: "1.1 proxy" }))[0]).toBeNull();
    expect((await setting("203.0.113.0/24")).status).toBe(200);
    expect((await from("203.0.113.9", forged))[0]).toBe("connection");
    expect((await from("203.0.113.9", { "X-Forwarded-For": "10.0.0.1, 10.9.9.9" }))[0]).toBeNull();
    await setting("none");
  });

  test("a token and a proof give a host and its credential; the same key gets the same answer again", async () => {
    const token = await newToken();
    const user = createUser();

    const first = await join(token, user);
    const again = await join(token, user);

    expect(first.status).toBe(201);
    expect(again.body.host_id).toBe(first.body.host_id);
    expect(again.body.expires_at).toBe(first.body.expires_at);
    const host = await api.request("GET", `/api/v1/hosts/${first.body.host_id}`, { as: api.admin });
    expect(host.body).toMatchObject({ name: "h1", total_cpu: 8, connection: "never", status: "offline" });
  });

  test.each([
    ["hostname", "a\u0000b"],
    ["storagePool", "\ud800"],
    ["cpuCount", 2 ** 40],
    ["memoryBytes", 0],
    ["osVersion", "x".repeat(65)],
  ])(
    "a machine with a hostile %s is refused by that name, and its token is still good",
    async (field, value) => {
      const token = await newToken();
      const user = createUser();

      const refused = await join(token, user, { [field]: value });

      expect(refused).toMatchObject(problem(422));
      expect(refused.body.errors).toMatchObject([{ path: `machine.${field}` }]);
      expect((await join(token, user)).status).toBe(201);
    },
  );

  test("a second use by another key is refused and raises an alarm", async () => {
    const token = await newToken();
    await join(token);

    const second = await join(token);

    expect(second).toMatchObject(problem(409));
    // The alarm is committed, and nobody has joined.
    const { rows: entries } = await api.db.query("SELECT outcome FROM audit_log WHERE request_id = $1", [
      second.headers.get("X-Request-Id"),
    ]);
    expect(entries.filter(({ outcome }) => outcome === "done")).toEqual([]);
    const alarms = await api.request("GET", "/api/v1/alarms", { as: api.admin });
    expect(alarms.body.items[0]).toMatchObject({ kind: "join-token-reused" });
    const hosts = await api.db.query("SELECT FROM hosts");
    const credentials = await api.db.query("SELECT FROM host_credentials");
    expect(hosts.rowCount).toBe(credentials.rowCount);
  });

  test("two hosts that race with one token make one host", async () => {
    const token = await newToken();

    const answers = await Promise.all([join(token), join(token), join(token)]);

    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  test("a wrong proof, an unknown token and an expired one are refused", async () => {
    const token = await newToken();
    const user = createUser();
    const foreign = await api.request("POST", "/api/v1/hosts/join", {
      body: { token, nkey: user.getPublicKey(), proof: "AAAA", name: "x", machine },
    });

    expect(foreign).toMatchObject(problem(422));
    expect(await join(`rgj_${"x".repeat(43)}`)).toMatchObject(problem(401));
    api.passMinutes(16);
    expect(await join(token)).toMatchObject(problem(401));
  });

  test("a revoked host gets no credential and cannot come back with a new token", async () => {
    const user = createUser();
    const { host_id: hostId } = (await join(await newToken(), user)).body;
    const nkey = user.getPublicKey();
    const challenge = () => api.request("POST", `/api/v1/hosts/${hostId}/credential`, { body: { nkey } });
    expect((await challenge()).body.challenge).toEqual(expect.any(String));

    await api.request("POST", `/api/v1/hosts/${hostId}/revoke`, { as: api.admin, body: {} });

    expect(await challenge()).toMatchObject(problem(403));
    expect(await join(await newToken(), user)).toMatchObject(problem(403));
    expect(
      await api.request("POST", `/api/v1/hosts/${hostId}/uncordon`, { as: api.admin, body: {} }),
    ).toMatchObject(problem(409));
  });

  test("a host is revoked, or taken out of the fleet, also while NATS cannot be notified, and the loops hear of it", async () => {
    const reported: string[] = [];
    const link = {
      ...api.deps.link,
      revocationsChanged: () => Promise.reject(new Error("NATS does not answer yet")),
      wake: () => void reported.push("wake"),
    };
    const app = createApp({ ...api.deps, link });
    const { host_id: hostId } = (await join(await newToken(), createUser())).body;
    const request = async (method: string, path: string) =>
      await app.request(`/api/v1/hosts/${hostId}${path}`, {
        method,
        headers: { Authorization: `Bearer ${api.admin.key}`, "Content-Type": "application/json" },
        ...(method === "POST" && { body: "{}" }),
      });

    const revoked = await request("POST", "/revoke");
    const removed = await request("DELETE", "?lost=true");

    expect([revoked.status, removed.status]).toEqual([200, 204]);
    expect(await revoked.json()).toMatchObject({ revoked_at: expect.any(String) });
    expect(reported).toEqual(["wake"]);
    expect(await request("GET", "")).toMatchObject({ status: 404 });
  });

  test("a host that was taken out of the fleet hears so once it has proved who it is, and nobody else does", async () => {
    const user = createUser();
    const nkey = user.getPublicKey();
    const { host_id: hostId } = (await join(await newToken(), user)).body;
    const path = `/api/v1/hosts/${hostId}/credential`;
    await api.request("DELETE", `/api/v1/hosts/${hostId}?lost=true`, { as: api.admin });

    const { challenge, ...rest } = (await api.request("POST", path, { body: { nkey } })).body;
    const sign = (text: string) => Buffer.from(user.sign(new TextEncoder().encode(text))).toString("base64");
    const signature = sign(renewalProofText(hostId, nkey, challenge));
    const reported = await api.request("POST", path, { body: { nkey, challenge, signature } });
    const forged = await api.request("POST", path, { body: { nkey, challenge, signature: sign("else") } });

    expect(rest).toEqual({});
    expect(reported).toMatchObject({ status: 200, body: { removed_at: expect.any(String) } });
    expect(reported.body.jwt).toBeUndefined();
    expect(forged).toMatchObject(problem(422));
    expect(await join(await newToken(), user)).toMatchObject(problem(403));
  });

  test("renewal takes a signature of a challenge of ours, for this host and key", async () => {
    const user = createUser();
    const nkey = user.getPublicKey();
    const { host_id: hostId } = (await join(await newToken(), user)).body;
    const path = `/api/v1/hosts/${hostId}/credential`;
    const { challenge } = (await api.request("POST", path, { body: { nkey } })).body;
    const sign = (text: string) => Buffer.from(user.sign(new TextEncoder().encode(text))).toString("base64");
    const signature = sign(renewalProofText(hostId, nkey, challenge));

    const renewed = await api.request("POST", path, { body: { nkey, challenge, signature } });
    const wrong = await api.request("POST", path, { body: { nkey, challenge, signature: sign("else") } });

    expect(renewed.body).toMatchObject({ host_id: hostId, jwt: expect.any(String) });
    expect(wrong).toMatchObject(problem(422));
    expect(await api.request("POST", "/api/v1/hosts/host-x/credential", { body: { nkey } })).toMatchObject(
      problem(404),
    );
  });
});
