/** The stream of what changes, on the real API, store and loops: who hears what, for how long, and of which server. */
import { type ApiServer, openServer } from "@remotegpu/control-plane/server/http/server/server";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Caller } from "../../support/http/api.ts";
import { EventStream } from "../../support/http/event-stream.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let server: ApiServer;
let ada: Caller & { workspaceId: number };
let bob: Caller & { workspaceId: number };
let host: ScriptedHost;
const opened: EventStream[] = [];

beforeAll(async () => {
  scene = await openControlScene();
  server = await openServer(scene.api.app, { host: "127.0.0.1", port: 0, tls: null });
  ada = await scene.customer("ada");
  bob = await scene.customer("bob");
  host = await scene.host("host-1", { gpus: 2, cpu: 64, memoryGib: 256 });
});
afterAll(async () => {
  for (const one of opened) one.leave();
  await server.close();
  await scene.close();
});

async function listen(
  as: Caller,
  topics: string,
  { at = server, headers = {} }: { at?: ApiServer; headers?: Record<string, string> } = {},
): Promise<EventStream> {
  const url = `http://127.0.0.1:${at.port}/api/v1/stream?topics=${encodeURIComponent(topics)}`;
  const stream = await EventStream.open(url, { key: as.key, headers });
  opened.push(stream);
  return stream;
}

const refused = async (as: Caller | undefined, topics: string) =>
  await scene.api.request("GET", `/api/v1/stream?topics=${encodeURIComponent(topics)}`, { as });

async function order(as: Caller, change: object = {}): Promise<string> {
  const { status, body } = await scene.order(as, change);
  expect(status).toBe(201);
  return body.id;
}

/** What another account's order makes of a stream, after which nothing that came before is still on its way. */
async function passes(stream: EventStream, as: Caller): Promise<void> {
  const id = await order(as);
  await stream.until(`the order ${id}`, ({ changed }) => changed.includes(`workloads ${id}`));
}

async function placed(as: Caller): Promise<string> {
  const id = await order(as, { gpu: 1 });
  await scene.schedule();
  await host.pull();
  return id;
}

/** Half an hour of it is proven, of two cores at two points an hour. */
async function runningAtCost({ customerId }: Caller): Promise<string> {
  const { db } = scene.api;
  await db.query(
    `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory)
     VALUES ('env-costs', $1, (SELECT id FROM workspaces WHERE owner_id = $1), 'costs', 'busybox', 'running', 2, 1073741824)`,
    [customerId],
  );
  await db.query(
    `INSERT INTO instances (id, workload_kind, workload_id, state)
     VALUES ('i-costs', 'environment', 'env-costs', 'ready')`,
  );
  await db.query(
    `INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)
     VALUES ('i-costs', 1, 'host-1', '{}', 'x', 0, 0)`,
  );
  await db.query(
    `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, resource_type, resource_id, spec, first_proven_at,
       proven_ms, uncharged)
     VALUES ('r-costs', 'i-costs', 1, 'host-1', $1, 'environment', 'env-costs', 'default', now(), 1800000, true)`,
    [customerId],
  );
  await db.query(
    `INSERT INTO run_lines (run_id, line, quantity, unit_price, billing_unit) VALUES ('r-costs', 'cpu', 2, 2, 'hour')`,
  );
  return "env-costs";
}

