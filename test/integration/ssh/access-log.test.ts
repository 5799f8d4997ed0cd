/** Who is and was in environments, as hosts tell it and as their people see it; the hosts are the test's. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_STORED_OF_ENVIRONMENT } from "@remotegpu/control-plane/server/store/environments/access/access-log";
import { takeAccess } from "@remotegpu/control-plane/server/store/environments/access/access-reports";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import type { Transaction } from "@remotegpu/control-plane/server/store/database/database";
import {
  type AccessReport,
  type AccessSession,
  MAX_ATTEMPTS,
  MAX_SESSIONS,
} from "@remotegpu/shared/instance/ssh-access";
import { type Answer, type Caller, problem } from "../../support/http/api.ts";
import { attemptsOn, byKey, sessionOn } from "../../support/samples/reports/access-report.ts";
import { aPublicKey, fingerprintOf } from "../../support/samples/ssh-keys.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const NOBODYS = fingerprintOf(aPublicKey());

let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;
let other: ScriptedHost;
let id: string;

const ending = new AsyncDisposableStack();
beforeAll(async () => {
  scene = ending.adopt(await openControlScene(), (one) => one.close());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, ssh: true, cpu: 64 });
  other = await scene.host("host-b", { leases: true, ssh: true });
  await request(scene.api.admin, "POST", "/hosts/host-b/cordon");
});
afterAll(() => ending.disposeAsync());
beforeEach(async () => {
  id = await running();
});

const request = async (as: Caller, method: string, path: string, body?: object): Promise<Answer> =>
  await scene.api.request(method, `/api/v1${path}`, {
    as,
    ...(method !== "GET" && method !== "DELETE" && { body: body ?? {} }),
  });
const sessions = async (of = id, as: Caller = alice) =>
  (await request(as, "GET", `/environments/${of}/sessions`)).body.items;
const log = async (query = "", as: Caller = alice) =>
  (await request(as, "GET", `/environments/${id}/access-log${query}`)).body.items;
const alarms = async () =>
  await sql(
    "SELECT subject, detail FROM alarms WHERE kind = 'access-disbelieved' AND cleared_at IS NULL ORDER BY subject",
  );
const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;

async function running(): Promise<string> {
  const made = (await scene.order(alice, { workspace_id: alice.workspaceId })).body.id;
  await host.heartbeat();
  await scene.schedule();
  await host.round();
  return made;
}

/** The host reports all that it runs, with this book. */
async function report(book: Partial<AccessReport>, by = host): Promise<void> {
  await by.heartbeat();
  by.access = { sessions: [], attempts: [], isWhole: false, ...book };
  await by.round();
  by.access = null;
}

/** How many a book with these sessions, which are new, takes; nothing of it stays. */
async function statements(reported: AccessSession[]): Promise<number> {
  let requested = 0;
  const access = {
    sessions: reported.map((one) => ({ ...one, login: byKey(NOBODYS) })),
    attempts: [],
    isWhole: true,
  };
  const undone = new Error("taken back");
  const merged = transaction(scene.api.deps.db, async (sql) => {
    const query: Transaction["query"] = async (text, values) => {
      requested += 1;
      return await sql.query(text, values);
    };
    await takeAccess({ ...sql, query, change: query }, { hostId: host.id, access, now: new Date() });
    throw undone;
  });
  await expect(merged).rejects.toBe(undone);
  return requested;
}

async function addKey(as: Caller, name = "laptop"): Promise<{ id: number; fingerprint: string }> {
  const line = aPublicKey();
  const made = await request(as, "POST", "/ssh-keys", { name, public_key: line });
  expect(made.body.fingerprint).toBe(fingerprintOf(line));
  return made.body;
}

const left = (by: "client" | "cut" | "container" = "client"): AccessSession["ended"] => ({
  at: new Date().toISOString(),
  by,
  detail: "It left.",
});

