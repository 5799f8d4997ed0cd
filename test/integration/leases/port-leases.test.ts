/** Leases of ports from the order to the release, with hosts that a test speaks for. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { MAX_LEASES_OF_HOST, type ObservedLease } from "@remotegpu/shared/instance/lease";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { LeaseId, WorkloadId } from "@remotegpu/shared/values/ids";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let alice: Caller;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  alice = await scene.customer("alice");
  host = await scene.host("host-a", { leases: true, pool: "shared" });
});
afterEach(async () => await scene.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const act = async (id: string, verb: string) =>
  await scene.api.request("POST", `/api/v1/environments/${id}/${verb}`, { as: alice });
const remove = async (id: string) =>
  await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
const access = async (id: string) =>
  (await scene.api.request("GET", `/api/v1/environments/${id}/access`, { as: alice })).body;

/** Placed, and running with its leases bound. */
async function running(change: object = {}, on = host): Promise<string> {
  const { id } = (await scene.order(alice, change)).body;
  await scene.schedule();
  await on.round();
  return id;
}

async function stopped(id: string, on = host): Promise<void> {
  await act(id, "stop");
  await on.round({ phase: "stopped" });
  await on.round();
}

async function startedAgain(id: string, on = host): Promise<void> {
  await act(id, "start");
  await scene.schedule();
  await on.round();
}

const mappings = async (id: string) =>
  await sql(
    `SELECT service_type, external_port, internal_port, status, host_id, released_at IS NOT NULL AS released
       FROM port_mappings WHERE env_id = $1 ORDER BY id`,
    [id],
  );
const portOf = async (id: string) =>
  (await scene.api.request("GET", `/api/v1/port-mappings?env_id=${id}`, { as: alice })).body.items[0];
const mirrors = async (id: string): Promise<Record<string, unknown>> => {
  const rows = await sql(
    "SELECT ssh_port, rdp_port, jupyter_port, tensorboard_port FROM environments WHERE id = $1",
    [id],
  );
  return rows[0] ?? {};
};
const leaseEvents = async (id: string) =>
  await sql(
    "SELECT kind, actor, old, new, reason FROM events WHERE workload_id = $1 AND kind LIKE 'lease%' ORDER BY id",
    [id],
  );
const openAlarms = async () =>
  await sql("SELECT kind, subject, detail FROM alarms WHERE cleared_at IS NULL ORDER BY id");
/** The lease of a service as the host was told it. */
const reported = (service: string, on = host) => {
  const lease = on.desiredLeases.find((one) => one.service === service);
  if (lease === undefined) throw new Error(`${on.id} was told no lease for ${service}`);
  return lease;
};

