/** What hosts report of their programs: what it says of CVEs, who is told, what is waived, and who shares such a host. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  CVE_PAGE,
  cveAlarmsPass,
  MAX_NAMED_PROGRAMS,
} from "@remotegpu/control-plane/server/controllers/hosts/cve-alarms";
import { CVE_TABLE_EDITION } from "@remotegpu/control-plane/server/core/hosts/versions/cve-table";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import type { ComponentVersion, HostVersions } from "@remotegpu/shared/messages/host-versions";
import { MachineReport } from "@remotegpu/shared/messages/host-report";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Caller } from "../../support/http/api.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const MENDED_RUNC = "1.1.15+ds1-2+deb13u1";
const SETTING = "REFUSE_SHARED_VULNERABLE_HOSTS";
const NO_SHARING = "it runs work of another payer and shares with nobody until its software is updated";

let scene: ControlScene;
let alice: Caller;
let bob: Caller;
let number = 0;

beforeAll(async () => {
  scene = await openControlScene();
  alice = await scene.customer("alice");
  bob = await scene.customer("bob");
});
afterAll(async () => await scene.close());
beforeEach(async () => {
  await setSetting(scene.api.db, SETTING, "off");
  await scene.api.db.query("UPDATE hosts SET cordoned = true", []);
});

function runcOfDebian(version: string, change: Partial<ComponentVersion> = {}): ComponentVersion {
  const owner = { format: "deb", name: "runc", version, vendor: "Debian Go Packaging Team" } as const;
  return {
    component: "runc",
    version: "1.1.15+ds1",
    package: owner,
    isReplaced: false,
    mentionedCves: [],
    ...change,
  };
}

function debian13(...components: ComponentVersion[]): HostVersions {
  return { distribution: { id: "debian", release: "13", like: [] }, components };
}

/** The only host that is not cordoned. */
async function hostWith(versions: HostVersions | undefined, gpus = 2): Promise<ScriptedHost> {
  number += 1;
  const host = await scene.host(`versions-${number}`, { gpus });
  await reports(host, versions);
  return host;
}

async function reports(host: ScriptedHost, versions: HostVersions | null | undefined): Promise<void> {
  host.machine.versions = versions;
  await host.heartbeat();
  await host.round();
}