describe.concurrent("topics", () => {
  test("that are none are named, and a stream needs one", async () => {
    const answer = await refused(ada, "workloads,moon,env:,gpu");

    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain("moon, env:");
    expect(answer.body.refused_topics).toEqual(["moon", "env:"]);
    for (const topics of ["", ",", Array.from({ length: 101 }, (_, n) => `env:e${n}`).join(",")])
      expect((await refused(ada, topics)).status).toBe(422);
    expect((await refused(undefined, "workloads")).status).toBe(401);
  });

  test("of others, and those for administrators, are refused by their names", async () => {
    const id = await order(bob);
    const reader = await scene.api.key(ada, { scopes: ["read"] });
    const money = await scene.api.key(ada, { scopes: ["money"] });

    for (const topics of ["fleet", "alarms", "host:host-1", `env:${id}`, "env:none", `job:${id}`]) {
      const answer = await refused(ada, `workloads,${topics}`);
      expect([answer.status, answer.body.detail]).toEqual([403, `You may not hear of: ${topics}.`]);
      expect(answer.body.refused_topics).toEqual([topics]);
    }
    expect((await refused(reader, "billing,cost,workloads")).body.detail).toContain("billing, cost");
    expect((await refused(money, "workloads")).status).toBe(403);
  });

  test("are heard as they are, on an answer that nobody keeps or changes", async () => {
    const stream = await listen(ada, "workloads");

    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
  });
});

test("who requests the head of a stream is none of its readers, however often", async () => {
  const key = await scene.api.key(ada, {});
  const url = `http://127.0.0.1:${server.port}/api/v1/stream?topics=workloads`;
  const headers = { Authorization: `Bearer ${key.key}` };

  for (let nth = 0; nth < 101; nth += 1) {
    const { status } = await fetch(url, { method: "HEAD", headers });
    expect(status).toBe(200);
  }

  const stream = await listen(key, "workloads");
  expect(stream.response.status).toBe(200);
});

describe.concurrent("a change is reported", () => {
  test("of a workload: to its people, by its own topic and in the list, and to nobody else", async () => {
    const [own, others, admins] = await Promise.all([
      listen(ada, "workloads"),
      listen(bob, "workloads,queue"),
      listen(scene.api.admin, "workloads"),
    ]);

    const id = await order(ada);
    await own.until("the order", ({ changed }) => changed.includes(`workloads ${id}`));
    // Others may order much in the same second.
    await admins.until("the order", ({ changed }) => changed.some((what) => /^workloads($| )/.test(what)));
    const one = await listen(ada, `env:${id}`);
    await scene.api.request("PATCH", `/api/v1/environments/${id}`, { as: ada, body: { name: "renamed" } });
    await one.until("its new name", ({ changed }) => changed.includes(`env:${id}`));

    await passes(others, bob);
    expect(others.changed.filter((what) => what.includes(id))).toEqual([]);
    // That somebody waits moves everybody's place in the line.
    await others.until("the line", ({ changed }) => changed.includes("queue"));
  });

  test("of a host and its cards, to administrators", async () => {
    const stream = await listen(scene.api.admin, "fleet,host:host-1,alarms");
    const uuid = host.gpus[0]?.uuid ?? "";

    await scene.api.request("POST", `/api/v1/gpus/${uuid}/cordon`, { as: scene.api.admin, body: {} });
    await stream.until("the cordon", ({ changed }) => changed.includes("fleet host-1"));
    expect(stream.changed).toContain("host:host-1");
    await scene.api.request("POST", `/api/v1/gpus/${uuid}/uncordon`, { as: scene.api.admin, body: {} });
    await scene.api.request("PATCH", "/api/v1/hosts/host-1", {
      as: scene.api.admin,
      body: { labels: { rack: "7" } },
    });
    await stream.until(
      "the label",
      ({ changed }) => changed.filter((what) => what === "fleet host-1").length >= 2,
    );

    await scene.api.db.query("INSERT INTO alarms (kind, subject) VALUES ('host-floods', 'host-1')");
    await stream.until("the alarm", ({ changed }) => changed.includes("alarms"));
  });

  test("of an account's money, to that account", async () => {
    const [own, other] = await Promise.all([listen(ada, "billing"), listen(bob, "billing,workloads")]);

    await scene.api.request("POST", `/api/v1/customers/${ada.customerId}/top-ups`, {
      as: scene.api.admin,
      body: { amount: "1" },
    });
    await own.until("the top-up", ({ changed }) => changed.includes("billing"));

    await passes(other, bob);
    expect(other.changed).not.toContain("billing");
  });

  test("once for many of a second", async () => {
    const carol = await scene.customer("carol");
    const stream = await listen(carol, "workloads");

    await scene.api.db.query(
      `INSERT INTO environments (id, customer_id, workspace_id, name, image, status, cpu, memory, gpu)
       SELECT 'burst-' || n, $1, $2, 'b', 'busybox', 'stopped', 1, 1073741824, 0 FROM generate_series(1, 200) n`,
      [carol.customerId, carol.workspaceId],
    );

    await stream.until("the burst", ({ changed }) => changed.includes("workloads"));
    expect(stream.changed.filter((what) => what.includes("burst-"))).toEqual([]);
  });
});