describe("a start", () => {
  test("orders a port for SSH of the host at the same generation, and it is public once the host has bound it", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();

    await host.pull();
    expect(host.applied.generation).toBe(1);
    expect(host.desiredLeases).toEqual([
      {
        leaseId: expect.stringMatching(/^lease-/),
        workloadId: id,
        service: "ssh",
        internalPort: 22,
        autoReleaseHours: 48,
        want: "held",
      },
    ]);
    expect(await mappings(id)).toEqual([]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: null });

    host.bindLeases();
    await host.report([]);
    expect(
      await sql(
        `SELECT service_type, external_port, internal_port, status, host_id, lease_id, generation, auto_release_hours,
                last_accessed_at FROM port_mappings WHERE env_id = $1`,
        [id],
      ),
    ).toEqual([
      {
        service_type: "ssh",
        external_port: 20_000,
        internal_port: 22,
        status: "active",
        host_id: "host-a",
        lease_id: reported("ssh").leaseId,
        generation: 1,
        auto_release_hours: 48,
        last_accessed_at: null,
      },
    ]);
    expect(await scene.get(alice, id)).toMatchObject({ ssh_port: 20_000, jupyter_port: null });
  });

  test("is an event when the port is bound, once, however often it is reported", async () => {
    const id = await running();
    for (let n = 0; n < 3; n += 1) await host.round();

    expect(await leaseEvents(id)).toEqual([
      {
        kind: "lease",
        actor: "host host-a",
        old: "waiting",
        new: "held",
        reason: "Port 20000 of host host-a leads to ssh (port 22 inside).",
      },
    ]);
    expect((await host.row()).generation).toBe(1);
  });

  test("orders what is switched on; JupyterLab and TensorBoard only where plain HTTP is allowed", async () => {
    const services = { rdp_enabled: true, jupyter_enabled: true, tensorboard_enabled: true };
    await running(services);
    const strict = host.desiredLeases.map(({ service }) => service);
    await running({ ssh_enabled: false, jupyter_enabled: false });
    expect(host.desiredLeases).toHaveLength(2);

    await setSetting(scene.api.db, "ALLOW_PLAIN_HTTP_PORTS", "on");
    const open = await running(services);

    expect(strict.toSorted()).toEqual(["rdp", "ssh"]);
    const ofOpen = host.desiredLeases.filter(({ workloadId }) => workloadId === open);
    expect(ofOpen.map(({ service, internalPort }) => `${service} ${internalPort}`).toSorted()).toEqual([
      "jupyter 8888",
      "rdp 3389",
      "ssh 22",
      "tensorboard 6006",
    ]);
    const ports = await mirrors(open);
    expect(new Set(Object.values(ports as object)).size).toBe(4);
    expect(Object.values(ports as object)).not.toContain(null);
  });

  test("after a stop on the same host has the same number: the lease lived on", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    await stopped(id);

    expect(await scene.get(alice, id)).toMatchObject({ status: "stopped", ssh_port: 20_000 });
    expect(reported("ssh")).toMatchObject({ leaseId, want: "held" });

    await startedAgain(id);
    await act(id, "restart");
    await host.round();
    expect(await scene.get(alice, id)).toMatchObject({ status: "running", ssh_port: 20_000 });
    expect(host.desiredLeases.map((lease) => lease.leaseId)).toEqual([leaseId]);
    expect(await mappings(id)).toHaveLength(1);
  });

  test("on another host takes ports there, those opened by hand too, and gives back those of the old host", async () => {
    const id = await running();
    scene.api.meanwhile(async () => void (await host.round()));
    const body = { env_id: id, service_type: "custom", internal_port: 7000 };
    expect((await scene.api.request("POST", "/api/v1/port-mappings", { as: alice, body })).status).toBe(201);
    await stopped(id);
    const other = await scene.host("host-b", { leases: true, pool: "shared" });
    await scene.api.request("POST", "/api/v1/hosts/host-a/cordon", { as: scene.api.admin, body: {} });
    scene.api.nudged.length = 0;

    await act(id, "start");
    await scene.schedule();

    expect(scene.api.nudged).toEqual(["host-b", "host-a"]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: null });
    await other.round();
    expect(
      other.desiredLeases.map(({ service, internalPort }) => `${service} ${internalPort}`).toSorted(),
    ).toEqual(["custom 7000", "ssh 22"]);
    expect((await mappings(id)).filter(({ status }) => status === "active")).toHaveLength(4);
    const { ssh_port: port } = await mirrors(id);
    expect(port).toBe(other.leases.get(reported("ssh", other).leaseId)?.externalPort);

    await host.pull();
    expect(host.desiredLeases.map(({ want }) => want)).toEqual(["released", "released"]);
    await host.round();
    expect((await mappings(id)).filter(({ status }) => status === "active")).toEqual([
      expect.objectContaining({ host_id: "host-b" }),
      expect.objectContaining({ host_id: "host-b" }),
    ]);
    await host.pull();
    expect(host.desiredLeases).toEqual([]);
    expect((await leaseEvents(id)).filter((event) => event.new === "released")).toEqual([
      expect.objectContaining({
        reason: "The environment was placed on another host.",
        actor: "control-plane",
      }),
      expect.objectContaining({
        reason: "The environment was placed on another host.",
        actor: "control-plane",
      }),
    ]);
  });

  test("gives back the port of a service that may have none any more", async () => {
    await setSetting(scene.api.db, "ALLOW_PLAIN_HTTP_PORTS", "on");
    const id = await running({ jupyter_enabled: true });
    expect((await mirrors(id)).jupyter_port).not.toBeNull();
    await setSetting(scene.api.db, "ALLOW_PLAIN_HTTP_PORTS", "off");

    await act(id, "restart");
    await host.round();

    expect((await mirrors(id)).jupyter_port).toBeNull();
    const rows = (await mappings(id)).map(({ service_type, status }) => `${service_type} ${status}`);
    expect(rows.toSorted()).toEqual(["jupyter released", "ssh active"]);
  });

  test("goes without a port where the host holds as many as it can, and reports so", async () => {
    await fillHost();

    const id = await running();

    expect(host.desiredLeases).toHaveLength(MAX_LEASES_OF_HOST);
    expect(host.desiredLeases.filter(({ workloadId }) => workloadId === id)).toEqual([]);
    expect(await scene.get(alice, id)).toMatchObject({ status: "running", ssh_port: null });
    expect(await leaseEvents(id)).toEqual([
      expect.objectContaining({ new: "refused", reason: expect.stringContaining("holds 1024 already") }),
    ]);
    const body = { env_id: id, service_type: "custom", internal_port: 7000 };
    const answer = await scene.api.request("POST", "/api/v1/port-mappings", { as: alice, body });
    const renewed = await act(id, "access");
    for (const refused of [answer, renewed])
      expect(refused).toMatchObject({ status: 503, body: { detail: "Host host-a can hold no more ports." } });
    expect((await host.row()).generation).toBe(1);
    expect(await leaseEvents(id)).toHaveLength(1);
  });
});

