/** Whose keys hosts are told to let into environments; the hosts are the test's. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { InstanceId } from "@remotegpu/shared/values/ids";
import { SSH_FEATURE } from "@remotegpu/shared/instance/ssh-access";
import { desiredAccess } from "@remotegpu/control-plane/server/store/reports/desired/desired-access";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { aPublicKey } from "../../support/samples/ssh-keys.ts";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { readingConnection } from "../../support/engines/reading-connection.ts";

let scene: ControlScene;
let owner: Caller & { workspaceId: number };
let author: Caller;
let manager: Caller;
let colleague: Caller;
let host: ScriptedHost;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  scene = await openControlScene(await emptyDatabase());
  owner = await scene.customer("olga");
  author = await scene.customer("alice");
  manager = await scene.customer("mia");
  colleague = await scene.customer("carl");
  await scene.api.join(owner.workspaceId, owner, author);
  await scene.api.join(owner.workspaceId, owner, manager, "admin");
  await scene.api.join(owner.workspaceId, owner, colleague);
  host = await scene.host("host-a", { ssh: true });
});
afterEach(async () => await scene.close());

const request = async (as: Caller, method: string, path: string, body?: unknown) =>
  await scene.api.request(method, `/api/v1${path}`, { as, ...(body !== undefined && { body }) });

async function addKey(as: Caller): Promise<{ id: number; line: string }> {
  const line = aPublicKey();
  const made = await request(as, "POST", "/ssh-keys", { name: "k", public_key: `${line} somebody@laptop` });
  expect(made.status).toBe(201);
  return { id: made.body.id, line };
}

/** Without the terminal in the browser, whose key is no person's. */
async function running(as: Caller, change: object = {}): Promise<string> {
  const order = { workspace_id: owner.workspaceId, web_terminal_enabled: false, ...change };
  const { id } = (await scene.order(as, order)).body;
  await scene.schedule();
  await host.round();
  return id;
}

const setOf = ({ customerId }: Caller) => `c-${customerId}`;
/** The sets that open an environment, as its host is told. */
const opens = (id: string) => host.desired.find(({ spec }) => spec.workloadId === id)?.live.ssh?.keySets;

describe("a host that serves SSH", () => {
  test("is sent for each environment the keys of its customer and of whoever manages all of the workspace", async () => {
    const keys = new Map<Caller, object>();
    for (const person of [owner, author, manager, colleague]) keys.set(person, await addKey(person));
    const second = await addKey(author);

    const theirs = await running(author);
    const others = await running(colleague);
    await host.pull();

    expect(opens(theirs)).toEqual([author, owner, manager].map(setOf));
    expect(opens(others)).toEqual([colleague, owner, manager].map(setOf));
    expect(host.desiredKeySets).toEqual([
      { id: setOf(owner), keys: [keys.get(owner)] },
      { id: setOf(author), keys: [keys.get(author), second] },
      { id: setOf(manager), keys: [keys.get(manager)] },
      { id: setOf(colleague), keys: [keys.get(colleague)] },
    ]);
  });

  test("is sent nothing of people without keys, and of no administrator of the product", async () => {
    await addKey(scene.api.admin);

    const id = await running(author);
    await host.pull();

    expect(opens(id)).toEqual([]);
    expect(host.desiredKeySets).toEqual([]);
  });

  test("is sent nothing of an account that is gone", async () => {
    await addKey(author);
    await addKey(owner);
    const id = await running(author);
    await scene.api.db.query("UPDATE customers SET deleted_at = now() WHERE id = $1", [owner.customerId]);

    await host.pull();

    expect(opens(id)).toEqual([setOf(author)]);
    expect(host.desiredKeySets).toMatchObject([{ id: setOf(author) }]);
  });

  test("is sent for an environment outside every workspace its customer's keys alone", async () => {
    await addKey(author);
    await addKey(owner);
    const id = await running(author);
    await scene.api.db.query("UPDATE environments SET workspace_id = NULL WHERE id = $1", [id]);

    await host.pull();

    expect(opens(id)).toEqual([setOf(author)]);
  });

  test("is sent nothing for those that are to stop, for jobs, and for services: nobody enters them", async () => {
    await addKey(author);
    const id = await running(author);

    expect((await request(author, "POST", `/environments/${id}/stop`)).status).toBe(202);
    await host.pull();

    expect(opens(id)).toBeUndefined();
    expect(host.desired).toMatchObject([{ want: "stopped" }]);
    expect(host.desiredKeySets).toEqual([]);
  });

  test("sends a few queries to the database, however many environments it has", async () => {
    await addKey(author);
    const requested = async () => {
      let queries = 0;
      const counting = readingConnection((text, values) => {
        queries += 1;
        return scene.api.db.query(text, values);
      });
      await desiredAccess(counting, {
        hostId: host.id,
        hostKeys: scene.api.deps.hostKeys,
        terminalKeys: scene.api.terminalKeys,
      });
      return queries;
    };
    await running(author);
    const few = await requested();
    for (let n = 0; n < 5; n += 1) await running(n % 2 === 0 ? author : colleague);

    expect(await requested()).toBe(few);
  });
});

describe("a host whose agent serves no SSH", () => {
  test("is sent nothing of it, until its agent does, which raises its generation", async () => {
    host = await scene.host("host-old", { cpu: 64 });
    await request(scene.api.admin, "POST", "/hosts/host-a/cordon", { reason: "old" });
    await addKey(author);
    const id = await running(author);
    await host.pull();
    expect(opens(id)).toBeUndefined();
    expect(host.desiredKeySets).toEqual([]);
    const { generation } = host.applied;

    const features = [...((await host.row())["features"] as string[]), SSH_FEATURE];
    const { targetGeneration } = await host.heartbeat({ features });
    await host.pull();

    expect(targetGeneration).toBe(generation + 1);
    expect(opens(id)).toEqual([setOf(author)]);
    expect(host.desired.map(({ instanceId }): InstanceId => instanceId)).toHaveLength(1);
    expect((await host.heartbeat({ features })).targetGeneration).toBe(generation + 1);
    expect((await host.heartbeat()).targetGeneration).toBe(generation + 2);
  });
});