describe("an open session", () => {
  test("is listed with address, bytes and whose key the container reported, and follows what its host reports", async () => {
    const key = await addKey(alice);
    const reported = sessionOn(host, id, { login: byKey(key.fingerprint) });

    await report({ sessions: [reported] });
    await report({ sessions: [{ ...reported, bytesOut: 9000 }] });

    expect(await sessions()).toEqual([
      {
        id: expect.any(Number),
        host_id: "host-a",
        service_type: "ssh",
        client_address: "198.51.100.4",
        opened_at: expect.any(String),
        bytes_in: 1024,
        bytes_out: 9000,
        login: {
          method: "publickey",
          at: expect.any(String),
          key_fingerprint: key.fingerprint,
          customer_id: alice.customerId,
          username: "alice",
          key_name: "laptop",
          ticket_id: null,
          told_by: "container",
        },
        told_at: expect.any(String),
        cut_at: null,
        ended_at: null,
      },
    ]);
    await report({ sessions: [{ ...reported, ended: left() }] });
    expect(await sessions()).toEqual([]);
    expect(await log()).toMatchObject([{ kind: "session", outcome: "client", detail: "It left." }]);
  });

  test("is still known as of its key's owner when the key is gone; to others without the key's name", async () => {
    const key = await addKey(alice);
    await report({ sessions: [sessionOn(host, id, { login: byKey(key.fingerprint) })] });

    await request(alice, "DELETE", `/ssh-keys/${key.id}`);

    expect((await sessions())[0].login).toMatchObject({ username: "alice", key_name: "laptop" });
    expect((await sessions(id, scene.api.admin))[0].login).toMatchObject({
      username: "alice",
      key_name: null,
    });
  });

  test("with a key of nobody who may enter is nobody's, whoever has that key elsewhere", async () => {
    const stranger = await scene.customer("stranger");
    const key = await addKey(stranger);

    await report({
      sessions: [
        sessionOn(host, id, { login: byKey(key.fingerprint) }),
        sessionOn(host, id, { login: byKey(fingerprintOf(aPublicKey())) }),
        sessionOn(host, id, { login: { method: "password", fingerprint: null, at: "" } }),
        sessionOn(host, id),
      ],
    });

    const visible = await sessions();
    expect(visible).toHaveLength(4);
    expect(visible.map(({ login }: { login: object | null }) => login)).toEqual([
      null,
      expect.objectContaining({ method: "password", key_fingerprint: null, customer_id: null }),
      expect.objectContaining({ customer_id: null, username: null }),
      expect.objectContaining({ key_fingerprint: key.fingerprint, customer_id: null, username: null }),
    ]);
  });

  test("that a whole book lacks has ended unheard, until its host knows better", async () => {
    const [gone, stays] = [sessionOn(host, id), sessionOn(host, id)];
    await report({ sessions: [gone, stays] });

    await report({ sessions: [stays] });
    expect(await sessions()).toHaveLength(2);
    await report({ sessions: [stays], isWhole: true });

    expect(await sessions()).toHaveLength(1);
    expect(await log()).toMatchObject([
      { outcome: null },
      { outcome: "unheard", detail: "Its host does not know it any more." },
    ]);
    await report({ sessions: [{ ...gone, ended: left("container") }] });
    expect((await log()).map(({ outcome }: { outcome: string }) => outcome)).toEqual([null, "container"]);
  });

  test("ends with its container, whether its host reports it or not", async () => {
    await report({ sessions: [sessionOn(host, id)] });

    await request(alice, "POST", `/environments/${id}/stop`);
    const stopped = host.desired.find(({ spec }) => spec.workloadId === id)!;
    await host.pull();
    await host.heartbeat();
    await host.report(
      host.desired
        .filter(({ want }) => want !== "removed")
        .map((wanted) =>
          host.observedOf(wanted, {
            phase: wanted.instanceId === stopped.instanceId ? "stopped" : "ready",
          }),
        ),
    );

    expect(await sessions()).toEqual([]);
    expect(await log()).toMatchObject([
      { outcome: "unheard", detail: "The container that it was in has ended." },
    ]);
  });
});

