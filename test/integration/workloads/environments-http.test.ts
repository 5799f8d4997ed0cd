import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import type { ApiApp } from "@remotegpu/control-plane/server/http/deps";
import type { ExecReply, ExecRequest } from "@remotegpu/shared/messages/protocol";
import { GIB } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";
import { quietLog } from "../../support/quiet-log.ts";
import {
  type Watch,
  watchedDatabase,
  type WatchedStatement,
} from "../../support/engines/watched-database.ts";

type Customer = Caller & { workspaceId: number; uuid: string };

let scene: ControlScene;
let host: ScriptedHost;
/** By how they stand to alice's team workspace. */
const people = {} as Record<"owner" | "admin" | "member" | "viewer" | "stranger", Customer>;
let teamId: number;
let alice: Customer;

beforeAll(async () => {
  scene = await openControlScene();
  host = await scene.host("host-a", { gpus: 1, cpu: 64 });
  for (const role of ["owner", "admin", "member", "viewer", "stranger"] as const)
    people[role] = await scene.customer(`the-${role}`);
  alice = people.owner;
  teamId = (await scene.api.request("POST", "/api/v1/workspaces", { as: alice, body: { name: "team" } })).body
    .id;
  for (const role of ["admin", "member", "viewer"] as const)
    await scene.api.join(teamId, alice, people[role], role);
});
// A host that is not heard for a while is given nothing, and a busy machine takes a while.
beforeEach(async () => void (await host.heartbeat()));
afterAll(async () => await scene.close());

const request = async (method: string, path: string, as: Caller, body?: unknown) =>
  await scene.api.request(method, `/api/v1/environments${path}`, { as, ...(body !== undefined && { body }) });

