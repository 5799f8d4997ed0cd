/** Who comes in at the gateway, by what, and until when: links, cookies, keys and shares, on the real API and database. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Caller } from "../../support/http/api.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openWebScene, SERVICE_PORT, type WebScene } from "../../support/worlds/web-scene.ts";

let scene: WebScene;
let host: string;
let origin: string;

beforeAll(async () => {
  scene = await openWebScene();
  host = scene.hostOf(SERVICE_PORT);
  origin = `http://${host}`;
});
afterAll(async () => await scene.close());

const link = async (
  as: Caller = scene.owner,
  what: object = { port: SERVICE_PORT },
  id = scene.environment.id,
) => await scene.control.api.request("POST", `/api/v1/environments/${id}/links`, { as, body: what });
const share = async (what: object = {}) =>
  await scene.control.api.request("POST", `/api/v1/environments/${scene.environment.id}/shares`, {
    as: scene.owner,
    body: { port: SERVICE_PORT, ...what },
  });
const pathOf = (url: unknown) => String(url).slice(origin.length);

describe("a one-time link", () => {
  test("leaves a cookie that opens this origin, and no ticket in any address", async () => {
    const made = await link();
    const entered = await scene.request(host, pathOf(made.body.url));

    expect(made.status).toBe(201);
    expect(entered.status).toBe(303);
    expect(entered.headers).toMatchObject({
      location: "/",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    const [cookie = ""] = entered.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^remotegpu=[^;]+; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/);
    const { status, body } = await scene.request(host, "/tell", { cookie: cookie.split(";")[0] ?? "" });
    expect([status, body.headers.cookie]).toEqual([200, undefined]);
  });

  test("opens once, whichever of several gateways gets the request", async () => {
    await using stack = new AsyncDisposableStack();
    const other = stack.adopt(await scene.anotherGateway(), (one) => one.close());
    const path = pathOf((await link()).body.url);

    const requested = await Promise.all(
      [scene.gateway, other, scene.gateway, other].map((gateway) => scene.request(host, path, { gateway })),
    );

    expect(requested.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, 401, 401, 401]);
  });

  test("opens nothing on another origin, nor is it used up there; nor by HEAD", async () => {
    const path = pathOf((await link()).body.url);

    expect((await scene.request(scene.hostOf(9), path)).status).toBe(401);
    expect((await scene.request(host, path, { method: "HEAD" })).status).toBe(404);
    expect((await scene.request(host, path)).status).toBe(303);
  });

  test("is over after its minute", async () => {
    const path = pathOf((await link()).body.url);
    await scene.control.api.db.query(
      "UPDATE web_links SET made_at = made_at - interval '61 s', expires_at = expires_at - interval '61 s'",
    );

    expect((await scene.request(host, path)).status).toBe(401);
  });

  test.each([`/.remotegpu/enter?ticket=${"x".repeat(43)}`, "/.remotegpu/enter", "/.remotegpu/other"])(
    "%s opens nothing",
    async (path) => {
      const { status, headers } = await scene.request(host, path);
      expect([status >= 400, headers["set-cookie"]]).toEqual([true, undefined]);
    },
  );

  test("names one thing", async () => {
    expect((await link(scene.owner, {})).status).toBe(422);
    expect((await link(scene.owner, { port: 1, service: "jupyter" })).status).toBe(422);
  });
});

describe("a cookie", () => {
  test.each([
    ["forged", (cookie: string) => cookie.replace(/.$/, (last) => (last === "A" ? "B" : "A"))],
    ["of another key", (cookie: string) => cookie.replace(/=k\.\d+\.\d+/, "=k.1.1")],
    ["of no form", () => "remotegpu=x"],
  ])("that is %s opens nothing", async (_what, change) => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);
    expect((await scene.request(host, "/tell", { cookie })).status).toBe(200);

    expect((await scene.request(host, "/tell", { cookie: change(cookie) })).status).toBe(401);
  });

  test("of one origin opens no other, neither a port nor another customer's", async () => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);
    const other = await scene.control.customer("other-customer");
    const theirs = await scene.order(other);

    expect((await scene.request(scene.hostOf(9), "/", { cookie })).status).toBe(401);
    expect((await scene.request(scene.hostOf(SERVICE_PORT, theirs), "/", { cookie })).status).toBe(401);
  });

  test("of a page beside ours breaks nothing", async () => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);

    expect((await scene.request(host, "/tell", { cookie: `remotegpu=planted; ${cookie}` })).status).toBe(200);
  });

  test("is taken from its own pages alone", async () => {
    const cookie = await scene.enter(scene.owner, SERVICE_PORT);
    const requested = async (method: string, headers: Record<string, string>) =>
      (await scene.request(host, "/tell", { cookie, method, headers })).status;

    expect(await requested("POST", { Origin: origin })).toBe(200);
    expect(await requested("POST", { Origin: `http://${scene.hostOf(9)}` })).toBe(403);
    expect(await requested("GET", { "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors" })).toBe(403);
  });
});

describe("a key", () => {
  test("of another customer learns nothing, one that is none is refused", async () => {
    const stranger = await scene.control.customer("key-stranger");

    expect((await scene.request(host, "/tell", { key: stranger.key })).status).toBe(404);
    expect((await scene.request(host, "/tell", { key: `rgk_${"n".repeat(43)}` })).status).toBe(401);
    expect((await scene.request(host, "/tell", {})).status).toBe(401);
    expect((await scene.request(host, "/tell", { key: scene.control.api.admin.key })).status).toBe(404);
  });

  test("that only reads does not enter", async () => {
    const reader = await scene.control.api.key(scene.owner, { name: "reader", scopes: ["read"] });

    expect((await scene.request(host, "/tell", { key: reader.key })).status).toBe(403);
  });

  test("that is revoked ends an open WebSocket and an answer that goes on", async () => {
    const made = await scene.control.api.request("POST", "/api/v1/api-keys", {
      as: scene.owner,
      body: { name: "for a while" },
    });
    const key = made.body.key;
    const socket = await scene.raw(
      `GET /ws HTTP/1.1\r\nHost: ${host}\r\nX-Api-Key: ${key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    await once(socket, "data");
    const events = await scene.open(host, "/events", { key });
    const ended = Promise.all([once(socket, "close"), events.toArray().catch(() => "broken off")]);
    socket.on("end", () => socket.destroy());

    await scene.control.api.request("DELETE", `/api/v1/api-keys/${made.body.id}`, { as: scene.owner });

    const [, reported] = await ended;
    expect(reported).toBe("broken off");
    expect((await scene.request(host, "/tell", { key })).status).toBe(401);
  });
});

describe("a share", () => {
  test("lets a program in, which the container does not see, and ends when it is ended", async () => {
    const made = await share({ hours: 1 });
    const path = `/tell${pathOf(made.body.url).slice(1)}&a=1`;
    const before = await scene.request(host, path);
    expect([made.status, before.status, before.body.url]).toEqual([201, 200, "/tell?a=1"]);

    await scene.control.api.request(
      "DELETE",
      `/api/v1/environments/${scene.environment.id}/shares/${made.body.id}`,
      {
        as: scene.owner,
      },
    );
    const { body } = await scene.control.api.request(
      "GET",
      `/api/v1/environments/${scene.environment.id}/shares`,
      { as: scene.owner },
    );
    const after = await eventuallyRefused(path);
    expect(after.status).toBe(401);
    expect(body.items[0]).toMatchObject({
      port: SERVICE_PORT,
      ended_by: `customer ${scene.owner.customerId}`,
    });
    expect(JSON.stringify(body)).not.toContain("remotegpu_share");
  });

  test("is read by itself, and may be given another end while it is open", async () => {
    const made = await share({ hours: 1 });
    const path = `/tell${pathOf(made.body.url).slice(1)}`;
    const one = `/api/v1/environments/${scene.environment.id}/shares/${made.body.id}`;
    const request = async (method: string, body?: object) =>
      await scene.control.api.request(method, one, { as: scene.owner, ...(body && { body }) });
    const inHours = (count: number) =>
      new Date(scene.control.api.deps.now().getTime() + count * 3_600_000).toISOString();
    const { url: _url, ...visible } = made.body;

    expect(await request("GET")).toMatchObject({ status: 200, body: visible });
    const later = inHours(48);
    expect(await request("PATCH", { expires_at: later })).toMatchObject({
      status: 200,
      body: { ...visible, expires_at: later },
    });
    expect((await request("GET")).body.expires_at).toBe(later);
    expect((await scene.request(host, path)).status).toBe(200);
    for (const expires_at of [inHours(-1), inHours(721), "soon", null, 1])
      expect((await request("PATCH", { expires_at })).status).toBe(422);
    expect((await request("PATCH", { port: 1 })).status).toBe(422);

    await request("DELETE");
    expect((await request("PATCH", { expires_at: later })).status).toBe(409);
    expect((await request("GET")).body.ended_by).toBe(`customer ${scene.owner.customerId}`);
    const none = await scene.control.api.request("GET", `${one}9`, { as: scene.owner });
    expect(none.status).toBe(404);
  });

  test("gives a browser a cookie and an address without what it carried, on its own origin alone", async () => {
    const made = await share();
    const token = made.body.url.split("=").at(-1) ?? "";
    const page = { Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
    const entered = await scene.request(host, `//evil.example/a?remotegpu_share=${token}&b=1`, {
      headers: page,
    });

    expect([entered.status, entered.headers.location]).toEqual([303, `${origin}//evil.example/a?b=1`]);
    const cookie = (entered.headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
    expect((await scene.request(host, "/tell", { cookie })).status).toBe(200);
    expect((await scene.request(scene.hostOf(9), `/?remotegpu_share=${token}`)).status).toBe(401);
  });

  test("is never of a terminal, nor longer than 30 days", async () => {
    expect((await share({ port: undefined, service: "terminal" })).status).toBe(400);
    expect((await share({ hours: 721 })).status).toBe(422);
    const days = (count: number) =>
      new Date(scene.control.api.deps.now().getTime() + count * 86_400_000).toISOString();
    for (const expires_at of [days(31), days(-1)]) expect((await share({ expires_at })).status).toBe(422);
    expect((await share({ expires_at: days(1), hours: 1 })).status).toBe(422);
    const end = days(2);
    expect((await share({ expires_at: end })).body.expires_at).toBe(end);
  });
});

describe("what does not run is reported as such", () => {
  test("of one that is still starting, on a page that reloads by itself", async () => {
    const id = String((await scene.control.order(scene.owner)).body.id);
    const page = await scene.request(scene.hostOf(80, id), "/", {
      key: scene.owner.key,
      headers: { Accept: "text/html" },
    });

    expect([page.status, page.headers["retry-after"]]).toEqual([503, "3"]);
    expect(page.text).toContain("still starting");
    expect(page.text).toContain('<link rel="icon" href="data:image/svg+xml,');
    expect(page.headers["content-security-policy"]).toContain("img-src data:");
  });

  test("of one that is stopped with the command that starts it, its name escaped", async () => {
    const id = await scene.order(scene.owner, { name: "<b>lab</b>" });
    await scene.control.api.request("POST", `/api/v1/environments/${id}/stop`, { as: scene.owner });
    const page = await scene.request(scene.hostOf(80, id), "/", {
      key: scene.owner.key,
      headers: { Accept: "text/html" },
    });

    expect(page.status).toBe(409);
    expect(page.text).toContain("remotegpu env start &lt;b&gt;lab&lt;/b&gt;");
  });

  test("of a service that is switched off", async () => {
    const id = await scene.order(scene.owner, { jupyter_enabled: false });
    const { status, body } = await scene.request(scene.hostOf("jupyter", id), "/", { key: scene.owner.key });

    expect([status, body.title]).toEqual([404, "Not in this environment"]);
  });
});

describe("access", () => {
  const accessOf = async () => {
    const path = `/api/v1/environments/${scene.environment.id}/access`;
    const { body } = await scene.control.api.request("GET", path, { as: scene.owner });
    return new Map<string, { url: string | null; reason: string | null; reachable: boolean }>(
      body.services.map((one: { service: string }) => [one.service, one]),
    );
  };

  test("lists where each service lies, the terminal too", async () => {
    const services = await accessOf();

    expect(services.get("terminal")).toMatchObject({
      url: `http://${scene.hostOf("terminal")}`,
      reachable: true,
      reason: null,
    });
    expect(services.get("jupyter")?.url).toBe(`http://${scene.hostOf("jupyter")}`);
  });

  test("states of a service where its host sees nobody why, and so does the gateway's page for it", async () => {
    const detail = "Nobody listens on port 8888 in the container.";
    const silent = { isSeen: false, detail };
    const reported = {
      phase: "ready",
      services: { jupyter: silent, terminal: { isSeen: true, detail: "" } },
    } as const;
    await scene.host.round(reported);

    const services = await accessOf();
    const { status, body } = await scene.request(scene.hostOf("jupyter"), "/", { key: scene.owner.key });

    const reason = `Nothing answers yet. ${detail}`;
    expect(services.get("jupyter")).toMatchObject({ reachable: false, reason });
    expect(services.get("terminal")).toMatchObject({ reachable: true, reason: null });
    expect([status, body.detail]).toEqual([502, reason]);
    await scene.host.round({ phase: "ready", services: { jupyter: { isSeen: true, detail: "" } } });
    expect((await accessOf()).get("jupyter")).toMatchObject({ reachable: true, reason: null });
    // An agent that tells nothing of it takes nothing away.
    await scene.host.round();
    expect((await accessOf()).get("jupyter")).toMatchObject({ reachable: true, reason: null });
  });

  test("without a gateway states that there is no web side, and what leads in all the same", async () => {
    await scene.control.api.db.query("UPDATE gateways SET web_base = NULL");
    const services = await accessOf();
    const refused = await link();
    await scene.control.api.db.query("UPDATE gateways SET web_base = $1", [`http://${scene.base.domain}`]);

    expect(services.get("jupyter")?.reason).toContain("remotegpu port-forward work 8888");
    expect(services.get("terminal")).toMatchObject({ url: null, reachable: false });
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("port-forward")]);
  });
});

test("with one gateway gone the other goes on with the same cookie", async () => {
  const other = await scene.anotherGateway({ log: quietLog });
  const cookie = await scene.enter(scene.owner, SERVICE_PORT);
  expect((await scene.request(host, "/tell", { cookie, gateway: other })).status).toBe(200);
  const socket = await scene.raw(
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    other,
  );
  await once(socket, "data");
  socket.on("end", () => socket.destroy());
  const closed = once(socket, "close");

  await other.close();

  await closed;
  expect((await scene.request(host, "/tell", { cookie })).status).toBe(200);
});

/** What was let in is believed for two seconds more. */
async function eventuallyRefused(path: string) {
  for (;;) {
    const answer = await scene.request(host, path);
    if (answer.status !== 200) return answer;
  }
}
