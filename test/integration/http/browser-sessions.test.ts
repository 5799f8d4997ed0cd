/**
 * Sessions of browsers and the tickets that open them, tried by those who should not have them: forged, stolen, over, used
 * twice, planted. What a session opens otherwise is what its key opens, which the table of rights asks for.
 */
import { lifecyclePass } from "@remotegpu/control-plane/server/controllers/lifecycle";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { type Answer, type ApiWorld, type Caller, openApi, problem } from "../../support/http/api.ts";

const HERE = "http://localhost";
const FROM_HERE = { Origin: HERE };

let api: ApiWorld;
let ada: Caller & { workspaceId: number };
let count = 0;

const emptyDatabase = databaseOfFile();
beforeAll(async () => void (api = await openApi()));
afterAll(async () => await api.close());
beforeEach(async () => void (ada = await api.customer(`ada-${(count += 1)}`)));

async function logIn(body: object, headers: Record<string, string> = FROM_HERE): Promise<Answer> {
  return await api.request("POST", "/api/v1/sessions", { body, headers });
}

async function cookieOf(caller: Caller): Promise<string> {
  const { headers } = await logIn({ key: caller.key });
  return sentBack(headers);
}

function sentBack(headers: Headers): string {
  return (headers.get("Set-Cookie") ?? "").split(";")[0] ?? "";
}

async function by(
  cookie: string,
  method = "GET",
  path = "/me",
  more: { body?: unknown; headers?: object } = {},
) {
  const headers = { Cookie: cookie, ...FROM_HERE, ...more.headers };
  return await api.request(method, `/api/v1${path}`, { ...more, headers });
}

async function ticketOf(caller: Caller, body: object = {}): Promise<Answer> {
  return await api.request("POST", "/api/v1/session-tickets", { as: caller, body });
}