const request = async (verb: string, path: string, body?: object, as: Caller = scene.api.admin) =>
  await scene.api.request(verb, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const visible = async ({ id }: ScriptedHost) => (await request("GET", `/hosts/${id}`)).body;
const versionsOf = async ({ id }: ScriptedHost) => (await request("GET", `/hosts/${id}/versions`)).body;
const states = async (host: ScriptedHost) =>
  Object.fromEntries(
    (await versionsOf(host)).cves.map(({ id, state }: { id: string; state: string }) => [id, state]),
  );

async function alarmsPass(): Promise<void> {
  const now = scene.api.deps.now();
  const term = await acquireLeadership(scene.api.deps.db, { holder: "the test", now });
  if (term === null) throw new Error("somebody else leads");
  await cveAlarmsPass({ db: scene.api.deps.db }, { term, now });
}

/** Details of those that are open. */
async function alarmsOf(host: ScriptedHost): Promise<string[]> {
  await alarmsPass();
  const { items } = (await request("GET", `/alarms?open=true&kind=host-vulnerable&subject=${host.id}`)).body;
  return items.map(({ detail }: { detail: string }) => detail).toSorted();
}

async function doctorNotes(host: ScriptedHost): Promise<string[]> {
  const results = await examine(scene.api.deps.db, scene.api.deps.now());
  const result = results.find(({ check }) => check === "host-software-is-mended");
  if (result?.state !== "well") throw new Error(`the doctor says ${result?.state}`);
  return (result.notes ?? []).filter((note) => note.includes(host.id));
}

describe("a report of versions", () => {
  test("is judged: mended, open with what to install, open without a package", async () => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));

    expect(await states(host)).toEqual({
      "CVE-2025-31133": "mended",
      "CVE-2025-52565": "mended",
      "CVE-2025-52881": "open-without-package",
      "CVE-2026-41579": "mended",
    });
    expect(await visible(host)).toMatchObject({
      open_cves: ["CVE-2025-52881"],
      waived_cves: [],
      cve_detail: "No package of debian 13 mends runc: CVE-2025-52881.",
    });
    expect((await versionsOf(host)).components).toEqual([
      {
        component: "runc",
        version: "1.1.15+ds1",
        package: "runc",
        package_version: MENDED_RUNC,
        is_replaced: false,
      },
    ]);
  });

  test("that changes is judged anew, and one that is the same keeps its moment", async () => {
    const host = await hostWith(debian13(runcOfDebian("1.1.15+ds1-2")));
    const first = await versionsOf(host);
    scene.api.passMinutes(5);
    await reports(host, debian13(runcOfDebian("1.1.15+ds1-2")));
    expect((await versionsOf(host)).reported_at).toBe(first.reported_at);

    await reports(host, debian13(runcOfDebian(MENDED_RUNC)));

    expect((await versionsOf(host)).reported_at).not.toBe(first.reported_at);
    expect((await visible(host)).open_cves).toEqual(["CVE-2025-52881"]);
  });

  test("of an agent of before, or that has not read them yet, is none, and takes back nothing", async () => {
    const before = await hostWith(undefined);
    expect(await versionsOf(before)).toEqual({
      distribution: null,
      reported_at: null,
      components: [],
      cves: [],
      waiver: null,
    });
    expect(await visible(before)).toMatchObject({ open_cves: [], cve_detail: null });

    await reports(before, debian13(runcOfDebian("1.1.15+ds1-2")));
    await reports(before, null);
    await reports(before, undefined);

    expect((await visible(before)).open_cves).toHaveLength(4);
  });

  test("that nobody can understand spoils no report", () => {
    const machine = {
      ...scene.hosts[0]?.machine,
      versions: { distribution: "?", components: Array.from({ length: 99 }, () => ({})) },
    };

    expect(MachineReport.parse(machine).versions).toBeUndefined();
  });

  test("is judged by this release's table where another one has judged it", async () => {
    const host = await hostWith(debian13(runcOfDebian("1.1.15+ds1-2")));
    await scene.api.db.query(
      "UPDATE host_versions SET table_edition = $2, open_cves = '{CVE-1999-0001}' WHERE host_id = $1",
      [host.id, CVE_TABLE_EDITION - 1],
    );

    await alarmsPass();

    const { rows } = await scene.api.db.query(
      "SELECT table_edition, open_cves FROM host_versions WHERE host_id = $1",
      [host.id],
    );
    expect(rows).toEqual([
      {
        table_edition: CVE_TABLE_EDITION,
        open_cves: ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881", "CVE-2026-41579"],
      },
    ]);
  });
});

test.each([
  [
    "has more than this release knows",
    { distribution: { id: "debian", release: "13", like: [] }, components: [], later: 1 },
    [],
  ],
  ["this release cannot read", { distribution: "?" }, ["CVE-1999-0001"]],
])("a report that %s stays as it came when it is judged anew", async (_what, reported, open) => {
  const host = await hostWith(debian13());
  await scene.api.db.query(
    "UPDATE host_versions SET reported = $3, table_edition = $2, open_cves = '{CVE-1999-0001}' WHERE host_id = $1",
    [host.id, CVE_TABLE_EDITION - 1, JSON.stringify(reported)],
  );

  await alarmsPass();

  const { rows } = await scene.api.db.query(
    "SELECT reported, open_cves, table_edition FROM host_versions WHERE host_id = $1",
    [host.id],
  );
  expect(rows).toEqual([{ reported, open_cves: open, table_edition: CVE_TABLE_EDITION }]);
});

