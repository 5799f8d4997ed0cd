/**
 * Values of env_vars: who reads them, and that the database alone shows none of them, whatever becomes of the workload.
 * Hosts are told them as they were given.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GIB } from "@remotegpu/shared/values/units";
import type { Answer, Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const MARKER = "m4rker-of-a-secret-value";
const VARS = { TOKEN: MARKER, EMPTY: "", CHECKS: '{"key":"0","sealed":"AAAA"}' };
const NAMES = Object.keys(VARS).sort();
const HIDDEN = Object.fromEntries(NAMES.map((name) => [name, { sealed: true }]));
const KINDS = ["environments", "training-jobs", "inference-services"] as const;
type Kind = (typeof KINDS)[number];

const WHOS = [
  "viewer",
  "otherMember",
  "wsAdminReads",
  "authorReads",
  "adminReads",
  "author",
  "wsAdmin",
  "owner",
  "admin",
] as const;
type Who = (typeof WHOS)[number];
/** Each may manage it, and has a key of scope `orders`. */
const READERS: readonly Who[] = ["author", "wsAdmin", "owner", "admin"];

let scene: ControlScene;
let host: ScriptedHost;
let who: Record<Who, Caller>;
const ids = {} as Record<Kind, string>;
/** The answers to each, and to the same with the same Idempotency-Key. */
const orders: { first: Answer; again: Answer }[] = [];

const request = async (
  method: string,
  path: string,
  as: Caller,
  body?: object,
  headers = {},
): Promise<Answer> =>
  await scene.api.request(method, `/api/v1${path}`, { as, headers, ...(body && { body }) });
const order = (kind: Kind) => ({
  name: `work-${kind}`,
  image: "server:1",
  cpu: 1,
  memory: GIB,
  env_vars: VARS,
  ...(kind === "training-jobs" && { command: "true" }),
  ...(kind === "inference-services" && { version: "v1" }),
});

/** What is told it runs, and of what is to end that it has. */
async function round(exitCode: number | null = null): Promise<void> {
  await scene.replicas();
  await scene.schedule();
  await host.heartbeat();
  await host.pull();
  await host.heartbeat();
  await host.report(
    host.desired
      .filter(({ want }) => want !== "removed")
      .map((wanted) =>
        host.observedOf(
          wanted,
          wanted.want === "stopped" || (exitCode !== null && wanted.spec.kind === "training")
            ? { phase: "stopped", exitCode: exitCode ?? 143 }
            : { phase: "ready", serving: "yes" },
        ),
      ),
  );
  await scene.workloads();
}

beforeAll(async () => {
  scene = await openControlScene();
  host = await scene.host("host-a", { cpu: 64 });
  const made = {} as Record<
    "viewer" | "otherMember" | "author" | "wsAdmin" | "owner",
    Caller & { workspaceId: number }
  >;
  for (const name of ["viewer", "otherMember", "author", "wsAdmin", "owner"] as const)
    made[name] = await scene.customer(name.toLowerCase());
  const team: number = (await request("POST", "/workspaces", made.owner, { name: "team" })).body.id;
  const roles = { viewer: "viewer", otherMember: "member", author: "member", wsAdmin: "admin" } as const;
  for (const [name, role] of Object.entries(roles))
    await scene.api.join(team, made.owner, made[name as keyof typeof roles], role);
  who = {
    ...made,
    wsAdminReads: await scene.api.key(made.wsAdmin, { scopes: ["read"] }),
    authorReads: await scene.api.key(made.author, { scopes: ["read", "money"] }),
    admin: scene.api.admin,
    adminReads: await scene.api.key(scene.api.admin, { scopes: ["read"] }),
  };
  for (const kind of KINDS) {
    const key = { "Idempotency-Key": randomUUID() };
    const options = { ...order(kind), workspace_id: team };
    const first = await request("POST", `/${kind}`, who.author, options, key);
    orders.push({ first, again: await request("POST", `/${kind}`, who.author, options, key) });
    ids[kind] = first.body.id;
  }
  await request("POST", "/webhooks", who.owner, { url: "https://example.com/hook", kinds: ["job.failed"] });
  await round();
});
afterAll(async () => await scene?.close());