describe("a session", () => {
  test("opens with a key what the key opens, by a cookie that no page reads", async () => {
    const opened = await logIn({ key: ada.key });

    expect(opened).toMatchObject({
      status: 201,
      body: { customer_id: ada.customerId, username: `ada-${count}`, is_admin: false },
    });
    const end = Date.parse(opened.body.expires_at) - api.deps.now().getTime();
    expect([end > 11.9 * 3_600_000, end <= 12 * 3_600_000]).toEqual([true, true]);
    expect(opened.headers.get("Set-Cookie")).toMatch(
      /^remotegpu_session=rgb_[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(JSON.stringify(opened.body)).not.toContain("rgb_");
    const cookie = sentBack(opened.headers);
    expect(await by(cookie)).toMatchObject({ status: 200, body: { id: ada.customerId } });
    expect((await by(cookie, "POST", "/workspaces", { body: { name: "w" } })).status).toBe(201);
    expect((await by(cookie, "GET", "/hosts")).status).toBe(403);
  });

  test("of a key that only reads only reads, and ends when the key does", async () => {
    const expires = new Date(api.deps.now().getTime() + 60_000).toISOString();
    const key = await api.key(ada, { scopes: ["read"], expires_at: expires });

    const opened = await logIn({ key: key.key });

    const cookie = sentBack(opened.headers);
    expect(opened.body.expires_at).toBe(expires);
    expect((await by(cookie, "GET", "/environments")).status).toBe(200);
    expect((await by(cookie, "POST", "/workspaces", { body: { name: "w" } })).status).toBe(403);
    expect((await by(cookie, "GET", "/billing/balance")).status).toBe(403);
  });

  test("lies under TLS in a cookie of this host alone, and no other name is read", async () => {
    await using stack = new AsyncDisposableStack();
    const secure = await openApi({ publicUrl: "https://gpu.example.com" }, await emptyDatabase());
    stack.defer(async () => await secure.close());
    const body = { key: secure.admin.key };

    const { status, headers } = await secure.request("POST", "/api/v1/sessions", {
      body,
      headers: { Origin: "https://gpu.example.com" },
    });

    expect(status).toBe(201);
    expect(headers.get("Set-Cookie")).toMatch(/^__Host-remotegpu_session=rgb_.*; Path=\/; .*; Secure$/);
    const cookie = sentBack(headers);
    const requested = async (sent: string) =>
      (await secure.request("GET", "/api/v1/me", { headers: { Cookie: sent } })).status;
    expect(await requested(cookie)).toBe(200);
    expect(await requested(cookie.replace("__Host-", ""))).toBe(401);
  });

  test.each([
    ["forged", (cookie: string) => cookie.replace(/.$/, (last) => (last === "A" ? "B" : "A"))],
    ["of no form", () => "remotegpu_session=x"],
    ["the key itself", () => `remotegpu_session=${ada.key}`],
    ["empty", () => "remotegpu_session="],
    ["far too long", (cookie: string) => cookie + "A".repeat(12_000)],
    ["of another name", (cookie: string) => cookie.replace("remotegpu", "__Host-remotegpu")],
  ])("that is %s opens nothing", async (_what, change) => {
    const cookie = await cookieOf(ada);

    expect(await by(change(cookie))).toMatchObject(problem(401));
  });

  test("of another customer opens that one's things alone", async () => {
    const bob = await api.customer(`bob-${count}`);
    const cookie = await cookieOf(bob);

    expect((await by(cookie, "GET", `/workspaces/${ada.workspaceId}`)).status).toBe(404);
    expect((await by(cookie)).body.id).toBe(bob.customerId);
  });

  test("is over after its hours", async () => {
    const key = await api.key(ada, {
      expires_at: new Date(api.deps.now().getTime() + 30 * 60_000).toISOString(),
    });
    const cookie = await cookieOf(key);
    await api.db.query(
      "UPDATE browser_sessions SET created_at = created_at - interval '1 h', expires_at = now() - interval '1 s'",
    );

    expect((await by(cookie)).status).toBe(401);
    expect((await api.request("GET", "/api/v1/me", { as: key })).status).toBe(200);
  });

  test("ends with its key, and with its account", async () => {
    const key = await api.key(ada, {});
    const [ofKey, ofAccount] = [await cookieOf(key), await cookieOf(ada)];
    const { body } = await api.request("GET", "/api/v1/me", { as: key });

    await api.request("DELETE", `/api/v1/api-keys/${body.api_key_id}`, { as: ada });
    expect([(await by(ofKey)).status, (await by(ofAccount)).status]).toEqual([401, 200]);

    await api.request("PATCH", `/api/v1/customers/${ada.customerId}`, {
      as: api.admin,
      body: { status: "suspended" },
    });
    expect((await by(ofAccount)).status).toBe(403);
    expect((await logIn({ key: ada.key })).status).toBe(403);
  });

  test("is ended by whoever holds it, also of an account that is suspended, which can do nothing else", async () => {
    const held = await cookieOf(ada);
    await api.db.query("UPDATE customers SET status = 'suspended' WHERE id = $1", [ada.customerId]);

    const requested = await by(held, "GET", "/me");
    const others = await by(held, "DELETE", "/sessions/others");
    const out = await by(held, "DELETE", "/sessions/current");

    expect([requested.status, requested.body.reason]).toEqual([403, "account-suspended"]);
    expect([others.status, out.status]).toEqual([403, 204]);
    expect(out.headers.get("Set-Cookie")).toContain("remotegpu_session=; Path=/; Max-Age=0;");
    const { rows } = await api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      ada.customerId,
    ]);
    expect(rows).toEqual([]);
    expect((await by(held, "DELETE", "/sessions/current", { headers: { Origin: "null" } })).status).toBe(403);
  });

  test("states why it opens nothing any more, as long as its browser may send it", async () => {
    const key = await api.key(ada, {});
    const { body } = await api.request("GET", "/api/v1/me", { as: key });
    const [requesting, ofKey, one, other, over] = [
      await cookieOf(ada),
      await cookieOf(key),
      await cookieOf(ada),
      await cookieOf(ada),
      await cookieOf(ada),
    ];
    const { items } = (await by(requesting, "GET", "/sessions")).body;
    const [, , idOfOne, , idOfOver] = items.map(({ id }: { id: number }) => id);
    await api.db.query(
      "UPDATE browser_sessions SET created_at = created_at - interval '13 h', expires_at = now() - interval '1 s' WHERE id = $1",
      [idOfOver],
    );

    await api.request("DELETE", `/api/v1/api-keys/${body.api_key_id}`, { as: ada });
    await by(requesting, "DELETE", `/sessions/${idOfOne}`);
    expect((await by(requesting, "DELETE", "/sessions/others")).status).toBe(204);

    const why = async (cookie: string) => (await by(cookie)).body.reason;
    expect(await Promise.all([ofKey, one, other, over].map(why))).toEqual([
      "session-key-ended",
      "session-ended",
      "session-ended",
      "session-expired",
    ]);
    expect(await why(`remotegpu_session=rgb_${"x".repeat(43)}`)).toBe("session-unknown");
    expect(await why(`${requesting}; ${one}`)).toBe("session-doubled");
    expect((await api.request("GET", "/api/v1/me")).body).not.toHaveProperty("reason");
    expect((await by(requesting)).status).toBe(200);
  });

  test("that has ended is taken from the browser that logs out of it", async () => {
    const key = await api.key(ada, {});
    const cookie = await cookieOf(key);
    const { body } = await api.request("GET", "/api/v1/me", { as: key });
    await api.request("DELETE", `/api/v1/api-keys/${body.api_key_id}`, { as: ada });

    const requested = await by(cookie);
    const out = await by(cookie, "DELETE", "/sessions/current");

    // Else an answer that comes late would take the cookie of who has logged in meanwhile.
    expect([requested.status, requested.headers.get("Set-Cookie")]).toEqual([401, null]);
    expect([out.status, out.headers.get("Set-Cookie")]).toEqual([
      401,
      "remotegpu_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    ]);
  });

  test("loses what its key's account loses, at once", async () => {
    const boss = await api.customer(`boss-${count}`, "admin");
    const cookie = await cookieOf(boss);
    expect((await by(cookie, "GET", "/hosts")).status).toBe(200);

    await api.db.query("UPDATE customers SET user_type = 'external' WHERE id = $1", [boss.customerId]);

    expect((await by(cookie, "GET", "/hosts")).status).toBe(403);
  });

  test("is not opened by what is no key of an account", async () => {
    const metrics = await api.key(ada, { role: "metrics" });

    for (const key of [`rgk_${"n".repeat(43)}`, "x", `rgs_${"n".repeat(43)}`])
      expect(await logIn({ key })).toMatchObject(problem(401));
    expect((await logIn({ key: metrics.key })).status).toBe(403);
    for (const body of [{}, { key: ada.key, ticket: "t" }, { key: 1 }])
      expect((await logIn(body)).status).toBe(422);
    const { rows } = await api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      ada.customerId,
    ]);
    expect(rows).toEqual([]);
  });
});