describe("an alarm", () => {
  test("and the doctor name the package, until it is installed; another CVE is another alarm", async () => {
    const host = await hostWith(
      debian13(runcOfDebian("1.1.15+ds1-2", { mentionedCves: ["CVE-2025-52881"] })),
    );
    const install = `Install runc ${MENDED_RUNC} or later: CVE-2025-31133, CVE-2025-52565, CVE-2026-41579.`;

    expect(await alarmsOf(host)).toEqual([`Host ${host.id}, runc: ${install}`]);
    expect(await doctorNotes(host)).toEqual([`Host ${host.id} (${host.id}): ${install}`]);

    await reports(host, debian13(runcOfDebian(MENDED_RUNC)));
    expect(await alarmsOf(host)).toEqual([
      `Host ${host.id}, runc: No package of debian 13 mends runc: CVE-2025-52881.`,
    ]);

    await reports(host, debian13(runcOfDebian(MENDED_RUNC, { mentionedCves: ["CVE-2025-52881"] })));
    expect(await alarmsOf(host)).toEqual([]);
    expect(await doctorNotes(host)).toEqual([]);
  });

  test("is not raised for simulated cards, which the doctor names all the same", async () => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));
    await simulate(host);

    expect(await alarmsOf(host)).toEqual([]);
    expect(await doctorNotes(host)).toEqual([
      `Host ${host.id} (${host.id}, simulated): No package of debian 13 mends runc: CVE-2025-52881.`,
    ]);
  });

  test("of a program of many hosts names so many of them, and is one for all others; none is missing", async () => {
    const beyond = 7;
    await scene.api.db.query(
      `INSERT INTO hosts (id, name, ip_address) SELECT 'many-' || lpad(n::text, 5, '0'), 'many-' || n, '192.0.2.1'
         FROM generate_series(1, $1::int) n`,
      [CVE_PAGE + MAX_NAMED_PROGRAMS + beyond],
    );
    await scene.api.db.query(
      `INSERT INTO host_versions (host_id, reported, reported_at, open_cves, table_edition)
       SELECT id, $1, now(), '{}', $2 FROM hosts WHERE id LIKE 'many-%'`,
      [JSON.stringify(debian13(runcOfDebian(MENDED_RUNC))), CVE_TABLE_EDITION - 1],
    );

    const leaves = async () =>
      await scene.api.db.query("UPDATE hosts SET deleted_at = now() WHERE id LIKE 'many-%'");
    onTestFinished(async () => void (await leaves()));
    const last = await hostWith(
      debian13(runcOfDebian("1.1.15+ds1-2", { mentionedCves: ["CVE-2025-52881"] })),
    );
    await alarmsPass();

    const { rows } = await scene.api.db.query<{ subject: string; detail: string }>(
      "SELECT subject, detail FROM alarms WHERE kind = 'host-vulnerable' AND cleared_at IS NULL ORDER BY id",
    );
    const more = rows.filter(({ subject }) => subject.startsWith("more "));
    expect(rows.length - more.length).toBe(MAX_NAMED_PROGRAMS);
    const words = new Map(more.map(({ subject, detail }) => [subject, detail]));
    expect(words.get("more runc CVE-2025-52881")).toMatch(
      /^On hosts beyond those with alarms of their own, \d+ as this was found, among them many-\d+, runc: No package/,
    );
    expect(words.get("more runc CVE-2025-31133 CVE-2025-52565 CVE-2026-41579")).toMatch(
      /as this was found, among them versions-\d+, runc: Install runc/,
    );

    await leaves();
    expect(await alarmsOf(last)).toHaveLength(1);
  });

  test("is over when the host has left", async () => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));
    expect(await alarmsOf(host)).toHaveLength(1);

    expect((await request("DELETE", `/hosts/${host.id}`)).status).toBe(204);

    expect(await alarmsOf(host)).toEqual([]);
  });
});