/** Leases of another environment of the host, as many as it can hold. */
async function fillHost(): Promise<void> {
  const { id } = (await scene.order(alice)).body;
  await sql("UPDATE environments SET status = 'stopped' WHERE id = $1", [id]);
  await sql(
    `INSERT INTO lease_orders (id, env_id, host_id, service_type, internal_port, auto_release_hours, generation, ordered_by)
     SELECT 'lease-' || n, $1, 'host-a', 'custom', n, 48, 0, 'test' FROM generate_series(1, $2) n`,
    [id, MAX_LEASES_OF_HOST],
  );
}

describe("a release", () => {
  test("of a deleted environment is ordered of its host, and over when the host reports so", async () => {
    const id = await running();
    await remove(id);

    await host.pull();
    expect(host.desiredLeases).toMatchObject([{ want: "released" }]);
    // Silence about a lease is no release.
    await host.heartbeat();
    host.leases.clear();
    await host.report([]);
    expect(await mappings(id)).toMatchObject([{ status: "active" }]);
    await host.pull();
    expect(host.desiredLeases).toHaveLength(1);

    await host.round();
    expect(await mappings(id)).toMatchObject([{ status: "released", released: true }]);
    await host.pull();
    expect(host.desiredLeases).toEqual([]);
    expect((await leaseEvents(id)).at(-1)).toMatchObject({
      actor: expect.stringMatching(/^customer \d+$/),
      old: "held",
      new: "released",
      reason: "The environment was deleted.",
    });
  });

  test("of an environment that is deleted while it is stopped reaches the host that held its port", async () => {
    const id = await running();
    await stopped(id);
    scene.api.nudged.length = 0;

    await remove(id);

    expect((await scene.api.request("GET", `/api/v1/environments/${id}`, { as: alice })).status).toBe(404);
    expect(scene.api.nudged).toEqual(["host-a"]);
    await host.round();
    expect(await mappings(id)).toMatchObject([{ status: "released" }]);
  });

  test("for idleness is warned of twice by an agent that reports which warning is due, again after each access", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    const due = "2026-01-03T00:00:00.000Z";
    const warned = async (releaseWarning: "first" | "last" | undefined) => {
      const releaseDueAt = releaseWarning === undefined ? null : due;
      host.reportOfLease(leaseId, { releaseDueAt, releaseWarning });
      await host.round();
      return (await leaseEvents(id)).filter(({ kind }) => kind === "lease-release-due").length;
    };

    const counts = [];
    for (const warning of ["first", "first", "last", "last", undefined, "first"] as const)
      counts.push(await warned(warning));

    expect(counts).toEqual([1, 1, 2, 2, 2, 3]);
  });

  test("for idleness is warned of once, then reported, and nothing is taken anew before the next start", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    const accessed = "2026-01-01T00:00:00.000Z";
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const [due, dueLater] = [inHours(40), inHours(41)];
    host.reportOfLease(leaseId, { lastAccessedAt: accessed, releaseDueAt: due });
    await host.round();
    host.reportOfLease(leaseId, { releaseDueAt: dueLater });
    await host.round();

    expect((await leaseEvents(id)).slice(1)).toEqual([
      {
        kind: "lease-release-due",
        actor: "host host-a",
        old: null,
        new: due,
        reason: `Port 20000 of host host-a (ssh) is released at ${due} unless somebody connects.`,
      },
    ]);
    const [ordered = {}] = await sql("SELECT ordered_at FROM lease_orders WHERE id = $1", [leaseId]);
    expect((await access(id)).services[0]).toMatchObject({
      state: "held",
      last_accessed_at: (ordered["ordered_at"] as Date).toISOString(),
      release_due_at: dueLater,
    });
    // No access is earlier than the row.
    expect(await sql("SELECT last_accessed_at = allocated_at AS is_first_moment FROM port_mappings")).toEqual(
      [{ is_first_moment: true }],
    );
    const later = new Date();
    host.reportOfLease(leaseId, { lastAccessedAt: later.toISOString() });
    await host.round();
    expect(await sql("SELECT last_accessed_at FROM port_mappings")).toEqual([{ last_accessed_at: later }]);

    host.reportOfLease(leaseId, { state: "released", releaseDueAt: null, releasedBecause: "idle" });
    await host.report([]);
    expect(await mappings(id)).toMatchObject([{ status: "released", released: true }]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: null });
    expect((await leaseEvents(id)).at(-1)).toEqual({
      kind: "lease",
      actor: "host host-a",
      old: "held",
      new: "released",
      reason: "Nobody connected to ssh for 48 hours.",
    });
    await host.round();
    expect(host.desiredLeases).toEqual([]);

    await act(id, "restart");
    await host.round();
    expect(host.desiredLeases).toMatchObject([{ want: "held" }]);
    expect(reported("ssh").leaseId).not.toBe(leaseId);
    expect(await mirrors(id)).toMatchObject({ ssh_port: 20_001 });
  });

  test.each([
    ["declared lost", "?lost=true", "Its host was declared lost."],
    ["taken out of the fleet", "", "Its host was taken out of the fleet."],
  ])("comes with a host that is %s", async (_what, query, reason) => {
    const id = await running();
    await stopped(id);

    const answer = await scene.api.request("DELETE", `/api/v1/hosts/host-a${query}`, { as: scene.api.admin });

    expect(answer.status).toBe(204);
    expect(await mappings(id)).toMatchObject([{ status: "released", released: true }]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: null });
    expect((await leaseEvents(id)).at(-1)).toMatchObject({
      actor: expect.stringMatching(/^admin \d+$/),
      old: "held",
      new: "released",
      reason,
    });
    expect(await sql("SELECT FROM lease_orders WHERE ended_at IS NULL")).toEqual([]);
  });
});