describe("a page of another origin", () => {
  const OTHERS: [string, Record<string, string>][] = [
    ["another port", { Origin: "http://localhost:8081" }],
    ["another scheme", { Origin: "https://localhost" }],
    ["another site", { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" }],
    ["another site that calls itself ours", { Origin: "http://localhost.evil.example" }],
    ["an opaque one", { Origin: "null", "Sec-Fetch-Site": "same-origin" }],
    ["none, of the same site", { "Sec-Fetch-Site": "same-site" }],
    ["none at all", {}],
  ];

  test.each(OTHERS)("%s changes nothing by the cookie and logs nobody in", async (_what, headers) => {
    const cookie = await cookieOf(ada);

    for (const [method, path, body] of [
      ["POST", "/workspaces", { name: "stolen" }],
      ["PATCH", `/workspaces/${ada.workspaceId}`, { name: "stolen" }],
      ["DELETE", "/sessions/current", undefined],
      ["PUT", "/billing/budget", { monthly_limit: null }],
    ] as const)
      expect(
        await api.request(method, `/api/v1${path}`, { body, headers: { Cookie: cookie, ...headers } }),
      ).toMatchObject(problem(403));

    expect(await logIn({ key: ada.key }, headers)).toMatchObject(problem(403));
    expect((await by(cookie, "GET", "/workspaces")).body.items).toHaveLength(1);
    expect((await by(cookie)).status).toBe(200);
  });

  test("is one that plants a session of its own: who logs in gets a new one, and of two neither is taken", async () => {
    const mallory = await cookieOf(await api.customer(`mallory-${count}`));
    const opened = await logIn({ key: ada.key }, { ...FROM_HERE, Cookie: mallory });
    const own = sentBack(opened.headers);

    expect(own).not.toBe(mallory);
    expect((await by(own)).body.id).toBe(ada.customerId);
    expect((await by(`${mallory}; ${own}`)).status).toBe(401);
    expect((await by(`${own}; ${own}`)).status).toBe(401);
  });

  test("that logs in where another account is leaves nothing of that one's session, and of two nobody's ends", async () => {
    const bob = await api.customer(`bob-${count}`);
    const [former, stored, second] = [await cookieOf(bob), await cookieOf(bob), await cookieOf(bob)];

    const opened = await logIn({ key: ada.key }, { ...FROM_HERE, Cookie: former });
    const doubled = await logIn({ key: ada.key }, { ...FROM_HERE, Cookie: `${stored}; ${second}` });
    const failed = await logIn({ ticket: "rgt_none" }, { ...FROM_HERE, Cookie: stored });

    expect([opened.status, doubled.status, failed.status]).toEqual([201, 201, 401]);
    expect((await by(sentBack(opened.headers))).body.id).toBe(ada.customerId);
    expect((await by(former)).status).toBe(401);
    expect([(await by(stored)).status, (await by(second)).status]).toEqual([200, 200]);
  });

  test("of another server is not known here", async () => {
    await using stack = new AsyncDisposableStack();
    const other = await openApi({}, await emptyDatabase());
    stack.defer(async () => await other.close());
    const opened = await other.request("POST", "/api/v1/sessions", {
      body: { key: other.admin.key },
      headers: FROM_HERE,
    });
    const theirs = sentBack(opened.headers);

    expect((await other.request("GET", "/api/v1/me", { headers: { Cookie: theirs } })).status).toBe(200);
    expect((await by(theirs)).body).toMatchObject({ status: 401, reason: "session-unknown" });
  });

  test("our own is known by the public address, too, and where a browser names no origin", async () => {
    const { status } = await logIn({ key: ada.key }, { Origin: api.deps.config.publicUrl });
    // Where a start on this machine prints the dashboard.
    const printed = await logIn({ key: ada.key }, { Origin: "http://localhost:8080" });
    const other = await logIn({ key: ada.key }, { "Sec-Fetch-Site": "same-origin" });

    expect([status, printed.status, other.status]).toEqual([201, 201, 201]);
  });
});

test("a key that is presented wins over a cookie, and needs no page of ours", async () => {
  const bob = await api.customer(`bob-${count}`);
  const cookie = await cookieOf(bob);
  const both = async (authorization: string, method = "GET", path = "/me") =>
    await api.request(method, `/api/v1${path}`, {
      ...(method === "POST" && { body: { name: "w" } }),
      headers: { Cookie: cookie, Authorization: authorization },
    });

  expect((await both(`Bearer ${ada.key}`)).body.id).toBe(ada.customerId);
  expect((await both(`Bearer ${ada.key}`, "POST", "/workspaces")).status).toBe(201);
  // A broken one is not mended by the cookie.
  expect((await both(`Bearer rgk_${"n".repeat(43)}`)).status).toBe(401);
  expect((await both("Basic YTpi")).status).toBe(401);
});

describe("sessions of an account", () => {
  test("are listed without what opens them, and ended one by one", async () => {
    const [first, second] = [await cookieOf(ada), await cookieOf(ada)];

    const { body } = await by(first, "GET", "/sessions");
    expect(body.items).toHaveLength(2);
    expect(JSON.stringify(body)).not.toMatch(/rgb_|hash/);
    const other = body.items[1].id;
    expect((await by(first, "DELETE", `/sessions/${other}`)).status).toBe(204);

    expect([(await by(first)).status, (await by(second)).status]).toEqual([200, 401]);
    expect((await by(first, "DELETE", `/sessions/${other}`)).status).toBe(404);
    const out = await by(first, "DELETE", "/sessions/current");
    expect([out.status, out.headers.get("Set-Cookie")]).toEqual([
      204,
      "remotegpu_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
    ]);
    expect((await by(first)).status).toBe(401);
    expect((await api.request("DELETE", "/api/v1/sessions/current", { as: ada })).status).toBe(409);
  });

  test("are not ended by a key that opens less", async () => {
    const cookie = await cookieOf(ada);
    const id = (await by(cookie, "GET", "/sessions")).body.items[0].id;
    const reader = await api.key(ada, { scopes: ["read"] });

    expect((await api.request("DELETE", `/api/v1/sessions/${id}`, { as: reader })).status).toBe(403);
    const ofReader = await cookieOf(reader);
    expect((await by(ofReader, "DELETE", "/sessions/current")).status).toBe(204);
  });

  test("state when and from where they were used last, by which browser, and which of them is the requesting one", async () => {
    const userAgent = `Mozilla/5.0 (X11; Linux x86_64) <b>${"x".repeat(300)}`;
    const opened = await logIn({ key: ada.key }, { ...FROM_HERE, "User-Agent": userAgent });
    const [first, second] = [sentBack(opened.headers), await cookieOf(ada)];
    const seenBy = async (cookie: string) => (await by(cookie, "GET", "/sessions")).body.items;
    const [own, other] = await seenBy(first);

    expect(own).toMatchObject({ id: opened.body.id, last_address: "local", is_current: true });
    expect(own.last_used_at).toBe(own.created_at);
    expect([own.user_agent, other.user_agent]).toEqual([userAgent.slice(0, 200), null]);
    expect(other.is_current).toBe(false);
    const requested = (await api.request("GET", "/api/v1/sessions", { as: ada })).body.items;
    expect(requested.map(({ is_current }: { is_current: boolean }) => is_current)).toEqual([false, false]);

    await api.db.query("UPDATE browser_sessions SET last_address = '198.51.100.4' WHERE customer_id = $1", [
      ada.customerId,
    ]);
    const [soon] = await seenBy(first);
    expect([soon.last_used_at, soon.last_address]).toEqual([own.last_used_at, "198.51.100.4"]);
    api.passMinutes(2);
    await by(first);
    const [later, unused] = await seenBy(first);
    expect(Date.parse(later.last_used_at) - Date.parse(own.last_used_at)).toBeGreaterThanOrEqual(120_000);
    expect([later.last_address, unused.last_address]).toEqual(["local", "198.51.100.4"]);
    expect(unused.last_used_at).toBe(other.last_used_at);
    expect((await seenBy(second)).map(({ is_current }: { is_current: boolean }) => is_current)).toEqual([
      false,
      true,
    ]);
  });

  test("of before, of which nobody wrote down where they were used, are listed, and with their use once they are used", async () => {
    const cookie = await cookieOf(ada);
    await api.db.query(
      "UPDATE browser_sessions SET last_used_at = NULL, last_address = NULL, user_agent = NULL WHERE customer_id = $1",
      [ada.customerId],
    );
    const list = async () => (await api.request("GET", "/api/v1/sessions", { as: ada })).body.items;
    expect(await list()).toMatchObject([{ last_used_at: null, last_address: null, user_agent: null }]);

    await by(cookie);

    expect(await list()).toMatchObject([{ last_used_at: expect.any(String), last_address: "local" }]);
  });

  test("are seen by nobody else, not even by an administrator, who sees their own", async () => {
    await cookieOf(ada);
    const boss = await api.customer(`boss-${count}`, "admin");
    const [ofBoss, ofBob] = [await cookieOf(boss), await cookieOf(await api.customer(`bob-${count}`))];

    for (const cookie of [ofBoss, ofBob])
      expect((await by(cookie, "GET", "/sessions")).body.items).toMatchObject([{ is_current: true }]);
  });

  test("end all but the requesting one, at once, and those of nobody else", async () => {
    const [first, own, third] = [await cookieOf(ada), await cookieOf(ada), await cookieOf(ada)];
    const ofBob = await cookieOf(await api.customer(`bob-${count}`));
    const statuses = async () =>
      await Promise.all([first, own, third, ofBob].map(async (cookie) => (await by(cookie)).status));
    expect((await by(ofBob, "DELETE", "/sessions/others")).status).toBe(204);
    expect(await statuses()).toEqual([200, 200, 200, 200]);

    const ended = await by(own, "DELETE", "/sessions/others");

    expect([ended.status, ended.headers.get("Set-Cookie")]).toEqual([204, null]);
    expect(await statuses()).toEqual([401, 200, 401, 200]);
    expect((await api.request("DELETE", "/api/v1/sessions/others", { as: ada })).status).toBe(204);
    expect(await statuses()).toEqual([401, 401, 401, 200]);
  });

  test("do not end where one of them opens more than the requesting key, and none of the others does then", async () => {
    const reader = await api.key(ada, { scopes: ["read"] });
    const [ofReader, narrow, wide] = [await cookieOf(reader), await cookieOf(reader), await cookieOf(ada)];

    const refused = await by(ofReader, "DELETE", "/sessions/others");

    expect(refused).toMatchObject(problem(403));
    expect([(await by(narrow)).status, (await by(wide)).status]).toEqual([200, 200]);
    expect((await by(wide, "DELETE", "/sessions/current")).status).toBe(204);
    expect((await by(ofReader, "DELETE", "/sessions/others")).status).toBe(204);
    expect([(await by(ofReader)).status, (await by(narrow)).status]).toEqual([200, 401]);
  });

  test("are a hundred at most: one more ends the oldest", async () => {
    const first = await cookieOf(ada);
    await api.db.query(
      `INSERT INTO browser_sessions (token_hash, api_key_id, customer_id, created_at, expires_at)
       SELECT s.token_hash || n, s.api_key_id, s.customer_id, s.created_at, s.expires_at
         FROM (SELECT left(token_hash, 50) AS token_hash, api_key_id, customer_id, created_at, expires_at
                 FROM browser_sessions WHERE customer_id = $1) s, generate_series(1, 99) n`,
      [ada.customerId],
    );
    expect((await by(first)).status).toBe(200);

    const last = await cookieOf(ada);

    expect([(await by(first)).body.reason, (await by(last)).status]).toEqual(["session-crowded-out", 200]);
    const { rows } = await api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      ada.customerId,
    ]);
    expect(rows).toHaveLength(100);
  });

  test("that are over go in batches, and their tickets", async () => {
    await cookieOf(ada);
    await ticketOf(ada);
    const cookie = await cookieOf(ada);
    await api.db.query(
      `UPDATE browser_sessions SET created_at = now() - interval '13 h', expires_at = now() - interval '1 h'
        WHERE id = (SELECT min(id) FROM browser_sessions WHERE customer_id = $1)`,
      [ada.customerId],
    );
    await api.db.query(
      "UPDATE session_tickets SET made_at = now() - interval '1 h', expires_at = now() - interval '1 min'",
    );
    await api.db.query(
      `DELETE FROM ended_browser_sessions;
       INSERT INTO ended_browser_sessions VALUES ('over', now() - interval '1 s', 'ended'), ('told', now() + interval '1 h', 'ended')`,
    );
    const term = await acquireLeadership(api.db, { holder: "the test", now: api.deps.now() });

    await lifecyclePass({ db: api.db, nudge: () => undefined }, { term: term ?? 0, now: api.deps.now() });

    const { rows } = await api.db.query("SELECT FROM browser_sessions WHERE customer_id = $1", [
      ada.customerId,
    ]);
    expect(rows).toHaveLength(1);
    expect((await api.db.query("SELECT FROM session_tickets")).rows).toEqual([]);
    const ended = await api.db.query("SELECT why FROM ended_browser_sessions");
    expect(ended.rows).toEqual([{ why: "ended" }]);
    expect((await by(cookie)).status).toBe(200);
  });
});