describe("a waiver", () => {
  test("is about what is open now, ends the alarm, and stands with its reason in the audit log and the events", async () => {
    const host = await hostWith(
      debian13(runcOfDebian("1.1.15+ds1-2", { mentionedCves: ["CVE-2025-52881"] })),
    );

    const answer = await request("PUT", `/hosts/${host.id}/cve-waiver`, {
      reason: "one tenant alone has it",
    });

    expect(answer).toMatchObject({
      status: 200,
      body: {
        waiver: {
          reason: "one tenant alone has it",
          cves: ["CVE-2025-31133", "CVE-2025-52565", "CVE-2026-41579"],
          waived_by: scene.api.admin.customerId,
          expires_at: null,
        },
      },
    });
    expect(await visible(host)).toMatchObject({ waived_cves: answer.body.waiver.cves, cve_detail: null });
    expect(await alarmsOf(host)).toEqual([]);
    const { items } = (await request("GET", `/audit-log?target_kind=cve-waiver&target_id=${host.id}`)).body;
    expect(items).toMatchObject([
      {
        action: "host.waive-cves",
        after: { reason: "one tenant alone has it", cves: answer.body.waiver.cves },
      },
    ]);
    const events = (await request("GET", `/hosts/${host.id}/events`)).body.items;
    expect(events).toContainEqual(
      expect.objectContaining({ kind: "cves-waived", reason: "one tenant alone has it" }),
    );
  });

  test("covers no CVE that is found later", async () => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));
    await request("PUT", `/hosts/${host.id}/cve-waiver`, { reason: "known" });
    expect(await alarmsOf(host)).toEqual([]);

    await reports(host, debian13(runcOfDebian("1.1.15+ds1-2")));

    expect(await alarmsOf(host)).toEqual([
      `Host ${host.id}, runc: Install runc ${MENDED_RUNC} or later: CVE-2025-31133, CVE-2025-52565, CVE-2026-41579.`,
    ]);
  });

  test("ends by itself after its days, or is taken back, which is in the audit log too", async () => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));
    const answer = await request("PUT", `/hosts/${host.id}/cve-waiver`, { reason: "for now", days: 2 });
    const lasts = Date.parse(answer.body.waiver.expires_at) - Date.parse(answer.body.waiver.waived_at);
    expect(lasts).toBe(2 * MS_PER_DAY);
    expect(await alarmsOf(host)).toEqual([]);
    await scene.api.db.query("UPDATE host_cve_waivers SET expires_at = $2 WHERE host_id = $1", [
      host.id,
      scene.api.deps.now(),
    ]);
    expect(await alarmsOf(host)).toHaveLength(1);

    await request("PUT", `/hosts/${host.id}/cve-waiver`, { reason: "for good" });
    expect((await request("DELETE", `/hosts/${host.id}/cve-waiver`)).status).toBe(204);

    expect(await alarmsOf(host)).toHaveLength(1);
    const { items } = (await request("GET", `/audit-log?target_kind=cve-waiver&target_id=${host.id}`)).body;
    expect(items[0]).toMatchObject({ action: "host.end-cve-waiver", before: { reason: "for good" } });
    expect((await request("DELETE", `/hosts/${host.id}/cve-waiver`)).status).toBe(409);
  });

  test.each<[string, object, number]>([
    ["without a reason", {}, 422],
    ["with an empty one", { reason: " " }, 422],
    ["of what is not open", { reason: "r", cves: ["CVE-2025-31133"] }, 422],
    ["of what is no CVE", { reason: "r", cves: ["all"] }, 422],
    ["for longer than a year", { reason: "r", days: 366 }, 422],
    ["with a member that is none", { reason: "r", until: "2030" }, 422],
  ])("%s is refused, and nothing is written", async (_what, body, status) => {
    const host = await hostWith(debian13(runcOfDebian(MENDED_RUNC)));

    expect((await request("PUT", `/hosts/${host.id}/cve-waiver`, body)).status).toBe(status);

    expect((await versionsOf(host)).waiver).toBeNull();
  });

  test("of a host where nothing is open is refused", async () => {
    const host = await hostWith(debian13());

    expect(await request("PUT", `/hosts/${host.id}/cve-waiver`, { reason: "r" })).toMatchObject({
      status: 409,
      body: { detail: `No CVE is known to be open on host ${host.id}.` },
    });
  });
});