describe.concurrent("what runs costs", () => {
  test("comes once, and then as it changes, to whoever may see it and its money", async () => {
    const dora = await scene.customer("dora");
    const id = await runningAtCost(dora);
    const reader = await scene.api.key(dora, { scopes: ["read"] });
    const [own, other] = await Promise.all([listen(dora, "cost"), listen(bob, "cost,workloads")]);
    const reported = () => own.of("cost").flatMap(({ data }) => data as unknown[]);

    await own.until("what it costs", () => reported().length > 0);
    await scene.api.db.query("UPDATE runs SET proven_ms = 3600000 WHERE resource_id = $1", [id]);
    await own.until("what it costs now", () => reported().length > 1);

    expect(reported()).toEqual([
      { id, cost_so_far: "2.0000", rate_per_hour: "4.0000" },
      { id, cost_so_far: "4.0000", rate_per_hour: "4.0000" },
    ]);
    await passes(other, bob);
    // He has work of his own.
    expect(JSON.stringify(other.of("cost"))).not.toContain(id);
    expect(await refused(reader, "cost")).toMatchObject({ status: 403 });
  });
});

describe.concurrent("readings of cards", () => {
  test("come once, and then as they change, to whoever has the card", async () => {
    const id = await placed(ada);
    const [own, other, admins] = await Promise.all([
      listen(ada, "gpu"),
      listen(bob, "gpu,workloads"),
      listen(scene.api.admin, "gpu"),
    ]);
    await own.until("the card", (stream) => stream.of("gpu").length > 0);
    const [first] = own.of("gpu");
    const uuid = String(first?.data.rows[0]?.[0]);

    await host.heartbeat({
      gpus: [
        {
          uuid,
          health: "healthy",
          memoryUsedMib: 4321,
          utilizationPercent: 87,
          temperatureC: 61,
          powerW: 250,
        },
      ],
    });

    const reported = (stream: EventStream) =>
      stream.of("gpu").flatMap(({ data }) => data.rows as unknown[][]);
    await own.until("the reading", (stream) => reported(stream).some((row) => row[1] === 87));
    await admins.until("the reading", (stream) => reported(stream).some((row) => row[1] === 87));
    expect(first?.data.columns).toEqual([
      "uuid",
      "utilization_percent",
      "memory_used_mib",
      "temperature_c",
      "power_w",
      "sampled_at",
    ]);
    expect(first?.data.rows).toHaveLength(1);
    expect(reported(own).at(-1)?.slice(0, 4)).toEqual([uuid, 87, 4321, 61]);
    expect(admins.of("gpu")[0]?.data.rows).toHaveLength(2);
    await passes(other, bob);
    expect(other.of("gpu")).toEqual([]);
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: ada });
  });
});

