/** What the control plane makes of a host's canary: a cordon, an event, an alarm, what is shown, and the way back. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CanaryReport } from "@remotegpu/shared/messages/canary-report";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  host = await scene.host("host-a");
});
afterEach(async () => await scene.close());

const MOUNTED = { attempt: "mount-proc", detail: "A container could mount a /proc of its own." };
const REASON = `What every container must be refused succeeded on this host. ${MOUNTED.detail}`;

let atMs = 1_700_000_000_000;
/** A canary of its own, unless it is said again. */
const reports = async (change: Partial<CanaryReport>, { isSame = false } = {}) => {
  if (!isSame) atMs += 3_600_000;
  host.machine.canary = {
    atMs,
    outcome: "refused",
    detail: null,
    succeeded: [],
    unclear: [],
    ...change,
  };
  await host.report([]);
};
const succeeds = async (options?: { isSame: boolean }) =>
  await reports({ outcome: "succeeded", succeeded: [MOUNTED] }, options);

const asAdmin = async (verb: "cordon" | "uncordon", reason?: string) =>
  await scene.api.request("POST", `/api/v1/hosts/host-a/${verb}`, { as: scene.api.admin, body: { reason } });
const visible = async () =>
  (await scene.api.request("GET", "/api/v1/hosts/host-a", { as: scene.api.admin })).body;
const rows = async (text: string) => (await scene.api.db.query(text)).rows;
const events = async () =>
  (await rows("SELECT kind, old, new, actor FROM events WHERE kind LIKE 'host-%cordoned' ORDER BY id")).map(
    ({ kind, old, new: now, actor }) => `${kind} ${old} ${now} by ${actor}`,
  );
const alarms = async () =>
  (await rows("SELECT kind, subject, cleared_at IS NULL AS is_open FROM alarms ORDER BY id")).map(
    ({ kind, subject, is_open: isOpen }) => `${kind} ${subject} ${isOpen ? "open" : "over"}`,
  );
const doctor = async () =>
  (await examine(scene.api.deps.db, scene.api.deps.now())).find(
    ({ check }) => check === "canaries-are-refused",
  );

test("refused is listed, and changes nothing of its host", async () => {
  expect((await visible()).canary).toBeNull();

  await reports({ unclear: ["see-gpu"] });

  expect(await visible()).toMatchObject({
    cordoned: false,
    canary: { outcome: "refused", detail: null, succeeded: [], unclear: ["see-gpu"], failures: 0 },
  });
  expect([await alarms(), await events()]).toEqual([[], []]);
  expect(await doctor()).toMatchObject({ state: "well" });
});

test("a success takes the host out of service, once, with an event, an alarm and a finding of the doctor", async () => {
  const alice = await scene.customer("alice");

  await succeeds();
  await succeeds({ isSame: true });
  await succeeds();

  expect(await visible()).toMatchObject({
    status: "maintenance",
    cordoned: true,
    cordon_reason: REASON,
    canary: { outcome: "succeeded", succeeded: [MOUNTED] },
  });
  expect(await events()).toEqual(["host-cordoned online maintenance by host host-a"]);
  expect(await alarms()).toEqual(["isolation-broken host-a open"]);
  expect(await doctor()).toMatchObject({
    state: "broken",
    findings: [{ finding: "isolation-broken", subject: { host: "host-a" }, sentence: REASON }],
  });
  await scene.order(alice);
  expect((await scene.schedule()).placed).toEqual([]);
});

test("it stays out when later ones are refused or left out, and comes back by an administrator alone", async () => {
  await succeeds();
  await reports({ outcome: "left-out", detail: "All memory of the host is ordered." });

  expect((await visible()).canary).toMatchObject({ outcome: "left-out", succeeded: [MOUNTED] });
  expect(await doctor()).toMatchObject({ state: "broken" });
  await reports({});
  expect(await visible()).toMatchObject({ cordoned: true, canary: { outcome: "refused", succeeded: [] } });
  expect(await alarms()).toEqual(["isolation-broken host-a open"]);

  expect((await asAdmin("uncordon")).body).toMatchObject({ cordoned: false, status: "online" });
  expect(await alarms()).toEqual(["isolation-broken host-a over"]);
});