describe("a ticket", () => {
  test("logs one browser in, once, by a link that reveals it to no server", async () => {
    const made = await ticketOf(ada);
    const { ticket, url } = made.body;

    expect(made.status).toBe(201);
    expect(url).toBe(`http://localhost:8080/#ticket=${ticket}`);
    const opened = await logIn({ ticket });
    expect(opened).toMatchObject({ status: 201, body: { customer_id: ada.customerId } });
    expect((await by(sentBack(opened.headers))).status).toBe(200);
    expect(await logIn({ ticket })).toMatchObject(problem(401));
  });

  test("that several use at once lets one of them in", async () => {
    const { ticket } = (await ticketOf(ada)).body;

    const requested = await Promise.all([1, 2, 3, 4].map(async () => (await logIn({ ticket })).status));

    expect(requested.toSorted((a, b) => a - b)).toEqual([201, 401, 401, 401]);
  });

  test("is over after its minute, or as long as was requested", async () => {
    const [short, long] = [await ticketOf(ada), await ticketOf(ada, { valid_seconds: 3600 })];
    const late = (answer: Answer) => Date.parse(answer.body.expires_at) - api.deps.now().getTime();
    expect([late(short) <= 60_000, late(long) > 3_500_000]).toEqual([true, true]);
    expect((await ticketOf(ada, { valid_seconds: 3601 })).status).toBe(422);
    await api.db.query(
      "UPDATE session_tickets SET made_at = made_at - interval '61 s', expires_at = expires_at - interval '61 s'",
    );

    expect((await logIn({ ticket: short.body.ticket })).status).toBe(401);
    expect((await logIn({ ticket: long.body.ticket })).status).toBe(201);
  });

  test("opens nothing once its key is revoked, and is used up by nobody whose account is suspended", async () => {
    const key = await api.key(ada, {});
    const { ticket } = (await ticketOf(key)).body;
    const { body } = await api.request("GET", "/api/v1/me", { as: key });
    await api.request("DELETE", `/api/v1/api-keys/${body.api_key_id}`, { as: ada });

    expect((await logIn({ ticket })).status).toBe(401);
    expect((await logIn({ ticket: "x" })).status).toBe(401);
  });

  test("is made by a key and not by a session, and twenty wait at most", async () => {
    const cookie = await cookieOf(ada);
    expect((await by(cookie, "POST", "/session-tickets", { body: {} })).status).toBe(403);

    const requested = await Promise.all(Array.from({ length: 22 }, async () => (await ticketOf(ada)).status));

    expect(requested.toSorted((a, b) => a - b)).toEqual([...Array<number>(20).fill(201), 429, 429]);
  });
});