describe.concurrent("a stream ends", () => {
  test("with its key", async () => {
    const key = await scene.api.key(ada, {});
    const stream = await listen(key, "workloads,queue");
    const { api_key_id: id } = (await scene.api.request("GET", "/api/v1/me", { as: key })).body;

    await scene.api.request("DELETE", `/api/v1/api-keys/${id}`, { as: ada });

    await stream.until("its end", ({ end }) => end !== null);
    expect(stream.end).toBe("in order");
    expect(stream.of("closed").map(({ data }) => data.topic)).toEqual(["workloads", "queue"]);
  });

  test.each([
    ["itself", "own", "current"],
    ["another one, by its number", "other", null],
    ["another one that ends all others", "other", "others"],
  ] as const)("with its session, that was ended by %s", async (_how, whose, named) => {
    const eve = await scene.customer(`eve-${whose}-${named ?? "number"}`);
    const from = { Origin: `http://127.0.0.1:${server.port}` };
    const login = async () => {
      const { headers } = await fetch(`${from.Origin}/api/v1/sessions`, {
        method: "POST",
        headers: { ...from, "Content-Type": "application/json" },
        body: JSON.stringify({ key: eve.key }),
      });
      return headers.get("Set-Cookie")?.split(";")[0] ?? "";
    };
    const cookies = { own: await login(), other: await login() };
    const url = `${from.Origin}/api/v1/stream?topics=workloads`;
    const stream = await EventStream.open(url, { headers: { Cookie: cookies.own } });
    opened.push(stream);
    const { items } = (await scene.api.request("GET", "/api/v1/sessions", { as: eve })).body;

    const ended = await fetch(`${from.Origin}/api/v1/sessions/${named ?? items[0]!.id}`, {
      method: "DELETE",
      headers: { ...from, Cookie: cookies[whose] },
    });

    expect(ended.status).toBe(204);
    await stream.until("its end", ({ end }) => end === "in order");
    expect(stream.of("closed")).toHaveLength(1);
  });

  test("with its account, once that is suspended, and with its session, once that is over", async () => {
    const fay = await scene.customer("fay");
    const from = { Origin: `http://127.0.0.1:${server.port}` };
    const { headers } = await fetch(`${from.Origin}/api/v1/sessions`, {
      method: "POST",
      headers: { ...from, "Content-Type": "application/json" },
      body: JSON.stringify({ key: fay.key }),
    });
    const Cookie = headers.get("Set-Cookie")?.split(";")[0] ?? "";
    const url = `${from.Origin}/api/v1/stream?topics=workloads,billing`;
    const ofSession = await EventStream.open(url, { headers: { Cookie } });
    opened.push(ofSession);
    const ofAccount = await listen(fay, "workloads,billing");

    await scene.api.db.query(
      `UPDATE browser_sessions SET created_at = created_at - interval '13 h', expires_at = now() - interval '1 s'
        WHERE customer_id = $1`,
      [fay.customerId],
    );
    await ofSession.until("its end", ({ end }) => end === "in order");
    expect(ofAccount.end).toBeNull();
    await scene.api.request("PATCH", `/api/v1/customers/${fay.customerId}`, {
      as: scene.api.admin,
      body: { status: "suspended" },
    });
    await ofAccount.until("its end", ({ end }) => end === "in order");

    for (const stream of [ofSession, ofAccount])
      expect(stream.of("closed").map(({ data }) => data.topic)).toEqual(["workloads", "billing"]);
  });

  test("topic by topic, with the administration that let somebody hear of it", async () => {
    const boss = await scene.customer("boss");
    const becomes = async (type: string) =>
      await scene.api.db.query("UPDATE customers SET user_type = $2 WHERE id = $1", [boss.customerId, type]);
    await becomes("admin");
    const foreign = await order(ada);
    const stream = await listen(boss, `fleet,alarms,host:host-1,env:${foreign},workloads`);

    await becomes("external");

    await stream.until("the closing", (one) => one.of("closed").length === 4);
    expect(stream.of("closed").map(({ data }) => data.topic)).toEqual([
      "fleet",
      "alarms",
      "host:host-1",
      `env:${foreign}`,
    ]);
    const heard = stream.changed.length;
    await scene.api.request("PATCH", `/api/v1/environments/${foreign}`, {
      as: ada,
      body: { name: "hidden" },
    });
    await passes(stream, boss);
    expect(stream.changed.slice(heard).filter((what) => what.includes(foreign))).toEqual([]);
  });

  test("topic by topic, with a seat that is suspended and not taken away", async () => {
    const team = await scene.api.request("POST", "/api/v1/workspaces", { as: ada, body: { name: "held" } });
    await scene.api.join(team.body.id, ada, bob, "member");
    const id = await order(ada, { workspace_id: team.body.id });
    const stream = await listen(bob, `workloads,env:${id}`);

    await scene.api.request("PATCH", `/api/v1/workspaces/${team.body.id}/members/${bob.customerId}`, {
      as: ada,
      body: { status: "suspended" },
    });

    await stream.until("the closing", (one) => one.of("closed").length > 0);
    expect(stream.of("closed").map(({ data }) => data.topic)).toEqual([`env:${id}`]);
  });

  test("topic by topic, with the role that let somebody hear of it", async () => {
    const team = await scene.api.request("POST", "/api/v1/workspaces", { as: ada, body: { name: "team" } });
    await scene.api.join(team.body.id, ada, bob, "viewer");
    const id = await order(ada, { workspace_id: team.body.id });
    const stream = await listen(bob, `workloads,env:${id}`);

    const member = `/api/v1/workspaces/${team.body.id}/members/${bob.customerId}`;
    await scene.api.request("DELETE", member, { as: ada });

    await stream.until("the closing", (one) => one.of("closed").length > 0);
    expect(stream.of("closed").map(({ data }) => data.topic)).toEqual([`env:${id}`]);
    const heard = stream.changed.length;
    await scene.api.request("PATCH", `/api/v1/environments/${id}`, { as: ada, body: { name: "secret" } });
    await passes(stream, bob);
    expect(stream.changed.slice(heard).filter((what) => what.includes(id))).toEqual([]);
    expect(stream.end).toBeNull();
  });
});