const manyLabels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${at}`, "x"]));

/** With an Idempotency-Key. */
const send = async (
  app: ApiApp,
  key: string,
  body: object,
  path = "/api/v1/environments",
  signal?: AbortSignal,
) =>
  await app.request(path, {
    method: "POST",
    ...(signal && { signal }),
    headers: {
      Authorization: `Bearer ${alice.key}`,
      "Content-Type": "application/json",
      "Idempotency-Key": key,
    },
    body: JSON.stringify(body),
  });

describe("what may be mounted", () => {
  const dataOf = async (as: Caller, kind: "datasets" | "models", body: object): Promise<number> =>
    (await scene.api.request("POST", `/api/v1/${kind}`, { as, body: { name: "data", ...body } })).body.id;
  const filled = async (as: Caller, kind: "datasets" | "models", body: object): Promise<number> => {
    const id = await dataOf(as, kind, body);
    await scene.api.request("PATCH", `/api/v1/${kind}/${id}`, {
      as: scene.api.admin,
      body: { status: "ready" },
    });
    return id;
  };

  // The whole table is that of data-rights.ts; here its inputs come from rows.
  test.each([
    ["another member's, private", "owner", { visibility: "private" }, 404],
    ["another member's, for the workspace", "owner", { visibility: "workspace" }, 201],
    ["a stranger's, for the stranger's workspace", "stranger", { visibility: "workspace" }, 404],
  ] as const)("%s", async (_what, owner, change, status) => {
    const inTeam = owner !== "stranger" && change.visibility === "workspace";
    const workspace = inTeam ? { workspace_id: teamId } : { workspace_id: people[owner].workspaceId };
    for (const kind of ["datasets", "models"] as const) {
      const id = await filled(people[owner], kind, { ...change, ...workspace });

      const answer = await scene.order(people.member, {
        workspace_id: teamId,
        [`mounted_${kind}`]: [{ id }],
      });

      expect(answer.status).toBe(status);
      if (answer.body.id !== undefined) await request("DELETE", `/${answer.body.id}`, people.member);
    }
  });

  test.each([
    ["datasets", "mounted_datasets", "dataset"],
    ["models", "mounted_models", "model"],
  ] as const)(
    "of %s what nobody has filled is refused, and the refusal states what to do",
    async (kind, field, named) => {
      const id = await dataOf(alice, kind, {});
      const order = async () => await scene.order(alice, { [field]: [{ id }] });
      const mark = async (as: Caller, status: string) =>
        await scene.api.request("PATCH", `/api/v1/${kind}/${id}`, { as, body: { status } });

      const empty = await order();
      const byItsOwner = await mark(alice, "ready");
      await mark(scene.api.admin, "error");
      const broken = await order();
      await mark(scene.api.admin, "ready");
      const taken = await order();

      expect(empty).toMatchObject({
        status: 409,
        body: {
          detail: `The ${named} ${id} is uploading: nobody has filled it yet. An administrator puts its files into the folder that its storage_path names, and then marks it ready.`,
        },
      });
      expect(byItsOwner).toMatchObject({ status: 403, body: { errors: [{ path: "status" }] } });
      expect(broken).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining("status error") },
      });
      expect(taken.status).toBe(201);
      await request("DELETE", `/${taken.body.id}`, alice);
    },
  );

  test("what is not there is answered like what is forbidden", async () => {
    const hidden = await dataOf(people.stranger, "datasets", { visibility: "private" });

    const forbidden = await scene.order(alice, { mounted_datasets: [{ id: hidden }] });
    const missing = await scene.order(alice, { mounted_datasets: [{ id: 999_999 }] });

    expect(forbidden.status).toBe(404);
    expect(forbidden.body.detail.replace(String(hidden), "N")).toBe(
      missing.body.detail.replace("999999", "N"),
    );
  });

  test("the first model is also at /gemini/pretrain, and the desired set carries where the files are", async () => {
    const dataset = await filled(alice, "datasets", {});
    const model = await filled(alice, "models", {});
    const { id } = (
      await scene.order(alice, { mounted_datasets: [{ id: dataset }], mounted_models: [{ id: model }] })
    ).body;
    await scene.schedule();

    const [desired] = await host.pull();

    expect(desired?.spec.mounts.map(({ source, target }) => [source, target])).toEqual([
      [`${alice.uuid}/datasets/${dataset}`, "/gemini/data-1"],
      [`${alice.uuid}/models/${model}`, "/gemini/pretrain1"],
      [`${alice.uuid}/models/${model}`, "/gemini/pretrain"],
    ]);
    await request("DELETE", `/${id}`, alice);
    await host.round();
  });
});

test("what its runs were charged is listed to a key with money, and to no other, wherever instances are", async () => {
  const { id } = (await scene.order(alice, {})).body;
  await scene.schedule();
  await host.round();
  const narrow = await scene.api.key(alice, { scopes: ["read", "orders"] });
  const charged = async (as: Caller) => {
    const [one, all, instances] = [
      (await request("GET", `/${id}`, as)).body,
      (await request("GET", "?limit=200", as)).body.items.find((each: { id: string }) => each.id === id),
      (await request("GET", `/${id}/instances`, as)).body.items,
    ];
    return [one.instances, all.instances, instances].map(([{ runs }]) => runs[0].charged);
  };

  expect(await charged(alice)).toEqual(Array(3).fill("0.0000"));
  expect(await charged(narrow)).toEqual(Array(3).fill(null));
  await request("DELETE", `/${id}`, alice);
  await host.round();
});

describe("bad orders", () => {
  test.each<[string, object]>([
    ["memory", { memory: 1e30 }],
    ["gpu_memory", { gpu_memory: GIB }],
    ["gpu_memory", { gpu: 1, config: { gpu_sharing: "shared" } }],
    ["gpu", { gpu: 2, gpu_memory: GIB, config: { gpu_sharing: "shared" } }],
    ["env_vars.LD_PRELOAD", { env_vars: { LD_PRELOAD: "x" } }],
    ["env_vars.A", { env_vars: { A: "\u0000" } }],
    ["mounted_datasets.1.id", { mounted_datasets: [{ id: 1 }, { id: 1 }] }],
    ["mounted_datasets.0.path", { mounted_datasets: [{ id: 1, path: "/etc" }] }],
    ["mounted_models.0.readonly", { mounted_models: [{ id: 1, readonly: false }] }],
    ["config.spec", { config: { spec: "nobody-priced-this" } }],
    ["config.host_labels", { config: { host_labels: manyLabels(17) } }],
    ['config.host_labels.""', { config: { host_labels: { "": "x" } } }],
    ["config.host_labels.-rack", { config: { host_labels: { "-rack": "x" } } }],
    ["config.host_labels.a b", { config: { host_labels: { "a b": "x" } } }],
    [`config.host_labels.${"k".repeat(64)}`, { config: { host_labels: { ["k".repeat(64)]: "x" } } }],
  ])("%s: %j", async (path, change) => {
    const answer = await scene.order(alice, change);

    expect([400, 422]).toContain(answer.status);
    expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  test("labels of hosts at their bounds are no fault", async () => {
    const labels = { ...manyLabels(15), ["k".repeat(63)]: "v".repeat(63) };

    await scene.api.db.query("UPDATE hosts SET labels = $1", [JSON.stringify(labels)]);

    const answer = await scene.order(alice, { config: { host_labels: labels } });

    expect(answer).toMatchObject({ status: 201, body: { config: { host_labels: labels } } });
    await request("DELETE", `/${answer.body.id}`, alice);
  });

  describe("by price or by what a spec includes", () => {
    beforeAll(async () => {
      await scene.api.db.query(
        `INSERT INTO specs (spec, shape) VALUES ('small', $1), ('half-priced', NULL), ('shapeless', NULL)`,
        [JSON.stringify({ cpu: 1, memory: GIB, gpu: 1, gpu_model: "NVIDIA L4", gpu_memory: 8 * GIB })],
      );
      await scene.api.db.query(
        `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from)
         VALUES ('small', 'spec', '1', 'hour', '2020-01-01Z'), ('shapeless', 'spec', '1', 'hour', '2020-01-01Z'),
                ('half-priced', 'cpu', '1', 'hour', '2020-01-01Z'), ('half-priced', 'memory', '1', 'hour', '2020-01-01Z')`,
      );
    });

    test.each<[string, string, { config?: object; [field: string]: unknown }]>([
      ["config.spec", "shapeless", {}],
      ["gpu", "half-priced", { gpu: 1 }],
      ["temp_storage", "half-priced", { temp_storage: GIB }],
      ["cpu", "small", { cpu: 2 }],
      ["memory", "small", { memory: 2 * GIB }],
      ["gpu", "small", { gpu: 2 }],
      ["gpu_memory", "small", { gpu: 1, gpu_memory: 9 * GIB }],
      ["temp_storage", "small", { temp_storage: 1 }],
      ["config.gpu_model", "small", { gpu: 1, config: { gpu_model: "NVIDIA H100" } }],
    ])("%s, under the spec %s: %j", async (path, spec, change) => {
      const answer = await scene.order(alice, { ...change, config: { spec, ...change.config } });

      expect(answer.status).toBe(422);
      expect(answer.body.errors.map((error: { path: string }) => error.path)).toEqual([path]);
    });
  });

  test("nothing of them was written down", async () => {
    const { rows } = await scene.api.db.query("SELECT count(*) FROM environments WHERE deleted_at IS NULL");

    expect(rows).toEqual([{ count: 0 }]);
  });
});

test("a workspace that is not there is not found", async () => {
  expect((await scene.order(alice, { workspace_id: 999_999 })).status).toBe(404);
});

describe("lists", () => {
  test("are newest first, paged without gaps, and filtered", async () => {
    const ids: string[] = [];
    for (const name of ["one", "two", "three"]) ids.push((await scene.order(alice, { name })).body.id);

    const first = await request("GET", "?limit=2", alice);
    const second = await request("GET", `?limit=2&cursor=${first.body.next_cursor}`, alice);

    const seen = [...first.body.items, ...second.body.items].map(({ id }) => id);
    expect(seen).toEqual([...ids].reverse());
    expect(second.body.next_cursor).toBeNull();
    const found = await request("GET", "?name=two&status=queued", alice);
    expect(found.body.items.map(({ name }: { name: string }) => name)).toEqual(["two"]);
    expect((await request("GET", `?workspace_id=${teamId}`, alice)).body.items).toEqual([]);
    expect((await request("GET", "", people.stranger)).body.items).toEqual([]);
    expect(
      (await request("GET", `?customer_id=${alice.customerId}`, scene.api.admin)).body.items,
    ).toHaveLength(3);
    for (const id of ids) await request("DELETE", `/${id}`, alice);
  });
});

test.each([
  [{ memory: -5 }, "memory", /16777216/],
  [{ memory: undefined }, "memory", /^is missing$/],
  [{ temp_storage: 1 }, "temp_storage", /1048576/],
])("%j is one fault and one message", async (wrong, path, message) => {
  const order = { name: "e", image: "busybox", cpu: 1, memory: 2 ** 30, ...wrong };

  const answer = await request("POST", "", alice, order);

  expect(answer).toMatchObject({
    status: 422,
    body: { errors: [{ path, message: expect.stringMatching(message) }] },
  });
  expect(answer.body.errors).toHaveLength(1);
});

test("a list of too many items is refused with the bounds", async () => {
  const answer = await request("GET", "?limit=201", alice);

  expect(answer).toMatchObject({
    status: 422,
    body: { errors: [{ path: "limit", message: "must be a whole number from 1 to 200" }] },
  });
});

describe("a command in an environment", () => {
  let requested: ExecRequest[] = [];
  const answerWith = (reply: ExecReply | null) => {
    requested = [];
    scene.api.deps.link.exec = async (_host, request) => {
      requested.push(request);
      return await Promise.resolve(reply);
    };
  };
  const base64 = (text: string) => Buffer.from(text).toString("base64");

  test("runs where the environment runs, and answers what it printed", async () => {
    const { id } = (await scene.order(alice)).body;
    answerWith(null);
    expect((await request("POST", `/${id}/exec`, alice, { argv: ["id"] })).status).toBe(409);
    await scene.schedule();
    const [desired] = await host.round();

    answerWith({ kind: "exec-reply", exitCode: 3, stdout: base64("hällo\n"), stderr: "", truncated: false });
    const answer = await request("POST", `/${id}/exec`, alice, {
      argv: ["sh", "-c", "echo $0"],
      stdin: "in",
    });

    expect(answer).toMatchObject({ status: 200, body: { exit_code: 3, stdout: "hällo\n", stderr: "" } });
    expect(requested).toEqual([
      {
        kind: "exec",
        instanceId: desired?.instanceId,
        argv: ["sh", "-c", "echo $0"],
        stdin: base64("in"),
        timeoutSeconds: 60,
      },
    ]);
    const { rows } = await scene.api.db.query(
      "SELECT outcome, before, after FROM audit_log WHERE request_id = $1",
      [answer.headers.get("X-Request-Id")],
    );
    // Neither arguments nor output: both may hold what is secret.
    expect(rows).toEqual([{ outcome: "done", before: null, after: { program: "sh", arguments: 2 } }]);
  });

  test("carries bytes as base64 in both directions when requested", async () => {
    const id = (await request("GET", "?status=running", alice)).body.items[0].id;
    const bytes = Buffer.from([0, 255, 254, 10, 128]).toString("base64");
    answerWith({ kind: "exec-reply", exitCode: 0, stdout: bytes, stderr: bytes, truncated: true });

    const order = { argv: ["cat"], stdin: bytes, encoding: "base64" };
    const answer = await request("POST", `/${id}/exec`, alice, order);

    expect(answer).toMatchObject({
      status: 200,
      body: { stdout: bytes, stderr: bytes, encoding: "base64", truncated: true },
    });
    expect(requested).toMatchObject([{ stdin: bytes }]);
  });

  test.each([
    ["text", "x".repeat(512 * 1024), 200],
    ["text", `ü${"x".repeat(512 * 1024 - 1)}`, 422],
    ["base64", Buffer.alloc(512 * 1024).toString("base64"), 200],
    ["base64", Buffer.alloc(512 * 1024 + 1).toString("base64"), 422],
    ["base64", "no base64!", 422],
  ])("takes up to 512 KiB of input: as %s", async (encoding, stdin, status) => {
    const id = (await request("GET", "?status=running", alice)).body.items[0].id;
    answerWith({ kind: "exec-reply", exitCode: 0, stdout: "", stderr: "", truncated: false });

    const answer = await request("POST", `/${id}/exec`, alice, { argv: ["cat"], stdin, encoding });

    expect(answer.status).toBe(status);
  });

  test.each([
    [null, 503],
    ["no-such-instance", 409],
    ["not-running", 409],
    ["timeout", 504],
    ["busy", 429],
    ["bad-request", 422],
    ["runtime-error", 503],
  ] as const)("the host's %s is %i", async (reason, status) => {
    const id = (await request("GET", "?status=running", alice)).body.items[0].id;
    answerWith(reason === null ? null : { kind: "exec-refused", reason, detail: "said the host" });

    expect((await request("POST", `/${id}/exec`, alice, { argv: ["true"] })).status).toBe(status);
  });

  test("that was killed at its deadline leaves what it had printed", async () => {
    const id = (await request("GET", "?status=running", alice)).body.items[0].id;
    const printed = { stdout: base64("half\n"), stderr: base64("why\n"), truncated: false };
    answerWith({ kind: "exec-refused", reason: "timeout", detail: "It did not end in 60 s.", printed });

    const answer = await request("POST", `/${id}/exec`, alice, { argv: ["make"] });

    expect(answer).toMatchObject({
      status: 504,
      body: { printed: { stdout: "half\n", stderr: "why\n", encoding: "text", truncated: false } },
    });
  });

  describe("that cannot arrive is refused at once, with the reason", () => {
    const answer = async () => {
      const id = (await request("GET", "?status=running", alice)).body.items[0].id;
      answerWith(null);
      return await request("POST", `/${id}/exec`, alice, { argv: ["true"] });
    };
    const refusal = (detail: string) => ({ status: 503, body: { detail: expect.stringContaining(detail) } });

    test("while NATS is away", async () => {
      scene.api.deps.link.isConnected = () => false;
      onTestFinished(() => void (scene.api.deps.link.isConnected = () => true));

      expect(await answer()).toMatchObject(refusal("NATS is not connected"));
      expect(requested).toEqual([]);
    });

    test.each(["suspect", "unreachable"])("while its host is %s", async (connection) => {
      const set = "UPDATE hosts SET connection = $1, last_heartbeat = '2026-01-02T03:04:05Z' WHERE id = $2";
      await scene.api.db.query(set, [connection, host.id]);
      onTestFinished(async () => void (await scene.api.db.query(set, ["connected", host.id])));

      expect(await answer()).toMatchObject(refusal("is unreachable since 2026-01-02T03:04:05.000Z"));
      expect(requested).toEqual([]);
    });
  });

  test("with an argument that no process can have is refused", async () => {
    const id = (await request("GET", "?status=running", alice)).body.items[0].id;

    expect((await request("POST", `/${id}/exec`, alice, { argv: ["\u0000"] })).status).toBe(422);
  });
});

describe("an order with an Idempotency-Key", () => {
  const orderOf = (name: string) => ({ name, image: "busybox:1", cpu: 1, memory: GIB, gpu: 0 });
  const named = async (name: string) =>
    (await scene.api.db.query<{ id: string }>("SELECT id FROM environments WHERE name = $1", [name])).rows;
  /** Another server on the same database, of one connection. */
  const serverWith = (watch: Watch) => {
    const { connectionString = "" } = scene.api.db.pool.options;
    const db = watchedDatabase(connectionString, watch, "application");
    onTestFinished(() => db.close());
    return createApp({ ...scene.api.deps, db, log: quietLog });
  };
  const tidy = async (name: string) => {
    for (const { id } of await named(name)) await request("DELETE", `/${id}`, alice);
  };

  test.each(["before", "after"] as const)(
    "whose connection dies %s any statement is there once, and answered to the same key soon",
    async (when) => {
      let dyingAt = 0;
      // Of one request: where the order dies, what tells the audit log so comes behind it.
      let statements = 0;
      const server = serverWith({
        [when]({ tear }: WatchedStatement) {
          statements += 1;
          if (statements === dyingAt) tear();
        },
      });
      const orderBy = async (app: ApiApp, name: string) => {
        const answer = await send(app, name, orderOf(name));
        return { status: answer.status, id: ((await answer.json()) as { id?: string }).id };
      };
      const tries = [];
      do {
        dyingAt += 1;
        statements = 0;
        const name = `dies-${when}-${dyingAt}`;
        const first = await orderBy(server, name);
        // Until the database has noticed that nobody is there any more, the key is held.
        const again = await eventually(
          async () => {
            const answer = await orderBy(scene.api.app, name);
            return answer.status !== 409 && answer;
          },
          { withinMs: 10_000, what: "an answer to the same key" },
        );
        const oncemore = await orderBy(scene.api.app, name);
        tries.push({ first, again, oncemore, made: await named(name) });
        await tidy(name);
      } while (statements >= dyingAt);

      // BEGIN with its limits, the hold of the key, the checks, the rows, the answer, the audit log's row, COMMIT.
      expect(tries.filter(({ first }) => first.status === 503).length).toBeGreaterThan(8);
      expect(tries.at(-1)?.first.status).toBe(201);
      for (const { again, oncemore, made } of tries) {
        expect(made).toEqual([{ id: again.id }]);
        expect([again.status, oncemore]).toEqual([201, again]);
      }
    },
  );

  test("and another one at the same time, on whatever server, are one order", async () => {
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let limits = "";
    const server = serverWith({
      async before({ text }) {
        if (text.includes("idle_in_transaction_session_timeout")) limits = text;
        if (text !== "COMMIT") return;
        reached.resolve();
        await held.promise;
      },
    });

    const first = send(server, "at-once", orderOf("at-once"));
    await reached.promise;
    const second = await send(scene.api.app, "at-once", orderOf("at-once"));
    held.resolve();

    expect([second.status, (await first).status]).toEqual([409, 201]);
    const third = await send(scene.api.app, "at-once", orderOf("at-once"));
    expect(third.headers.get("Idempotency-Replayed")).toBe("true");
    expect((await send(scene.api.app, "at-once", orderOf("another"))).status).toBe(422);
    expect(await named("at-once")).toHaveLength(1);
    // A server whose machine lost its power never says that it is gone.
    expect(limits).toContain("= 8000");
    await tidy("at-once");
  });

  test("many times in one moment, among others, is there once", async () => {
    const names = ["many-1", "many", "many", "many", "many-2"];

    const answers = await Promise.all(names.map((name) => send(scene.api.app, name, orderOf(name))));

    const statuses = answers.map(({ status }) => status);
    expect([statuses[0], statuses[4]]).toEqual([201, 201]);
    expect(statuses.slice(1, 4).filter((status) => status !== 201 && status !== 409)).toEqual([]);
    for (const name of ["many-1", "many", "many-2"]) {
      expect(await named(name)).toHaveLength(1);
      await tidy(name);
    }
  });

  test("a start whose commit came through without an answer is answered to the same key", async () => {
    const { id } = (await scene.order(alice)).body;
    await request("POST", `/${id}/stop`, alice);
    const server = serverWith({
      after({ text }) {
        if (text === "COMMIT") throw new Error("the answer was lost");
      },
    });
    const path = `/api/v1/environments/${id}/start`;

    const first = await send(server, "start", {}, path);
    const again = await send(scene.api.app, "start", {}, path);

    expect([first.status, again.status]).toEqual([503, 202]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    await request("DELETE", `/${id}`, alice);
  });

  test("a command whose client left is ended, and the same key runs it again at once", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.round();
    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
    const path = `/api/v1/environments/${id}/exec`;
    const done: ExecReply = { kind: "exec-reply", exitCode: 0, stdout: "", stderr: "", truncated: false };
    const leaving = new AbortController();
    const begun = Promise.withResolvers<void>();
    scene.api.deps.link.exec = async (_host, _request, signal) => {
      begun.resolve();
      if (leaving.signal.aborted) return done;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { kind: "exec-refused", reason: "given-up", detail: "It was killed." };
    };

    const left = send(scene.api.app, "left", { argv: ["id"] }, path, leaving.signal);
    await begun.promise;
    leaving.abort();
    expect((await left).status).toBe(409);

    expect((await send(scene.api.app, "left", { argv: ["id"] }, path)).status).toBe(200);
    await request("DELETE", `/${id}`, alice);
  });

  const exited = (exitCode: number): ExecReply => ({
    kind: "exec-reply",
    exitCode,
    stdout: "",
    stderr: "",
    truncated: false,
  });

  test("a command that may have been sent is not run again under the same key until its time is over", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.round();
    const refused = (reason: Refusal) => ({
      kind: "exec-refused" as const,
      reason,
      detail: "as the host says",
    });
    type Refusal = Extract<ExecReply, { kind: "exec-refused" }>["reason"];
    const statusesAfter = async (first: ExecReply | null, key: string) => {
      let runs = 0;
      scene.api.deps.link.exec = async () => await Promise.resolve((runs += 1) === 1 ? first : exited(0));
      const run = async () =>
        (await send(scene.api.app, key, { argv: ["id"] }, `/api/v1/environments/${id}/exec`)).status;
      const statuses = [await run(), await run(), runs];
      scene.api.passMinutes(2);
      return [...statuses, await run(), runs];
    };

    expect(await statusesAfter(null, "no-reply")).toEqual([503, 409, 1, 200, 2]);
    expect(await statusesAfter(refused("timeout"), "too-long")).toEqual([504, 409, 1, 200, 2]);
    expect(await statusesAfter(refused("runtime-error"), "trouble")).toEqual([503, 409, 1, 200, 2]);
    expect(await statusesAfter(refused("not-running"), "gone-meanwhile")).toEqual([409, 409, 1, 200, 2]);
    // What the host itself refused, it did not begin.
    expect(await statusesAfter(refused("busy"), "busy")).toEqual([429, 200, 2, 200, 2]);
    expect(await statusesAfter(refused("bad-request"), "bad")).toEqual([422, 200, 2, 200, 2]);
    expect(await statusesAfter(refused("no-such-instance"), "none")).toEqual([409, 200, 2, 200, 2]);
    await request("DELETE", `/${id}`, alice);
  });

  test("that a server of an earlier version claimed and never answered is taken once that claim is old", async () => {
    const claimed = async (secondsAgo: number) =>
      await scene.api.db.query(
        `UPDATE idempotency_keys SET state = 'in_progress', response_status = NULL, response_body = NULL,
                created_at = $1::timestamptz - make_interval(secs => $2) WHERE key = 'old-claim'`,
        [scene.api.deps.now(), secondsAgo],
      );
    await send(scene.api.app, "old-claim", orderOf("old-claim"));
    await tidy("old-claim");

    await claimed(60);
    const early = await send(scene.api.app, "old-claim", orderOf("old-claim"));
    await claimed(180);
    const taken = await send(scene.api.app, "old-claim", orderOf("old-claim"));
    const again = await send(scene.api.app, "old-claim", orderOf("old-claim"));

    expect([early.status, taken.status, again.status]).toEqual([409, 201, 201]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    // The first one's, which is deleted, and the one that was taken.
    expect(await named("old-claim")).toHaveLength(2);
    await tidy("old-claim");
  });

  test("a command whose request died is run again under the same key once its time is over, and not before", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.round();
    expect(await scene.get(alice, id)).toMatchObject({ status: "running" });
    const path = `/api/v1/environments/${id}/exec`;
    const begun = Promise.withResolvers<void>();
    const late = Promise.withResolvers<ExecReply>();
    let runs = 0;
    scene.api.deps.link.exec = async () => {
      runs += 1;
      begun.resolve();
      return await (runs === 1 ? late.promise : Promise.resolve(exited(7)));
    };

    const dead = send(scene.api.app, "once", { argv: ["id"] }, path);
    await begun.promise;
    expect((await send(scene.api.app, "once", { argv: ["id"] }, path)).status).toBe(409);
    scene.api.passMinutes(2);
    expect((await send(scene.api.app, "once", { argv: ["other"] }, path)).status).toBe(422);
    const again = await send(scene.api.app, "once", { argv: ["id"] }, path);
    late.resolve(exited(3));
    expect(await (await dead).json()).toMatchObject({ exit_code: 3 });

    expect(await again.json()).toMatchObject({ exit_code: 7 });
    const replayed = await send(scene.api.app, "once", { argv: ["id"] }, path);
    expect(await replayed.json()).toMatchObject({ exit_code: 7 });
    expect(runs).toBe(2);
    await request("DELETE", `/${id}`, alice);
  });
});