describe("what is stored", () => {
  test("of sessions and tickets is no secret, in no table and no log", async () => {
    const cookie = await cookieOf(ada);
    const key = { "Idempotency-Key": `tickets-${count}` };
    const made = await api.request("POST", "/api/v1/session-tickets", { as: ada, body: {}, headers: key });
    const again = await api.request("POST", "/api/v1/session-tickets", { as: ada, body: {}, headers: key });
    const own = { "Idempotency-Key": `key-${count}` };
    const newKey = await by(cookie, "POST", "/api-keys", { body: {}, headers: own });
    expect(again.body).toEqual(made.body);

    const { rows: tables } = await api.db.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    const secrets = [cookie.split("=")[1] ?? "", made.body.ticket, newKey.body.key];
    const found: string[] = [];
    for (const { name } of tables) {
      const { rows } = await api.db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      for (const { row } of rows) if (secrets.some((secret) => row.includes(secret))) found.push(name);
    }
    expect(secrets.every((secret) => secret.length > 40)).toBe(true);
    expect(found).toEqual([]);
  });

  test("under an Idempotency-Key is answered to the session that made the request, and to no other one", async () => {
    const [own, other] = [await cookieOf(ada), await cookieOf(ada)];
    const more = { body: { name: "made" }, headers: { "Idempotency-Key": `once-${count}` } };
    const made = await by(own, "POST", "/api-keys", more);

    const again = await by(own, "POST", "/api-keys", more);
    const elsewhere = await by(other, "POST", "/api-keys", more);

    expect([made.status, again.body.key]).toEqual([201, made.body.key]);
    expect(elsewhere).toMatchObject(problem(422));
  });

  test("in the audit log names who logged in and out by which key, and who tried", async () => {
    const opened = await logIn({ key: ada.key });
    const revoked = await api.key(ada, {});
    const { api_key_id } = (await api.request("GET", "/api/v1/me", { as: revoked })).body;
    await api.request("DELETE", `/api/v1/api-keys/${api_key_id}`, { as: ada });
    await logIn({ key: revoked.key });
    await ticketOf(ada);
    await cookieOf(ada);
    // The use that is written down with a change is none itself.
    api.passMinutes(2);
    await by(sentBack(opened.headers), "DELETE", "/sessions/others");
    await by(sentBack(opened.headers), "DELETE", "/sessions/current");

    const { rows } = await api.db.query(
      `SELECT action, outcome, target_id, actor_role FROM audit_log
        WHERE actor_customer_id = $1 AND (action LIKE 'browser-session.%' OR action = 'session-ticket.create') ORDER BY id`,
      [ada.customerId],
    );
    const id = String(opened.body.id);
    const by_ = { actor_role: "customer" };
    expect(rows).toEqual([
      { action: "browser-session.create", outcome: "done", target_id: id, ...by_ },
      { action: "browser-session.create", outcome: "refused", target_id: null, ...by_ },
      { action: "session-ticket.create", outcome: "done", target_id: null, ...by_ },
      { action: "browser-session.create", outcome: "done", target_id: expect.any(String), ...by_ },
      { action: "browser-session.end-others", outcome: "done", target_id: String(ada.customerId), ...by_ },
      { action: "browser-session.end", outcome: "done", target_id: id, ...by_ },
    ]);
  });
});

