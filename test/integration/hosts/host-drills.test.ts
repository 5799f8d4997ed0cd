/** What the control plane makes of the certificate of a host's drill: what is shown, who may land there, and the alarm. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { openHostKey } from "@remotegpu/agent/link/nkey";
import { drillAlarmsPass } from "@remotegpu/control-plane/server/controllers/hosts/drill-alarms";
import { VERSION } from "@remotegpu/control-plane/server/release/version";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { DRILL_FAULTS, type DrillDocument } from "@remotegpu/shared/messages/drill-report";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

const DAY_MS = 86_400_000;

let scene: ControlScene;
let host: ScriptedHost;
const folder = mkdtempSync(join(tmpdir(), "drill-keys-"));
const [key, otherKey] = ["host", "other"].map((name) => openHostKey(join(folder, name))) as [
  ReturnType<typeof openHostKey>,
  ReturnType<typeof openHostKey>,
];

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  host = await scene.host("host-a");
  await scene.api.db.query("INSERT INTO host_credentials (nkey, host_id) VALUES ($1, $2)", [
    key.publicKey,
    host.id,
  ]);
});
afterEach(async () => await scene.close());
afterAll(() => rmSync(folder, { recursive: true }));

const passed = () =>
  DRILL_FAULTS.map((fault) => ({
    fault,
    kind: "real" as const,
    result: "passed" as const,
    seconds: 1,
    reason: null,
  }));

async function reports(
  change: Partial<DrillDocument> = {},
  { daysAgo = 0, by = key, tamper = (document: string) => document } = {},
): Promise<void> {
  const endedAt = new Date(scene.api.deps.now().getTime() - daysAgo * DAY_MS).toISOString();
  const document = JSON.stringify({
    hostId: host.id,
    version: VERSION,
    driver: null,
    gpus: [],
    canary: "env-1",
    startedAt: endedAt,
    endedAt,
    faults: passed(),
    ...change,
  } satisfies DrillDocument);
  host.machine.drill = { document: tamper(document), signature: by.sign(document) };
  await host.report([]);
}

/** The same document, ended later than it was signed with. */
const withEnd = (endedAt: string) => (document: string) =>
  JSON.stringify({ ...(JSON.parse(document) as DrillDocument), endedAt });
const wantsDays = async (days: string) => await setSetting(scene.api.db, "HOST_DRILL_MAX_DAYS", days);
const visible = async () =>
  (await scene.api.request("GET", "/api/v1/hosts/host-a", { as: scene.api.admin })).body;
const rows = async (text: string) => (await scene.api.db.query(text)).rows;
const alarms = async () => {
  const term = await acquireLeadership(scene.api.deps.db, { holder: "the test", now: scene.api.deps.now() });
  await drillAlarmsPass({ db: scene.api.deps.db }, { term: term ?? 0, now: scene.api.deps.now() });
  return await rows("SELECT kind, subject FROM alarms WHERE cleared_at IS NULL");
};
const placements = async () => (await scene.schedule()).placed.length;

test("a certificate is shown with each of its faults, and is an event once, however often it is reported", async () => {
  expect(await visible()).toMatchObject({ drill: null, drill_detail: null });

  await reports();
  await host.report([]);

  expect(await visible()).toMatchObject({
    drill: { passed: true, canary: "env-1", faults: passed() },
    drill_detail: null,
  });
  expect(await rows("SELECT kind, host_id FROM events WHERE kind LIKE 'host-drill-%'")).toEqual([
    { kind: "host-drill-passed", host_id: "host-a" },
  ]);
});

test("one that failed is shown with the reason, and counts as the newest", async () => {
  await reports();
  const faults = passed().map((one) =>
    one.fault === "agent-kill"
      ? { ...one, result: "failed" as const, reason: { code: "drill-canary-restarted", params: {} } as const }
      : one,
  );

  await reports({ faults, canary: "env-2" });
  await wantsDays("30");

  const { drill, drill_detail_code: code } = await visible();
  expect(drill).toMatchObject({ passed: false });
  expect(drill?.faults[0]).toMatchObject({
    result: "failed",
    reason_code: "drill-canary-restarted",
    reason: expect.stringContaining("canary"),
  });
  expect(code).toBe("host-drill-failed");
});

test("what another key signed, what is another host's, and what was changed after it was signed is left out", async () => {
  await wantsDays("30");
  await scene.order(await scene.customer("alice"));
  await reports({}, { by: otherKey });
  await reports({ hostId: "host-b" });
  const failed = passed().map((one) => ({ ...one, result: "failed" as const }));
  await reports({ faults: failed }, { tamper: (text) => text.replaceAll("failed", "passed") });
  await reports({}, { daysAgo: 31, tamper: withEnd(new Date(scene.api.deps.now()).toISOString()) });

  expect((await visible()).drill).toBeNull();
  expect(await rows("SELECT FROM host_drills")).toEqual([]);
  expect((await visible()).drill_detail_code).toBe("host-undrilled");
  expect(await placements()).toBe(0);
});

test("of many the last five are kept", async () => {
  for (let count = 0; count < 7; count += 1) await reports({ canary: `env-${count}` });

  expect(await rows("SELECT document::json ->> 'canary' AS canary FROM host_drills ORDER BY id")).toEqual(
    [2, 3, 4, 5, 6].map((count) => ({ canary: `env-${count}` })),
  );
});

test("where the policy wants one, an order waits for it and is told so; with one it is placed", async () => {
  const alice = await scene.customer("alice");
  await wantsDays("30");
  const { id } = (await scene.order(alice)).body;

  expect(await placements()).toBe(0);
  expect((await scene.get(alice, id)).status_reason).toContain("it has no certificate of a drill");
  await reports({}, { daysAgo: 31 });
  expect(await placements()).toBe(0);
  expect((await visible()).drill_detail).toBe("its certificate of a drill is older than 30 days");
  await reports({}, { daysAgo: 29 });

  expect(await placements()).toBe(1);
});

test("without the policy nothing waits for one", async () => {
  await scene.order(await scene.customer("alice"));

  expect(await placements()).toBe(1);
});

test("a drill's canary is placed on a host without one, if the host has the label", async () => {
  await wantsDays("30");
  await scene.api.request("PATCH", "/api/v1/hosts/host-a", {
    as: scene.api.admin,
    body: { labels: { drill: "1" } },
  });
  const alice = await scene.customer("alice");
  await scene.order(alice);
  expect(await placements()).toBe(0);

  await scene.order(alice, { config: { host_labels: { drill: "1" } } });

  expect(await placements()).toBe(1);
});

test("a card that its drill did not see voids it", async () => {
  await wantsDays("30");
  const other = await scene.host("host-c", { gpus: 1 });
  const [gpu] = other.gpus;
  await reports();
  host.gpus = [{ ...(gpu as NonNullable<typeof gpu>), uuid: "GPU-host-a-000000" as never }];
  await reports();

  expect((await visible()).drill_detail_code).toBe("host-drill-other-cards");
});

test("the alarm is raised before a good one ends, and is over with the next; without the policy there is none", async () => {
  await reports({}, { daysAgo: 25 });
  expect(await alarms()).toEqual([]);
  await wantsDays("30");
  expect(await alarms()).toEqual([{ kind: "drill-due", subject: "host-a" }]);

  await reports();

  expect(await alarms()).toEqual([]);
});
