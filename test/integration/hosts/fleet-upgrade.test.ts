/** Upgrades of the fleet's agents: who begins them, which hosts are ordered when, what halts them, and who goes on. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { agentAlarmsPass } from "@remotegpu/control-plane/server/controllers/hosts/agent-alarms";
import { fleetUpgradePass } from "@remotegpu/control-plane/server/controllers/hosts/fleet-upgrade";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { VERSION } from "@remotegpu/control-plane/server/release/version";
import type { UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const OLD = "0.1.0-0f1e2d3c4b5a";
const NEW = "0.2.0-1a2b3c4d5e6f";
const MANIFEST = `remotegpu-agent ${NEW}\n${"a".repeat(64)} 644 agent.mjs\n`;
const RELEASE = { version: NEW, manifestSha256: createHash("sha256").update(MANIFEST).digest("hex") };
const CAN = { features: ["upgrades", "restarts-never", "image-entrypoint"] };
const AT = "2026-01-01T00:00:00.000Z";

let scene: ControlScene;
let folder: string;
let alice: Caller;
let number = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "remotegpu-release-"));
  writeFileSync(join(folder, "MANIFEST"), MANIFEST);
  scene = await openControlScene();
  scene.api.deps.config.bundle = () => ({ folder, installScript: "" });
  alice = await scene.customer("alice");
});
afterAll(async () => {
  await scene?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  scene.api.deps.config.bundle = () => ({ folder, installScript: "" });
  await scene.api.db.query("DELETE FROM fleet_upgrades", []);
  await scene.api.db.query("UPDATE hosts SET deleted_at = now(), target_release = NULL", []);
});

const runs = (version: string, change: Partial<UpgradeReport> = {}): { upgrade: UpgradeReport } => ({
  upgrade: { version, committed: version, phase: null, to: null, last: null, ...change },
});
const failed = (result: "reverted" | "refused", attempt = 1) => ({
  last: { attempt, from: OLD, to: NEW, result, reason: null, at: AT },
});

async function fleetOf(count: number): Promise<ScriptedHost[]> {
  const hosts: ScriptedHost[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    number += 1;
    const host = await scene.host(`up-${number}`, CAN);
    await host.heartbeat(runs(OLD));
    hosts.push(host);
  }
  return hosts;
}

const request = async (verb: string, path: string, body?: object, as: Caller = scene.api.admin) =>
  await scene.api.request(verb, `/api/v1/fleet/upgrade${path}`, { as, ...(body !== undefined && { body }) });
const begin = async (body: object = { version: "0.2.0" }) => await request("POST", "", body);
const upgradeNow = async () => (await request("GET", "")).body.upgrade;

async function leading(): Promise<{ term: number; now: Date }> {
  const now = scene.api.deps.now();
  const term = await acquireLeadership(scene.api.deps.db, { holder: "the test", now });
  if (term === null) throw new Error("somebody else leads");
  return { term, now };
}
const pass = async () => await fleetUpgradePass({ db: scene.api.deps.db }, await leading());

/** Minutes in which every host is heard, and nothing is wrong. */
async function calm(hosts: readonly ScriptedHost[], minutes = 10): Promise<void> {
  await pass();
  scene.api.passMinutes(minutes);
  for (const host of hosts) await host.beatAgain();
  await pass();
}

/** The hosts whose heartbeats are answered with the release. */
async function named(hosts: readonly ScriptedHost[], report = runs(OLD)): Promise<string[]> {
  const replies = await Promise.all(
    hosts.map(async (host) => ({ id: host.id, reply: await host.heartbeat(report) })),
  );
  return replies.flatMap(({ id, reply }) => (reply.release ? [id] : []));
}