describe("a host that reports", () => {
  test("a stranger on the port, then no free number, then a bound one: each is an event, and the access states it", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    const report = async (change: Partial<ObservedLease>) => {
      host.reportOfLease(leaseId, change);
      await host.round();
      return (await access(id)).services[0];
    };

    const conflict = await report({ state: "conflict", detail: "nginx has it." });
    const exhausted = await report({ state: "exhausted", externalPort: null, detail: "" });
    const again = await report({ state: "held", externalPort: 20_777 });

    expect(conflict).toMatchObject({ state: "conflict", reachable: false, port: 20_000 });
    expect(conflict!.reason).toBe(
      "Something else on host host-a has taken the port; it is tried again. nginx has it.",
    );
    expect(exhausted).toMatchObject({ state: "exhausted", reachable: false });
    expect(again).toMatchObject({ state: "held", port: 20_777 });
    expect(again!.reason).toContain("agent is too old");
    expect((await leaseEvents(id)).map(({ old, new: now }) => [old, now])).toEqual([
      ["waiting", "held"],
      ["held", "conflict"],
      ["conflict", "exhausted"],
      ["exhausted", "held"],
    ]);
    expect(await mappings(id)).toMatchObject([{ external_port: 20_777, status: "active" }]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: 20_777 });
  });

  test("codes beside what it reports: the access, the port and its events have them", async () => {
    const serving = await scene.host("host-c", { leases: true, ssh: true, cpu: 64 });
    const id = await running({ cpu: 32 }, serving);
    const taken = { code: "lease-port-taken", params: { port: 20_000 } } as const;
    const closed = { code: "service-port-closed", params: { port: 2022 } } as const;
    const { leaseId } = reported("ssh", serving);
    const codesAfter = async (change: Partial<ObservedLease>) => {
      serving.reportOfLease(leaseId, change);
      await serving.round();
      const [ssh] = (await access(id)).services;
      const { detail, detail_code: code, detail_params: params } = (await portOf(id))!;
      return [ssh!.reason_params?.["reasons"], [detail, code, params]];
    };

    const without = await codesAfter({ state: "conflict", detail: textOf(taken) });
    const withOne = await codesAfter({ reason: taken });
    const silent = await codesAfter({
      state: "held",
      detail: "",
      reason: undefined,
      answers: { isSeen: false, detail: textOf(closed), reason: closed },
    });

    expect(without).toMatchObject([
      [{ code: "port-taken-by-other" }, { code: "as-reported" }],
      [textOf(taken), "as-reported", { text: textOf(taken) }],
    ]);
    expect(withOne).toMatchObject([
      [{ code: "port-taken-by-other" }, taken],
      [textOf(taken), taken.code, taken.params],
    ]);
    expect(silent).toMatchObject([
      [{ code: "service-silent" }, closed],
      ["", null, null],
    ]);
  });

  test("guesses at a password: the access and why state so where a password opens it, and it stays reachable", async () => {
    const serving = await scene.host("host-s", { leases: true, ssh: true, cpu: 64 });
    const id = await running({ cpu: 32 }, serving);
    const reason = { code: "password-guessed", params: { until: "2026-12-02 10:05" } } as const;
    const detail = textOf(reason);
    serving.reportOfLease(reported("ssh", serving).leaseId, {
      detail,
      reason,
      answers: { isSeen: true, detail: "" },
    });
    await serving.round();
    const output = async () => {
      const why = await scene.api.request("GET", `/api/v1/environments/${id}/why`, { as: alice });
      const [ssh] = (await access(id)).services;
      return [ssh!.reachable, ssh!.reason, ssh!.reason_code, why.body.reason];
    };

    const without = await output();
    await act(id, "ssh-password");
    const withOne = await output();

    expect(without).toEqual([true, null, null, "It runs on host host-s."]);
    expect(withOne).toEqual([true, detail, reason.code, `It runs on host host-s. ${detail}`]);
  });

  test("leases that nobody wants there, or another host's, raises one alarm and changes nothing", async () => {
    const other = await scene.host("host-b", { leases: true, cpu: 64 });
    const mine = await running({}, host);
    const theirs = await running({ cpu: 32 }, other);
    const before = [await mappings(mine), await mappings(theirs), await mirrors(theirs)];
    const stolen = { ...other.leases.values().next().value!, externalPort: 25_000 };
    host.leases.set(stolen.leaseId, stolen);
    for (let n = 0; n < 7; n += 1) {
      const leaseId = LeaseId.parse(`lease-made-up-${n}`);
      host.leases.set(leaseId, { ...stolen, leaseId });
    }

    await host.round();
    await host.round();

    expect([await mappings(mine), await mappings(theirs), await mirrors(theirs)]).toEqual(before);
    expect(await openAlarms()).toEqual([
      {
        kind: "unknown-lease",
        subject: "host-a",
        detail: expect.stringMatching(/lease-.* is held, and nobody wants it there; .* and 3 more\.$/),
      },
    ]);
    // Nor does it take a lease away by calling it released.
    host.leases.set(stolen.leaseId, { ...stolen, state: "released", releasedBecause: "ordered" });
    for (let n = 0; n < 7; n += 1) host.leases.delete(`lease-made-up-${n}`);
    await host.round();
    expect(await mappings(theirs)).toEqual(before[1]);
    expect(await openAlarms()).toEqual([]);
  });

  test("its lease as one of another environment is not believed", async () => {
    const id = await running();
    const other = await running();
    const [first] = host.desiredLeases;
    host.reportOfLease(first!.leaseId, { workloadId: WorkloadId.parse(other), externalPort: 23_456 });

    await host.round();

    expect(await mirrors(id)).toMatchObject({ ssh_port: 20_000 });
    expect(await mirrors(other)).toMatchObject({ ssh_port: 20_001 });
    expect(await openAlarms()).toMatchObject([{ kind: "lease-disbelieved", subject: "host-a" }]);
  });

  test("one number twice, or a neighbour's number, gets neither, and the rest of the report counts", async () => {
    const id = await running();
    const [stored] = [...host.leases.values()];
    const orders = [await scene.order(alice), await scene.order(alice), await scene.order(alice)];
    await scene.schedule();
    await host.pull();
    host.bindLeases();
    const [first, second, third] = [...host.leases.values()].slice(1);
    host.reportOfLease(first!.leaseId, { externalPort: 21_000 });
    host.reportOfLease(second!.leaseId, { externalPort: 21_000 });
    await host.report(host.desired.map((wanted) => host.observedOf(wanted, {})));

    const ids = orders.map(({ body }) => body.id as string);
    expect(await scene.get(alice, ids[0]!)).toMatchObject({ status: "running" });
    const ports = async () =>
      await sql("SELECT external_port FROM port_mappings WHERE status = 'active' ORDER BY 1");
    expect(await ports()).toEqual([{ external_port: 20_000 }, { external_port: third!.externalPort }]);
    expect(await openAlarms()).toMatchObject([{ kind: "lease-disbelieved" }]);

    host.reportOfLease(first!.leaseId, { externalPort: 21_001 });
    host.reportOfLease(second!.leaseId, { externalPort: 20_000 });
    // The neighbour's own lease is left out, so that the numbers of the report alone show nothing wrong.
    host.leases.delete(stored!.leaseId);
    await host.report([]);
    expect(await ports()).toEqual([
      { external_port: 20_000 },
      { external_port: third!.externalPort },
      { external_port: 21_001 },
    ]);
    expect((await openAlarms())[0]?.detail).toContain(second!.leaseId);
    expect(await mirrors(id)).toMatchObject({ ssh_port: 20_000 });

    host.leases.set(stored!.leaseId, stored!);
    host.reportOfLease(second!.leaseId, { externalPort: 21_002 });
    await host.report([]);
    expect(await openAlarms()).toEqual([]);
    expect(await ports()).toContainEqual({ external_port: 21_002 });
  });

  test("another number for a lease than the one it was public on moves it, whatever was reported between", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    host.reportOfLease(leaseId, { state: "conflict", externalPort: 20_555 });
    await host.report([]);
    host.reportOfLease(leaseId, { state: "held" });
    await host.report([]);

    expect(await mappings(id)).toMatchObject([{ external_port: 20_555, status: "active" }]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: 20_555 });
  });

  test("a bound lease without a number, and times that are none, is not believed and breaks nothing", async () => {
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    await host.pull();
    host.bindLeases();
    const { leaseId } = reported("ssh");
    host.reportOfLease(leaseId, { externalPort: null });
    await host.report([]);
    expect(await mappings(id)).toEqual([]);
    expect(await openAlarms()).toMatchObject([{ kind: "lease-disbelieved" }]);

    for (const label of ["yesterday", "-271821-04-20T00:00:00Z", "+275760-09-13T00:00:00Z", "\u202e"]) {
      host.reportOfLease(leaseId, { externalPort: 20_000, lastAccessedAt: label, releaseDueAt: label });
      await host.report([]);
    }
    expect(await mappings(id)).toMatchObject([{ external_port: 20_000 }]);
    expect(await sql("SELECT last_accessed_at, release_due_at FROM lease_orders")).toEqual([
      { last_accessed_at: null, release_due_at: null },
    ]);
  });

  test.each([
    ["long before the port was ordered", "1970-01-01T00:00:00.000Z"],
    ["thousands of years ahead", "9999-01-01T00:00:00.000Z"],
  ])("a lease is never reported as used or due %s", async (_, label) => {
    await running();
    host.reportOfLease(reported("ssh").leaseId, { lastAccessedAt: label, releaseDueAt: label });
    await host.report([]);

    expect(
      await sql(
        `SELECT last_accessed_at BETWEEN ordered_at AND now() AS was_possible,
                release_due_at BETWEEN ordered_at AND now() + make_interval(hours => auto_release_hours) AS will_be_possible
           FROM lease_orders WHERE service_type = 'ssh'`,
      ),
    ).toEqual([{ was_possible: true, will_be_possible: true }]);
  });

  test("a lease held again that it had released does not get it back", async () => {
    const id = await running();
    const { leaseId } = reported("ssh");
    host.reportOfLease(leaseId, { state: "released", releasedBecause: "idle" });
    await host.report([]);

    host.reportOfLease(leaseId, { state: "held" });
    await host.report([]);

    expect(await mappings(id)).toMatchObject([{ status: "released" }]);
    expect(await mirrors(id)).toMatchObject({ ssh_port: null });
    expect(await openAlarms()).toMatchObject([{ kind: "unknown-lease", subject: "host-a" }]);
  });
});