test("what was heard before its uncordon does not count again, and the next success does", async () => {
  await succeeds();
  await asAdmin("uncordon", "an old kernel, by intent");

  await succeeds({ isSame: true });
  expect(await visible()).toMatchObject({ cordoned: false });
  await succeeds();

  expect(await visible()).toMatchObject({ cordoned: true, cordon_reason: REASON });
  expect(await alarms()).toEqual(["isolation-broken host-a over", "isolation-broken host-a open"]);
  expect(await events()).toHaveLength(3);
});

test("whoever cordoned it before keeps the word, and the alarm is raised all the same", async () => {
  await asAdmin("cordon", "new cables");

  await succeeds();

  expect(await visible()).toMatchObject({ cordoned: true, cordon_reason: "new cables" });
  expect(await alarms()).toEqual(["isolation-broken host-a open"]);
});

test("one that cannot be tried is no cordon; three in a row are the doctor's to name", async () => {
  const fails = async () => await reports({ outcome: "failed", detail: "It could not be tried: no image." });
  await fails();
  await fails();
  expect(await doctor()).toMatchObject({ state: "well" });
  await reports({});
  for (let count = 0; count < 3; count += 1) await fails();

  expect(await visible()).toMatchObject({ cordoned: false, canary: { outcome: "failed", failures: 3 } });
  expect(await doctor()).toMatchObject({
    state: "broken",
    findings: [
      {
        finding: "canary-failed",
        subject: { host: "host-a" },
        sentence: "Its last 3 canaries found out nothing. It could not be tried: no image.",
      },
    ],
  });
  expect(await alarms()).toEqual([]);
});

test("a host that is full for a day, or whose canary is off, is worth a note", async () => {
  await reports({ outcome: "left-out", detail: "All memory of the host is ordered." });
  const name = (await visible()).name;
  expect(await doctor()).toMatchObject({
    state: "well",
    notes: [`Host ${name} (host-a): no canary was tried ever. All memory of the host is ordered.`],
  });

  await reports({ outcome: "off" });

  expect(await doctor()).toMatchObject({
    state: "well",
    notes: [`Host ${name} (host-a): its canary is switched off.`],
  });
});

test("what is unclear is worth a note, until a later canary has it refused", async () => {
  await reports({ unclear: ["write-toolbox", "see-gpu"] });
  const name = (await visible()).name;
  const sentence =
    "what its canary tried was answered by neither a refusal nor a success: write-toolbox, see-gpu.";

  expect(await doctor()).toMatchObject({ state: "well", notes: [`Host ${name} (host-a): ${sentence}`] });
  await reports({});

  expect(await doctor()).not.toHaveProperty("notes");
});

test("a success of before its canary was switched off is no finding any more", async () => {
  await succeeds();
  expect(await doctor()).toMatchObject({ state: "broken" });

  await reports({ outcome: "off" });

  expect(await doctor()).toMatchObject({ state: "well" });
  expect(await alarms()).toEqual(["isolation-broken host-a open"]);
});

test.each([
  ["revoked", "POST", "/api/v1/hosts/host-a/revoke"],
  ["removed", "DELETE", "/api/v1/hosts/host-a"],
] as const)("its alarm ends with its host: one that is %s", async (_what, method, path) => {
  await succeeds();

  const { status } = await scene.api.request(method, path, { as: scene.api.admin });

  expect(status).toBeLessThan(300);
  expect(await alarms()).toEqual(["isolation-broken host-a over"]);
});

test("an agent that reports nothing of one leaves what is known", async () => {
  await succeeds();
  const before = (await visible()).canary;
  delete host.machine.canary;

  await host.report([]);

  expect((await visible()).canary).toEqual(before);
});