describe("an upgrade", () => {
  test("goes from one host to all, in waves with calm between them", async () => {
    const hosts = await fleetOf(4);

    const begun = await begin();
    expect(begun).toMatchObject({
      status: 201,
      body: {
        served_release: { version: NEW, manifest_sha256: RELEASE.manifestSha256 },
        upgrade: { version: NEW, state: "running", wave: 1, waves: [{ hosts: 1 }, { hosts: 3 }] },
      },
    });
    expect(await named(hosts)).toEqual([]);
    await pass();
    const [canary] = await named(hosts);
    expect(await named(hosts)).toEqual([canary]);
    const first = hosts.filter(({ id }) => id === canary);
    const others = hosts.filter(({ id }) => id !== canary);
    expect((await first[0]?.heartbeat(runs(OLD)))?.release).toEqual(RELEASE);

    await first[0]?.heartbeat(runs(NEW, { committed: OLD, phase: "probation", to: NEW }));
    await pass();
    expect(await upgradeNow()).toMatchObject({ wave: 1, waves: [{ ordered: 1 }, { waiting: 3 }] });
    await first[0]?.heartbeat(runs(NEW));
    await calm(hosts, 9);
    expect(await upgradeNow()).toMatchObject({ wave: 1, waves: [{ upgraded: 1 }, {}] });
    expect(await named(others)).toEqual([]);
    await calm(hosts, 1);
    expect(await upgradeNow()).toMatchObject({ wave: 2, state: "running" });
    await pass();
    expect((await named(others)).toSorted()).toEqual(others.map(({ id }) => id).toSorted());

    for (const host of others) await host.heartbeat(runs(NEW));
    await calm(hosts);
    expect(await upgradeNow()).toMatchObject({ state: "finished", waves: [{}, { upgraded: 3 }] });
    expect(await named(hosts)).toEqual([]);
    const { items } = (
      await scene.api.request("GET", "/api/v1/audit-log?target_kind=fleet-upgrade", { as: scene.api.admin })
    ).body;
    expect(items[0]).toMatchObject({ action: "fleet-upgrade.start", outcome: "done" });
  });

  test("skips hosts that are not heard and takes them when they are, cordoned ones like any other", async () => {
    const hosts = await fleetOf(3);
    await begin();
    await pass();
    const [canary] = await named(hosts);
    const [cordoned, silent] = hosts.filter(({ id }) => id !== canary);
    await scene.api.db.query("UPDATE hosts SET cordoned = true WHERE id = $1", [cordoned?.id]);
    await hosts.find(({ id }) => id === canary)?.heartbeat(runs(NEW));
    await calm(hosts);
    await scene.api.db.query("UPDATE hosts SET connection = 'unreachable' WHERE id = $1", [silent?.id]);
    await pass();

    const listed = (await request("GET", "/hosts?state=skipped")).body.items;
    expect(listed).toMatchObject([
      { host_id: silent?.id, wave: 2, reason: "it is unreachable", reason_code: "host-unreachable" },
    ]);
    expect(await named([cordoned!])).toEqual([cordoned?.id]);

    await silent?.heartbeat(runs(OLD));
    await pass();
    expect(await named([silent!])).toEqual([silent?.id]);
  });

  test("halts on a host that went back, with an alarm, and goes on by an administrator's word alone", async () => {
    const hosts = await fleetOf(2);
    await begin();
    await pass();
    const [canary] = await named(hosts);
    const bad = hosts.find(({ id }) => id === canary);
    const others = hosts.filter(({ id }) => id !== canary);
    await bad?.heartbeat(runs(OLD, { ...failed("reverted"), refused: [NEW] }));
    await pass();
    await calm(hosts, 30);

    expect(await upgradeNow()).toMatchObject({
      state: "halted",
      wave: 1,
      reason: `Host ${canary} went back to its release of before.`,
    });
    expect(await named(others)).toEqual([]);
    const alarms = async () =>
      (
        await scene.api.request("GET", "/api/v1/alarms?open=true&kind=fleet-upgrade-halted", {
          as: scene.api.admin,
        })
      ).body.items;
    expect(await alarms()).toMatchObject([{ subject: NEW, detail: expect.stringContaining(`${canary}`) }]);
    const shown = (await scene.api.request("GET", `/api/v1/hosts/${canary}`, { as: scene.api.admin })).body;
    expect(shown.agent_upgrade).toMatchObject({
      version: OLD,
      refused: [NEW],
      last: { result: "reverted", to: NEW },
      target: null,
    });
    const events = (await scene.api.request("GET", `/api/v1/hosts/${canary}/events`, { as: scene.api.admin }))
      .body.items;
    expect(events.filter(({ kind }: { kind: string }) => kind.startsWith("agent-upgrade"))).toMatchObject([
      { kind: "agent-upgrade-reverted", old: OLD, new: NEW },
    ]);

    expect((await request("POST", "/resume")).body.upgrade).toMatchObject({ state: "running" });
    await calm(hosts);
    await pass();
    expect(await alarms()).toEqual([]);
    expect(await upgradeNow()).toMatchObject({ state: "running", wave: 2 });
    expect(await named(others)).toEqual(others.map(({ id }) => id));
  });

  test("that is paused or aborted names no release any more", async () => {
    const hosts = await fleetOf(1);
    await begin();
    await pass();
    expect(await named(hosts)).toHaveLength(1);

    expect((await request("POST", "/pause")).body.upgrade.state).toBe("paused");
    await pass();
    expect(await named(hosts)).toEqual([]);
    expect((await request("POST", "/pause")).status).toBe(409);
    await request("POST", "/resume");
    await pass();
    expect(await named(hosts)).toHaveLength(1);
    expect((await request("POST", "/abort")).body.upgrade.state).toBe("aborted");
    expect(await named(hosts)).toEqual([]);
    expect((await request("POST", "/resume")).status).toBe(409);
    expect((await begin()).status).toBe(201);
  });

  test("does nothing under a term that is over", async () => {
    await fleetOf(1);
    await begin();
    const { term, now } = await leading();

    await expect(fleetUpgradePass({ db: scene.api.deps.db }, { term: term - 1, now })).rejects.toThrow(
      /is over/,
    );
    expect(await upgradeNow()).toMatchObject({ waves: [{ waiting: 1 }] });
  });
});