describe.concurrent("who comes again", () => {
  test("to the same server is sent what they missed", async () => {
    const [lasting, first] = await Promise.all([listen(ada, "workloads"), listen(ada, "workloads")]);
    await passes(first, ada);
    const { lastEventId } = first;
    first.leave();
    const missed = await order(ada);
    await lasting.until("the order", ({ changed }) => changed.includes(`workloads ${missed}`));

    const again = await listen(ada, "workloads", { headers: { "Last-Event-ID": lastEventId ?? "" } });

    await again.until("what was missed", ({ changed }) => changed.includes(`workloads ${missed}`));
    expect(again.of("resync")).toEqual([]);
  });

  test("to the same server, before anything was reported, is sent what they missed", async () => {
    const eve = await scene.customer("eve");
    const [lasting, first] = await Promise.all([listen(ada, "workloads"), listen(eve, "workloads")]);
    await first.until("where it begins", ({ lastEventId }) => lastEventId !== null);
    first.leave();
    const missed = await order(eve);
    // By then the server has looked at it.
    await passes(lasting, ada);

    const again = await listen(eve, "workloads", { headers: { "Last-Event-ID": first.lastEventId ?? "" } });

    await again.until("what was missed", ({ changed }) => changed.includes(`workloads ${missed}`));
    expect([first.events, again.of("resync")]).toEqual([[], []]);
  });

  test.each(["another-7", "x", "0123456789abcdef-1"])("with %j requests everything again", async (id) => {
    const stream = await listen(ada, "workloads", { headers: { "Last-Event-ID": id } });

    await stream.until("resync", (one) => one.of("resync").length > 0);
    expect(stream.events[0]?.event).toBe("resync");
  });

  test("to another server, since theirs ended in order, goes on there", async () => {
    const closing = new AbortController();
    const app = createApp({ ...scene.api.deps, closing: closing.signal });
    const other = await openServer(app, { host: "127.0.0.1", port: 0, tls: null });
    const before = await listen(ada, "workloads", { at: other });
    await passes(before, ada);

    closing.abort();
    await before.until("its end", ({ end }) => end !== null);
    await other.close();
    const after = await listen(ada, "workloads", { headers: { "Last-Event-ID": before.lastEventId ?? "" } });

    expect(before.end).toBe("in order");
    await after.until("resync", (one) => one.events[0]?.event === "resync");
    await passes(after, ada);
  });
});