test("whoever orders is answered the values, and the same again with the same key", () => {
  expect(orders.map(({ first }) => [first.status, first.body.env_vars])).toEqual(
    KINDS.map(() => [201, VARS]),
  );
  expect(orders.map(({ again }) => again.headers.get("Idempotency-Replayed"))).toEqual(
    KINDS.map(() => "true"),
  );
  expect(orders.map(({ again }) => again.body)).toEqual(orders.map(({ first }) => first.body));
});

test("hosts are sent the values as they were given, whatever they contain", () => {
  expect(host.desired.map(({ spec }) => spec.kind).sort()).toEqual(["environment", "inference", "training"]);
  for (const { spec } of host.desired) expect(spec.env).toMatchObject(VARS);
});

describe.each(KINDS)("of %s", (kind) => {
  const path = () => `/${kind}/${ids[kind]}`;

  test.each(WHOS)("%s gets what the table states of one", async (name) => {
    const { status, body } = await request("GET", path(), who[name]);

    expect(status).toBe(200);
    expect(body.env_vars).toEqual(READERS.includes(name) ? VARS : HIDDEN);
  });

  test.each(WHOS)("%s gets names alone in the list, and nothing in what reports of it", async (name) => {
    const list = await request("GET", `/${kind}`, who[name]);
    const one = list.body.items.find(({ id }: { id: string }) => id === ids[kind]);
    expect(one.env_vars).toEqual(HIDDEN);

    const reported: [string, Answer][] = [];
    for (const part of ["instances?all=true", "events", "why", "history?from=2020-01-01T00:00:00Z"])
      reported.push([part, await request("GET", `${path()}/${part}`, who[name])]);
    for (const other of ["/search?q=work", "/queue", "/billing/records"])
      reported.push([other, await request("GET", other, who[name])]);
    const showing = reported.filter(
      ([, { body, status }]) => status >= 500 || JSON.stringify(body).includes(MARKER),
    );
    expect([JSON.stringify(list.body).includes(MARKER), showing]).toEqual([false, []]);
  });

  test("an administrator's access to values is in the audit log as that, and what answers a change has none", async () => {
    await request("GET", path(), who.admin);

    const { rows } = await scene.api.db.query<{ subject: string }>(
      "SELECT subject FROM audit_log ORDER BY id DESC LIMIT 1",
    );
    expect(rows[0]?.subject).toContain(`${ids[kind]}, with values of env_vars`);
    const changed = await request("PATCH", path(), who.admin, { description: "seen" });
    expect(changed.status).toBe(200);
    expect(JSON.stringify(changed.body)).not.toContain(MARKER);
  });

  test("what stands for a hidden value is refused as a value", async () => {
    const { body } = await request("GET", path(), who.viewer);

    const copied = await request("POST", `/${kind}`, who.author, { ...order(kind), env_vars: body.env_vars });

    expect([copied.status, copied.body.errors?.[0]?.path]).toEqual([
      422,
      expect.stringMatching(/^env_vars\./),
    ]);
  });
});

describe("a browser's session", () => {
  const HERE = { Origin: "http://localhost" };
  const cookies = new Map<Who, string>();
  const by = async (name: Who, method: string, path: string, body?: object): Promise<Answer> => {
    const { key } = who[name];
    const opened =
      cookies.get(name) ??
      (await scene.api.request("POST", "/api/v1/sessions", { body: { key }, headers: HERE })).headers.get(
        "Set-Cookie",
      );
    const cookie = opened?.split(";")[0] ?? "";
    cookies.set(name, cookie);
    return await scene.api.request(method, `/api/v1${path}`, {
      headers: { ...HERE, Cookie: cookie },
      ...(body && { body }),
    });
  };
  const path = () => `/environments/${ids.environments}`;
  const checks = async () =>
    (
      await scene.api.db.query<{ username: string; role: string }>(
        `SELECT c.username, a.actor_role AS role FROM audit_log a JOIN customers c ON c.id = a.actor_customer_id
          WHERE a.subject LIKE $1 ORDER BY a.id`,
        [`%${ids.environments}, with values of env_vars`],
      )
    ).rows;

  test.each(WHOS)("%s gets names alone unless it requests values", async (name) => {
    const before = await checks();

    const { status, body } = await by(name, "GET", path());

    expect([status, body.env_vars]).toEqual([200, HIDDEN]);
    expect(await checks()).toEqual(before);
  });

  test.each(WHOS)(
    "%s that requests them gets what the table states, and each access to values is in the audit log",
    async (name) => {
      const before = await checks();

      const { body } = await by(name, "GET", `${path()}?env_vars=values`);

      const isReader = READERS.includes(name);
      expect(body.env_vars).toEqual(isReader ? VARS : HIDDEN);
      const roles = (await checks()).slice(before.length).map(({ role }) => role);
      const role = name === "admin" ? "admin" : "customer";
      expect(roles).toEqual(isReader ? [role] : []);
    },
  );

  test("gets none with what answers a change, nor in a list", async () => {
    const changed = await by("author", "PATCH", path(), { description: "seen by a browser" });
    const list = await by("author", "GET", "/environments?env_vars=values");

    expect([changed.status, changed.body.env_vars]).toEqual([200, HIDDEN]);
    expect(list.status).toBe(422);
  });
});