describe("a request to begin one", () => {
  test("names the release that is handed out, and hosts of the fleet", async () => {
    const [one, two] = await fleetOf(2);

    expect(await begin({ version: "0.3.0" })).toMatchObject({
      status: 422,
      body: { detail: `version: is not the release that this server hands out, which is ${NEW}` },
    });
    expect(await begin({ version: "0.2" })).toMatchObject({ status: 422 });
    expect(await begin({ version: "../etc" })).toMatchObject({ status: 422 });
    expect(await begin({})).toMatchObject({ status: 422 });
    expect(await begin({ version: NEW, hosts: [] })).toMatchObject({ status: 422 });
    expect(await begin({ version: NEW, hosts: ["nobody"] })).toMatchObject({
      status: 422,
      body: { reason_code: "fleet-upgrade-host-unknown" },
    });
    expect(await begin({ version: NEW, wave: 3 })).toMatchObject({ status: 422 });
    expect((await begin({ version: NEW, hosts: [two!.id] })).body.upgrade.waves).toMatchObject([
      { hosts: 1 },
    ]);
    await pass();
    expect(await named([one!, two!])).toEqual([two!.id]);
    expect(await begin()).toMatchObject({ status: 409, body: { reason_code: "fleet-upgrade-open" } });
  });

  test("is refused where no release is handed out, and where no host can be upgraded", async () => {
    await scene.host(`old-${(number += 1)}`, { features: [] });
    expect(await begin()).toMatchObject({ status: 409, body: { reason_code: "fleet-upgrade-no-host" } });

    scene.api.deps.config.bundle = () => null;
    expect(await begin()).toMatchObject({ status: 409, body: { reason_code: "release-none-served" } });
    expect((await request("GET", "")).body).toEqual({ served_release: null, upgrade: null });
  });

  test.each(["", "/pause", "/resume", "/abort"])("is an administrator's alone: %s", async (path) => {
    await fleetOf(1);

    expect((await request("POST", path, { version: "0.2.0" }, alice)).status).toBe(403);
    expect((await request("GET", "", undefined, alice)).status).toBe(403);
  });
});