describe("DELETE …/sessions/{id}", () => {
  test("has the host end it: ordered until it has, with an event, a row of the audit log and a new generation", async () => {
    const reported = sessionOn(host, id);
    await report({ sessions: [reported] });
    const [{ id: session }] = await sessions();
    const { generation } = host.applied;
    scene.api.nudged.length = 0;

    const answer = await request(alice, "DELETE", `/environments/${id}/sessions/${session}`);

    expect(answer).toMatchObject({ status: 202, body: { id: session, cut_at: expect.any(String) } });
    expect(scene.api.nudged).toEqual(["host-a"]);
    await host.pull();
    expect(host.applied.generation).toBe(generation + 1);
    const because = `Ended by customer ${alice.customerId}.`;
    expect(host.desiredCuts).toEqual([{ sessionId: reported.sessionId, because }]);
    expect((await request(alice, "DELETE", `/environments/${id}/sessions/${session}`)).status).toBe(202);
    await host.pull();
    expect(host.applied.generation).toBe(generation + 1);

    await report({ sessions: [{ ...reported, ended: left("cut") }] });
    await host.pull();
    expect(host.desiredCuts).toEqual([]);
    expect(await log()).toMatchObject([{ outcome: "cut" }]);
    expect((await request(alice, "GET", `/environments/${id}/events`)).body.items[0]).toMatchObject({
      kind: "session-ended",
      actor: `customer ${alice.customerId}`,
      reason: `Session ${session} (ssh) from 198.51.100.4 is to end.`,
    });
    expect(
      await sql("SELECT action, outcome FROM audit_log WHERE target_kind = 'access-session' ORDER BY id"),
    ).toMatchObject([{ action: "session.end", outcome: "done" }, { action: "session.end" }]);
  });

  test("finds none of another environment, and none that never was", async () => {
    await report({ sessions: [sessionOn(host, id)] });
    const [{ id: session }] = await sessions();
    const another = await running();

    for (const path of [`${another}/sessions/${session}`, `${id}/sessions/999999`])
      expect(await request(alice, "DELETE", `/environments/${path}`)).toMatchObject(problem(404));
    expect(await sessions()).toMatchObject([{ cut_at: null }]);
  });
});