test("nor does an upgrade take it", async () => {
  const path = `/inference-services/${ids["inference-services"]}`;

  const upgrade = { version: "v9", env_vars: (await request("GET", path, who.viewer)).body.env_vars };

  expect((await request("POST", `${path}/upgrade`, who.author, upgrade)).status).toBe(422);
});

test("revisions show values to the same people", async () => {
  const path = `/inference-services/${ids["inference-services"]}/revisions`;
  const visible: [Who, object][] = [];
  for (const name of WHOS)
    visible.push([name, (await request("GET", path, who[name])).body.items[0].env_vars]);

  expect(visible).toEqual(WHOS.map((name) => [name, READERS.includes(name) ? VARS : HIDDEN]));
});

test("an upgrade changes one value and keeps the others; the same one again makes no revision", async () => {
  const path = `/inference-services/${ids["inference-services"]}`;
  const upgrade = { version: "v2", env_vars: { EMPTY: `${MARKER}-two`, CHECKS: null } };
  const revisions = async () => (await request("GET", `${path}/revisions`, who.author)).body.items;

  expect((await request("POST", `${path}/upgrade`, who.author, upgrade)).status).toBe(202);
  expect(await revisions()).toMatchObject([
    { version: "v2", env_vars: { TOKEN: MARKER, EMPTY: `${MARKER}-two` } },
    { version: "v1", env_vars: VARS },
  ]);
  expect((await request("POST", `${path}/upgrade`, who.author, upgrade)).status).toBe(202);

  expect(await revisions()).toHaveLength(2);
});

test("the database alone shows none of them, after starts, ends, restarts, retries, upgrades and messages", async () => {
  await round(1);
  const retried = await request("POST", `/training-jobs/${ids["training-jobs"]}/retry`, who.author);
  expect(retried).toMatchObject({ status: 200, body: { attempt: 2, env_vars: VARS } });
  expect((await request("POST", `/environments/${ids.environments}/restart`, who.author)).status).toBe(202);
  await round();
  await request("PATCH", `/environments/${ids.environments}`, who.author, { jupyter_enabled: false });
  for (let nth = 0; nth < 2; nth += 1) await round();
  const attempts = host.desired.filter(
    ({ spec }) => spec.kind === "training" && spec.env["REMOTEGPU_ATTEMPT"] === "2",
  );
  expect(attempts.map(({ spec }) => spec.env["TOKEN"])).toEqual([MARKER]);

  expect(await tablesWith(MARKER)).toEqual([]);
});

/** Every table of which a row has the text, as it is, as its bytes, or in base64 from its beginning. */
async function tablesWith(text: string): Promise<string[]> {
  const { rows: tables } = await scene.api.db.query<{ name: string }>(
    "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1",
  );
  const bytes = Buffer.from(text);
  const forms = [text, bytes.toString("hex"), bytes.toString("base64").slice(0, -4)].map(
    (form) => `%${form}%`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await scene.api.db.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${name} t WHERE t::text LIKE ANY($1::text[])`,
      [forms],
    );
    if ((rows[0]?.count ?? 0) > 0) found.push(name);
  }
  // It looks into what there is.
  expect(tables.length).toBeGreaterThan(50);
  return found;
}