test("whoever guesses is held off like one who guesses keys", async () => {
  await using stack = new AsyncDisposableStack();
  const bound = {
    perKey: { burst: 1e6, perSecond: 1e6 },
    perAddress: { burst: 3, perSecond: 0.001 },
    logins: { burst: 1e6, perSecond: 1e6 },
  };
  const narrow = await openApi({ rateLimits: bound }, await emptyDatabase());
  stack.defer(async () => await narrow.close());

  const requested: number[] = [];
  for (const guess of ["a", "b", "c", "d", "e"])
    requested.push(
      (await narrow.request("POST", "/api/v1/sessions", { body: { ticket: guess }, headers: FROM_HERE }))
        .status,
    );

  expect(requested).toEqual([401, 401, 401, 429, 429]);
});

test("whoever guesses through a proxy of TLS on the server's machine holds off nobody else who comes by it", async () => {
  await using stack = new AsyncDisposableStack();
  const publicUrl = "https://gpu.example.com";
  const bound = {
    perKey: { burst: 1e6, perSecond: 1e6 },
    perAddress: { burst: 3, perSecond: 0.001 },
    logins: { burst: 1e6, perSecond: 1e6 },
  };
  const narrow = await openApi({ rateLimits: bound, publicUrl }, await emptyDatabase());
  stack.defer(async () => await narrow.close());
  const from = async (peer: string, forwarded: string, body: object) => {
    const { status } = await narrow.app.request(
      "/api/v1/sessions",
      {
        method: "POST",
        headers: { Origin: publicUrl, "Content-Type": "application/json", "X-Forwarded-For": forwarded },
        body: JSON.stringify(body),
      },
      { incoming: { socket: { remoteAddress: peer } } },
    );
    return status;
  };
  const guesses = async (peer: string, output: (nth: number) => string) => {
    const requested: number[] = [];
    for (let nth = 0; nth < 5; nth += 1) requested.push(await from(peer, output(nth), { ticket: "a" }));
    return requested;
  };

  // Before its own word stands what the client has made up.
  expect(await guesses("127.0.0.1", (nth) => `10.9.9.${nth}, 203.0.113.7`)).toEqual([
    401, 401, 401, 429, 429,
  ]);
  expect(await from("127.0.0.1", "198.51.100.4", { key: narrow.admin.key })).toBe(201);
  // Whoever is no proxy of this machine is believed nothing.
  expect(await guesses("203.0.113.8", (nth) => `10.9.9.${nth}`)).toEqual([401, 401, 401, 429, 429]);
  const { rows } = await narrow.db.query("SELECT last_address FROM browser_sessions");
  expect(rows).toEqual([{ last_address: "198.51.100.4" }]);
});
