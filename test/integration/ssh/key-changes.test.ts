/**
 * Who may enter changes: hosts are told in the transaction of the change, and nudged. From then on it is for the host
 * (which pulls at once) to let somebody in, or to end what they have open.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import { eventually } from "../../support/eventually.ts";
import type { Answer, Caller } from "../../support/http/api.ts";
import { aPublicKey } from "../../support/samples/ssh-keys.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";

let scene: ControlScene;
let owner: Caller & { workspaceId: number };
let author: Caller;
let colleague: Caller & { workspaceId: number };
let host: ScriptedHost;
let id: string;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  owner = await scene.customer("olga");
  author = await scene.customer("alice");
  colleague = await scene.customer("carl");
  await scene.api.join(owner.workspaceId, owner, author);
  await scene.api.join(owner.workspaceId, owner, colleague);
  host = await scene.host("host-a", { ssh: true });
  for (const person of [owner, author, colleague]) await addKey(person);
  id = (await scene.order(author, { workspace_id: owner.workspaceId, web_terminal_enabled: false })).body.id;
  await scene.schedule();
  await host.round();
});
afterEach(async () => await scene.close());

const request = async (as: Caller, method: string, path: string, body?: unknown) =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });
const addKey = async (as: Caller) =>
  await request(as, "POST", "/ssh-keys", { name: "k", public_key: aPublicKey() });
const ownKeys = async (as: Caller) => (await request(as, "GET", "/ssh-keys")).body.items;
const memberPath = ({ customerId }: Caller) => `/workspaces/${owner.workspaceId}/members/${customerId}`;
const setOf = ({ customerId }: Caller) => `c-${customerId}`;

/** What a host knows of the environment once it has pulled, and how it came to. */
async function change(make: () => Promise<Answer>) {
  scene.api.nudged.length = 0;
  const before = (await host.heartbeat()).targetGeneration;
  const answer = await make();
  const raised = (await host.heartbeat()).targetGeneration - before;
  await host.pull();
  const ssh = host.desired.find(({ spec }) => spec.workloadId === id)?.live.ssh;
  return {
    status: answer.status,
    raised,
    nudged: scene.api.nudged,
    keySets: ssh?.keySets,
    keys: host.desiredKeySets.map(({ id: set, keys }) => [set, keys.length]),
  };
}

const REPORTED = { raised: 1, nudged: ["host-a"] };
const ALL = () => [author, owner].map(setOf);

describe("the host is notified of", () => {
  test("a key that is added", async () => {
    expect(await change(() => addKey(owner))).toMatchObject({
      status: 201,
      ...REPORTED,
      keys: [
        [setOf(owner), 2],
        [setOf(author), 1],
      ],
    });
  });

  test("a key that is removed, also the last one", async () => {
    const [key] = await ownKeys(author);

    expect(await change(() => request(author, "DELETE", `/ssh-keys/${key.id}`))).toMatchObject({
      status: 204,
      ...REPORTED,
      keySets: [setOf(owner)],
      keys: [[setOf(owner), 1]],
    });
  });

  test("a role that is won, and one that is lost", async () => {
    const become = (role: string) => change(() => request(owner, "PATCH", memberPath(colleague), { role }));

    expect(await become("admin")).toMatchObject({
      status: 200,
      ...REPORTED,
      keySets: [...ALL(), setOf(colleague)],
    });
    expect(await become("member")).toMatchObject({ status: 200, ...REPORTED, keySets: ALL() });
  });

  test("its customer's own role becoming too small", async () => {
    expect(await change(() => request(owner, "PATCH", memberPath(author), { role: "viewer" }))).toMatchObject(
      {
        ...REPORTED,
        keySets: [setOf(owner)],
      },
    );
  });

  test("a member who is suspended, and who is one again", async () => {
    const become = (status: string) => change(() => request(owner, "PATCH", memberPath(author), { status }));

    expect(await become("suspended")).toMatchObject({ ...REPORTED, keySets: [setOf(owner)] });
    expect(await become("active")).toMatchObject({ ...REPORTED, keySets: ALL() });
  });

  test("a member who is removed, and one who leaves", async () => {
    await request(owner, "PATCH", memberPath(colleague), { role: "admin" });

    const left = await change(() => request(colleague, "DELETE", memberPath(colleague)));
    const removed = await change(() => request(owner, "DELETE", memberPath(author)));

    expect(left).toMatchObject({ status: 204, ...REPORTED, keySets: ALL() });
    expect(removed).toMatchObject({ status: 204, ...REPORTED, keySets: [setOf(owner)] });
  });

  test("somebody who accepts an invitation to manage", async () => {
    const manager = await scene.customer("mia");
    await addKey(manager);
    const invited = await request(owner, "POST", `/workspaces/${owner.workspaceId}/members`, {
      username: "mia",
      role: "admin",
    });

    expect(
      await change(() => request(manager, "POST", `/invitations/${invited.body.id}/accept`)),
    ).toMatchObject({
      status: 200,
      ...REPORTED,
      keySets: [...ALL(), setOf(manager)],
    });
  });

  test("an account that is suspended, and one that is active again", async () => {
    const become = (status: string) =>
      change(() => request(scene.api.admin, "PATCH", `/customers/${owner.customerId}`, { status }));

    expect(await become("suspended")).toMatchObject({ ...REPORTED, keySets: [setOf(author)] });
    expect(await become("active")).toMatchObject({ ...REPORTED, keySets: ALL() });
  });
});