describe("the access log", () => {
  test("has sessions and attempts, newest first, page by page, and by any of its fields", async () => {
    const key = await addKey(alice);
    const minute = (n: number) => new Date(Date.now() - 60_000 * n).toISOString();
    await sql("UPDATE runs SET ordered_at = now() - interval '1 hour' WHERE resource_id = $1", [id]);
    await sql("UPDATE lease_orders SET ordered_at = now() - interval '1 hour' WHERE env_id = $1", [id]);
    await report({
      sessions: [
        sessionOn(host, id, { openedAt: minute(5), login: byKey(key.fingerprint) }),
        sessionOn(host, id, { openedAt: minute(3), from: "2001:db8::7", ended: left() }),
      ],
      attempts: [
        attemptsOn(host, id, { firstAt: minute(4) }),
        attemptsOn(host, id, { firstAt: minute(2), outcome: "too-fast", from: "others" }),
      ],
    });

    const all = await log();
    expect(all.map(({ kind }: { kind: string }) => kind)).toEqual([
      "attempts",
      "session",
      "attempts",
      "session",
    ]);
    expect(all[0]).toMatchObject({
      client_address: "others",
      outcome: "too-fast",
      attempts: 31,
      bytes_in: null,
      login: null,
    });
    const first = (await request(alice, "GET", `/environments/${id}/access-log?limit=3`)).body;
    const rest = (
      await request(alice, "GET", `/environments/${id}/access-log?limit=3&cursor=${first.next_cursor}`)
    ).body;
    expect([...first.items, ...rest.items]).toEqual(all);
    expect(rest.next_cursor).toBeNull();

    expect(await log("?kind=attempts")).toEqual([all[0], all[2]]);
    expect(await log("?client_address=2001:db8::7")).toEqual([all[1]]);
    expect(await log(`?key_customer_id=${alice.customerId}`)).toEqual([all[3]]);
    expect(await log("?service_type=rdp")).toEqual([]);
  });

  test("is read by administrators, which the audit log has", async () => {
    await log("", scene.api.admin);
    await sessions(id, scene.api.admin);

    const { items } = (await request(scene.api.admin, "GET", "/audit-log?action=read&limit=2")).body;
    expect(items.map(({ route }: { route: string }) => route)).toEqual([
      `/api/v1/environments/${id}/sessions`,
      `/api/v1/environments/${id}/access-log`,
    ]);
  });

  test("forgets what ended longer ago than the setting allows, some at a time, and nothing that goes on", async () => {
    const [open, ended] = [sessionOn(host, id), sessionOn(host, id, { ended: left() })];
    await report({ sessions: [open, ended], attempts: [attemptsOn(host, id)] });
    const days = async (value: string) =>
      await request(scene.api.admin, "PUT", "/settings/ACCESS_LOG_DAYS", { value });
    const age = async (interval: string) => {
      await sql(
        `UPDATE access_sessions SET opened_at = now() - $2::interval, ended_at = CASE WHEN ended_at IS NOT NULL THEN now() - $2::interval END
          WHERE env_id = $1`,
        [id, interval],
      );
      await sql(
        "UPDATE access_attempts SET first_at = now() - $2::interval, last_at = now() - $2::interval WHERE env_id = $1",
        [id, interval],
      );
    };

    await age("90 days");
    await sql(
      "UPDATE access_sessions SET ended_at = ended_at + interval '1 minute' WHERE env_id = $1 AND ended_at IS NOT NULL",
      [id],
    );
    await sql("UPDATE access_attempts SET last_at = last_at + interval '1 minute' WHERE env_id = $1", [id]);
    await scene.lifecycle();
    expect(await log()).toHaveLength(3);
    await age("91 days");
    await scene.lifecycle();
    expect(await log()).toMatchObject([{ kind: "session", ended_at: null }]);

    expect((await days("0")).status).toBe(422);
    expect((await days("7")).status).toBe(200);
    await report({ attempts: [attemptsOn(host, id)] });
    await age("8 days");
    await scene.lifecycle();
    expect(await log()).toMatchObject([{ kind: "session", ended_at: null }]);
    await days("90");
  });

  test("keeps the newest of an environment, however many its people or its host make", async () => {
    await report({ sessions: [sessionOn(host, id, { ended: left() })] });
    await sql(
      `INSERT INTO access_sessions (host_id, session_id, env_id, instance_id, run_id, lease_id, service_type,
              client_address, opened_at, bytes_in, bytes_out, first_reported_at, reported_at, ended_at, ended_by)
       SELECT s.host_id, 'one-of-many-' || n, s.env_id, s.instance_id, s.run_id, s.lease_id, 'ssh', '192.0.2.1',
              now() - interval '1 day' + n * interval '1 second', 0, 0, now() - interval '1 day', now(), now(), 'client'
         FROM access_sessions s, generate_series(1, $2::int) n WHERE s.env_id = $1`,
      [id, MAX_STORED_OF_ENVIRONMENT],
    );

    await report({ sessions: [sessionOn(host, id)] });

    expect(
      await sql(
        `SELECT count(*) AS n, bool_or(session_id = 'one-of-many-1') AS "hasOldest" FROM access_sessions WHERE env_id = $1`,
        [id],
      ),
    ).toEqual([{ n: MAX_STORED_OF_ENVIRONMENT, hasOldest: false }]);
  });
});