test("after a restore, leases that the database does not know are listed and left alone, and those it knows go on", async () => {
  const old = await running();
  const lost = await running();
  const [known, unknown] = host.desiredLeases;
  // The database is of a moment before the second order, as a restore would have it.
  await sql("DELETE FROM port_mappings WHERE env_id = $1", [lost]);
  await sql("DELETE FROM lease_orders WHERE env_id = $1", [lost]);
  await sql("UPDATE lease_orders SET state = 'waiting', external_port = NULL");
  await sql("DELETE FROM port_mappings");
  await sql("UPDATE environments SET ssh_port = NULL");
  await sql("UPDATE hosts SET generation = 0");

  await host.heartbeat();
  await expect(host.pull()).rejects.toThrow(/has to be reported first/);
  await host.report([]);
  await host.pull();

  expect(host.desiredLeases.map(({ leaseId, want }) => [leaseId, want])).toEqual([[known!.leaseId, "held"]]);
  expect(await mirrors(old)).toMatchObject({ ssh_port: 20_000 });
  expect(await mirrors(lost)).toMatchObject({ ssh_port: null });
  expect((await openAlarms()).filter(({ kind }) => kind === "unknown-lease")).toEqual([
    expect.objectContaining({ subject: "host-a", detail: expect.stringContaining(unknown!.leaseId) }),
  ]);
});

test("a host that reports nothing of leases changes none", async () => {
  const id = await running();
  const before = [await mappings(id), await sql("SELECT * FROM lease_orders")];

  await scene.handlers.observed(host.id, {
    digest: "1".repeat(64),
    machine: null,
    gpus: null,
    instances: [],
    leases: null,
    pulls: null,
    access: null,
    notUnderstood: [],
  });

  expect([await mappings(id), await sql("SELECT * FROM lease_orders")]).toEqual(before);
});