describe("a second payer", () => {
  let orders: string[] = [];
  let hosts: ScriptedHost[] = [];
  // Reasons name few hosts.
  beforeEach(async () => {
    await scene.api.db.query("UPDATE hosts SET deleted_at = now()", []);
  });
  afterEach(async () => {
    await endAll();
    hosts = [];
  });

  const roomyHost = async (...components: ComponentVersion[]) => {
    const host = await hostWith(debian13(...components), 4);
    hosts.push(host);
    return host;
  };
  const vulnerable = async () => await roomyHost(runcOfDebian(MENDED_RUNC));
  const setOn = async () => await setSetting(scene.api.db, SETTING, "on");

  async function order(caller: Caller): Promise<string> {
    const { id } = (await scene.order(caller, { gpu: 1 })).body;
    orders.push(id);
    return id;
  }

  /** What becomes of an order of each of them, one after the other. */
  async function ordersOn(host: ScriptedHost, callers: readonly Caller[]): Promise<("placed" | "waits")[]> {
    const outcomes: ("placed" | "waits")[] = [];
    for (const caller of callers) {
      const id = await order(caller);
      await scene.schedule();
      outcomes.push((await placedOn(host)).includes(id) ? "placed" : "waits");
      await host.round();
    }
    return outcomes;
  }

  async function end(ids: readonly string[]): Promise<void> {
    for (const id of ids) await request("DELETE", `/environments/${id}`);
    for (const host of [...hosts, ...hosts]) await host.round();
    orders = orders.filter((id) => !ids.includes(id));
  }

  async function endAll(): Promise<void> {
    await end(orders);
  }

  async function placedOn({ id }: ScriptedHost): Promise<string[]> {
    const { rows } = await scene.api.db.query<{ workload_id: string }>(
      `SELECT i.workload_id FROM placements p JOIN instances i ON i.id = p.instance_id
        WHERE p.host_id = $1 AND p.resources_released_at IS NULL ORDER BY p.created_at`,
      [id],
    );
    return rows.map((row) => row.workload_id);
  }

  test("shares a host with an open CVE, unless the operator's setting forbids it", async () => {
    expect(await ordersOn(await vulnerable(), [alice, bob])).toEqual(["placed", "placed"]);
  });

  test("waits for another host where it is on, and why states so; the first one's later orders wait behind it", async () => {
    await setOn();

    const outcomes = await ordersOn(await vulnerable(), [alice, alice, bob, alice]);
    expect(outcomes).toEqual(["placed", "placed", "waits", "waits"]);

    const [, , waiting = ""] = orders;
    expect((await scene.get(bob, waiting)).status_reason).toContain(NO_SHARING);
    expect(
      JSON.stringify((await request("GET", `/environments/${waiting}/why`, undefined, bob)).body),
    ).toContain(NO_SHARING);
  });

  test("is not placed beside the first one in the same pass, on a host that was empty", async () => {
    await setOn();
    const host = await vulnerable();
    const both = [await order(alice), await order(bob)];

    await scene.schedule();

    const placed = await placedOn(host);
    expect(both.filter((id) => placed.includes(id))).toHaveLength(1);
  });

  test("comes in once the first one has nothing there any more", async () => {
    await setOn();
    const host = await vulnerable();
    const first = await order(alice);
    await scene.schedule();
    await host.round();
    const second = await order(bob);
    await scene.schedule();
    expect(await placedOn(host)).toEqual([first]);

    await end([first]);
    await scene.schedule();

    expect(await placedOn(host)).toEqual([second]);
  });

  test("shares a host for as long as its CVE is waived", async () => {
    await setOn();
    const host = await vulnerable();
    await request("PUT", `/hosts/${host.id}/cve-waiver`, { reason: "r", days: 1 });
    expect(await ordersOn(host, [alice, bob])).toEqual(["placed", "placed"]);
    await endAll();

    await scene.api.db.query("UPDATE host_cve_waivers SET expires_at = $2 WHERE host_id = $1", [
      host.id,
      scene.api.deps.now(),
    ]);

    expect(await ordersOn(host, [alice, bob])).toEqual(["placed", "waits"]);
  });

  test("shares a host where all is mended, and one whose cards are simulated", async () => {
    await setOn();
    const mended = await roomyHost(runcOfDebian(MENDED_RUNC, { mentionedCves: ["CVE-2025-52881"] }));
    expect(await ordersOn(mended, [alice, bob])).toEqual(["placed", "placed"]);
    await scene.api.db.query("UPDATE hosts SET cordoned = true", []);

    const simulated = await vulnerable();
    await simulate(simulated);

    expect(await ordersOn(simulated, [alice, bob])).toEqual(["placed", "placed"]);
  });
});

async function simulate(host: ScriptedHost): Promise<void> {
  host.gpus = host.gpus.map((gpu) => ({ ...gpu, simulated: true }));
  await host.round();
}