describe("no host is notified where", () => {
  const NOT_REPORTED = { raised: 0, nudged: [] };

  test("a key is refused", async () => {
    const [{ public_key }] = await ownKeys(author);

    expect(
      await change(() => request(author, "POST", "/ssh-keys", { name: "again", public_key })),
    ).toMatchObject({ status: 409, ...NOT_REPORTED, keySets: ALL() });
  });

  test("an account changes by what opens nothing", async () => {
    const path = `/customers/${owner.customerId}`;

    expect(
      await change(() => request(scene.api.admin, "PATCH", path, { display_name: "Olga" })),
    ).toMatchObject({
      status: 200,
      ...NOT_REPORTED,
    });
  });

  test("nothing of theirs runs, and where no agent serves SSH", async () => {
    const stranger = await scene.customer("sam");
    expect(await change(() => addKey(stranger))).toMatchObject({ status: 201, ...NOT_REPORTED });

    const old = await scene.host("host-old", { cpu: 64 });
    await request(scene.api.admin, "POST", "/hosts/host-a/cordon", { reason: "full" });
    const theirs = (await scene.order(colleague, {})).body.id;
    await scene.schedule();
    await old.round();
    expect(old.desired.map(({ spec }) => spec.workloadId)).toEqual([theirs]);

    scene.api.nudged.length = 0;
    await addKey(colleague);
    expect(scene.api.nudged).not.toContain("host-old");
    expect((await old.heartbeat()).targetGeneration).toBe(old.applied.generation);
  });
});

test("an environment's people read who lost access, and what that does not undo; not who won it", async () => {
  const [key] = await ownKeys(author);
  const lost = async () =>
    (await request(owner, "GET", `/environments/${id}/events`)).body.items.filter(
      ({ kind }: { kind: string }) => kind === "entry-revoked",
    );
  await addKey(author);
  await request(owner, "PATCH", memberPath(colleague), { role: "admin" });
  expect(await lost()).toEqual([]);

  await request(author, "DELETE", `/ssh-keys/${key.id}`);
  await request(owner, "DELETE", memberPath(colleague));
  await request(scene.api.admin, "PATCH", `/customers/${author.customerId}`, { status: "suspended" });

  const reported = await lost();
  expect(
    reported.map(({ actor, reason }: { actor: string; reason: string }) => [actor, reason.split(". ")[0]]),
  ).toEqual([
    [`admin ${scene.api.admin.customerId}`, `customer ${author.customerId} cannot enter any more`],
    [`customer ${owner.customerId}`, `customer ${colleague.customerId} cannot enter any more`],
    [`customer ${author.customerId}`, `A key of customer ${author.customerId} does not open it any more`],
  ]);
  expect(reported[0].reason).toContain("what somebody left inside as root is not undone: restart it");
});

test("a key that is removed while its environment is being placed is reported to the host that it is placed on", async () => {
  const [key] = await ownKeys(author);
  const { db } = scene.api.deps;
  const waits = async () =>
    (await scene.api.db.query("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"))
      .rowCount > 0;
  let removed: Promise<Answer> | undefined;

  await transaction(db, async (sql) => {
    await sql.query("SELECT FROM environments WHERE id = $1 FOR NO KEY UPDATE", [id]);
    removed = request(author, "DELETE", `/ssh-keys/${key.id}`);
    await eventually(waits, { what: "the removal to wait for the placement" });
  });

  expect((await removed)?.status).toBe(204);
  expect((await host.heartbeat()).targetGeneration).toBe(host.applied.generation + 1);
});