describe("a host that lies", () => {
  test("ends, moves and makes up nothing of what is not its own, and is an alarm until it is sound", async () => {
    const mine = sessionOn(host, id);
    await report({ sessions: [mine] });
    const neighbour = await running();

    await report({ sessions: [{ ...mine, ended: left() }], attempts: [attemptsOn(host, id)] }, other);
    await report({ sessions: [], isWhole: true }, other);
    expect(await sessions()).toHaveLength(1);
    expect(await log("?kind=attempts")).toEqual([]);
    expect(await alarms()).toEqual([]);
    await report({ sessions: [{ ...mine, ended: left() }] }, other);
    expect(await alarms()).toMatchObject([
      { subject: "host-b", detail: expect.stringContaining("was not ordered there") },
    ]);

    // Its own session's id for another environment.
    const taken = { ...sessionOn(host, neighbour), sessionId: mine.sessionId };
    await report({ sessions: [taken] });
    expect(await sessions(neighbour)).toEqual([]);
    expect(await sessions()).toHaveLength(1);
    expect(await alarms()).toMatchObject([{ subject: "host-a" }, { subject: "host-b" }]);

    await report({ sessions: [mine] });
    await report({ sessions: [] }, other);
    expect(await alarms()).toEqual([]);
  });

  test("with times and bytes that cannot be is drawn to what can be", async () => {
    const absurd = sessionOn(host, id, {
      openedAt: "0001-01-01T00:00:00Z",
      bytesIn: Number.MAX_SAFE_INTEGER,
      bytesOut: Number.MAX_SAFE_INTEGER,
      login: { method: "other", fingerprint: null, at: "9999-99-99" },
      ended: { at: "+275760-09-13T00:00:00Z", by: "lost", detail: "" },
    });
    await report({
      sessions: [absurd],
      attempts: [
        attemptsOn(host, id, {
          count: Number.MAX_SAFE_INTEGER,
          firstAt: "+275760-09-13T00:00:00Z",
          lastAt: "x",
        }),
      ],
    });

    const [run] = await sql("SELECT ordered_at FROM runs WHERE resource_id = $1", [id]);
    const [attempt, session] = await log();
    const reported = new Date();
    expect(session).toMatchObject({ began_at: run?.["ordered_at"].toISOString(), outcome: "lost" });
    expect(new Date(session.ended_at).getTime()).toBeLessThanOrEqual(reported.getTime());
    expect(session.bytes_in).toBeLessThan(Number.MAX_SAFE_INTEGER);
    expect(new Date(attempt.ended_at).getTime()).toBeLessThanOrEqual(reported.getTime());
    expect(attempt.attempts).toBe(1_000_000_000);
  });

  test("with as many sessions as a report holds costs no more statements than one, and ends at a bound", async () => {
    const many = Array.from({ length: MAX_SESSIONS }, () => sessionOn(host, id));
    const refused = Array.from({ length: MAX_ATTEMPTS }, () => attemptsOn(host, id));

    expect(await statements(many)).toBe(await statements(many.slice(0, 1)));
    await report({ sessions: many, attempts: refused });
    expect(await sql("SELECT count(*) AS n FROM access_sessions WHERE env_id = $1", [id])).toEqual([
      { n: MAX_SESSIONS },
    ]);
    expect(await sql("SELECT count(*) AS n FROM access_attempts WHERE env_id = $1", [id])).toEqual([
      { n: MAX_ATTEMPTS },
    ]);

    await sql("UPDATE access_sessions SET first_reported_at = now() WHERE host_id = 'host-a'");
    const [all] = await sql("SELECT count(*) AS n FROM access_sessions WHERE host_id = 'host-a'");
    expect(all?.["n"]).toBeGreaterThanOrEqual(10_000);
    await report({ sessions: [sessionOn(host, id)] });
    expect(await alarms()).toMatchObject([
      { subject: "host-a", detail: expect.stringContaining("1 more than 10000 of an hour are left out") },
    ]);
  });
});

test("ports report how many bytes came and went through them, which only grow", async () => {
  const [lease] = [...host.leases.values()].filter(({ workloadId }) => workloadId === id);
  const visible = async () => {
    const { body } = await request(alice, "GET", `/port-mappings?env_id=${id}`);
    const { services } = (await request(alice, "GET", `/environments/${id}/access`)).body;
    const { bytes_in, bytes_out } = services[0];
    expect(body.items[0]).toMatchObject({ bytes_in, bytes_out });
    return [bytes_in, bytes_out];
  };
  expect(await visible()).toEqual([null, null]);
  const wakes = scene.wakes();

  host.reportOfLease(lease!.leaseId, { bytesIn: 10, bytesOut: 20 });
  await host.round();
  host.reportOfLease(lease!.leaseId, { bytesIn: 9, bytesOut: 21 });
  await host.round();

  expect(await visible()).toEqual([10, 21]);
  expect(scene.wakes()).toBe(wakes);
});