describe("what a host reports of upgrades", () => {
  test("is noted once for each attempt, however often it is reported, and counted", async () => {
    const [host] = await fleetOf(1);
    await host?.heartbeat(runs(OLD, failed("refused")));
    await host?.beatAgain();
    await host?.heartbeat(runs(OLD));
    await host?.heartbeat(runs(OLD, failed("refused")));
    await host?.heartbeat(runs(OLD, failed("reverted", 2)));

    const { rows } = await scene.api.db.query(
      "SELECT attempt, result FROM agent_upgrade_results WHERE host_id = $1 ORDER BY id",
      [host?.id],
    );
    expect(rows).toEqual([
      { attempt: `1 ${AT}`, result: "refused" },
      { attempt: `2 ${AT}`, result: "reverted" },
    ]);
  });

  test("fills no table, however many attempts it invents", async () => {
    const [host] = await fleetOf(1);
    for (let attempt = 0; attempt < 55; attempt += 1)
      await host?.heartbeat(runs(OLD, failed("reverted", attempt)));

    const { rows } = await scene.api.db.query(
      "SELECT count(*)::int AS noted FROM agent_upgrade_results WHERE host_id = $1",
      [host?.id],
    );
    expect(rows).toEqual([{ noted: 50 }]);
  });

  test("is answered in a quiet heartbeat as in any other", async () => {
    const [host] = await fleetOf(1);
    await begin();
    await pass();

    expect((await host?.heartbeat(runs(OLD)))?.release).toEqual(RELEASE);
    expect((await host?.heartbeat({ ...runs(OLD), degraded: ["no-live-restore"] }))?.release).toEqual(
      RELEASE,
    );
  });
});

describe("an agent of another release", () => {
  const [major = 0, minor = 0] = VERSION.split(".").map(Number);
  const ahead = (releases: number) => `${major}.${minor + releases}.0`;

  test("one that is two releases ahead gets nothing new, and says why; its neighbours get it", async () => {
    const bob = await scene.customer(`bob-${number}`);
    const [host] = await fleetOf(1);
    await host?.heartbeat({ version: ahead(2) });
    const why = `its agent is too new for new work: it is version ${ahead(2)}, this control plane ${VERSION}`;

    const order = await scene.order(bob);
    await scene.schedule();
    expect(await scene.get(bob, order.body.id)).toMatchObject({ status: "queued" });
    const shown = (await scene.api.request("GET", `/api/v1/hosts/${host?.id}`, { as: scene.api.admin })).body;
    expect(shown).toMatchObject({ status: "online", status_reason: `Nothing new is placed: ${why}.` });

    await host?.heartbeat({ version: ahead(1) });
    await scene.schedule();
    expect(await scene.get(bob, order.body.id)).toMatchObject({ status: "creating" });
  });

  test("what runs there goes on: it pulls its orders, is stopped as ordered, and no alarm is open", async () => {
    const bob = await scene.customer(`carol-${number}`);
    const [host] = await fleetOf(1);
    const order = await scene.order(bob);
    await scene.schedule();
    await host?.round();
    await host?.heartbeat({ version: ahead(2) });

    expect(await host?.pull()).toMatchObject([{ want: "running" }]);
    await scene.api.request("POST", `/api/v1/environments/${order.body.id}/stop`, { as: bob });
    expect((await host?.pull())?.map(({ want }) => want)).toEqual(["stopped"]);
    await agentAlarmsPass({ db: scene.api.deps.db }, await leading());
    expect(await alarmsOf(host)).toEqual([]);
  });

  test("one that is too old to be supported has an alarm until it is upgraded", async () => {
    const [host] = await fleetOf(1);
    const own = "0.9.0";
    await host?.heartbeat({ version: "0.4.0" });
    await agentAlarmsPass({ db: scene.api.deps.db, version: own }, await leading());

    expect(await alarmsOf(host)).toEqual([
      `On host ${host?.id} nothing new is placed: its agent is too old to be supported: it is version 0.4.0, this control plane 0.9.0. What runs there is metered.`,
    ]);
    await host?.heartbeat({ version: "0.5.0" });
    await agentAlarmsPass({ db: scene.api.deps.db, version: own }, await leading());
    expect(await alarmsOf(host)).toEqual([]);
  });

  async function alarmsOf(host: ScriptedHost | undefined): Promise<string[]> {
    const path = `/api/v1/alarms?open=true&kind=agent-unsupported&subject=${host?.id}`;
    const { items } = (await scene.api.request("GET", path, { as: scene.api.admin })).body;
    return items.map(({ detail }: { detail: string }) => detail);
  }
});
