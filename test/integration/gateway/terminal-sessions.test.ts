/** Open terminals of a gateway in the list of sessions and the access log, beside what hosts tell; the hosts are the test's. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TerminalSessions } from "@remotegpu/control-plane/gateway/terminal/terminal-sessions";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { keepGateway } from "@remotegpu/control-plane/server/store/gateway/gateways";
import { environmentByHash } from "@remotegpu/control-plane/server/store/environments/web/entry-states";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { cuttableTcp } from "../../support/engines/cuttable-tcp.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { memoryLog } from "../../support/memory-log.ts";
import type { ControlScene, ScriptedHost } from "../../support/worlds/control-scene.ts";
import { openCustomerScene } from "../../support/worlds/customer-scene.ts";

let fresh: FreshDatabase;
let scene: ControlScene;
let alice: Caller & { workspaceId: number };
let host: ScriptedHost;
let id: string;
let cuts: string[];
const log = memoryLog();

beforeAll(async () => {
  fresh = await freshDatabase();
  ({ scene, alice, host } = await openCustomerScene({ leases: true, ssh: true, cpu: 64 }, fresh));
});
afterAll(() => scene.close());
beforeEach(async () => {
  cuts = [];
  id = String((await scene.order(alice)).body.id);
  await host.heartbeat();
  await scene.schedule();
  await host.round();
  await seen("gw-1");
});

const now = () => scene.api.deps.now();
const request = async (method: string, path: string) =>
  await scene.api.request(method, `/api/v1/environments/${id}${path}`, { as: alice });
const sessions = async () => (await request("GET", "/sessions")).body.items;
const entries = async () => (await request("GET", "/access-log?service_type=terminal")).body.items;
const seen = async (gateway: string) =>
  await keepGateway(scene.api.db, {
    id: gateway,
    name: gateway,
    tunnel: null,
    webBase: null,
    serviceBase: null,
    serviceDomain: null,
    now: now(),
  });
const terminalsOf = (gatewayId: string, db: Database = scene.api.deps.db) =>
  new TerminalSessions({ db, gatewayId, now, log });

/** Alice comes in by her key. */
async function begun(terminals: TerminalSessions) {
  const { rows } = await scene.api.db.query<{ instance: string; epoch: number; key: number }>(
    `SELECT p.instance_id AS instance, p.epoch, k.id AS key FROM placements p JOIN instances i ON i.id = p.instance_id,
            api_keys k WHERE i.workload_id = $1 AND k.customer_id = $2`,
    [id, alice.customerId],
  );
  const [placed] = rows;
  if (placed === undefined) throw new Error("it was not placed");
  const reported = terminals.begin(
    {
      environmentId: id,
      instanceId: placed.instance,
      placementEpoch: placed.epoch,
      from: "192.0.2.7",
      customerId: alice.customerId,
      keyId: placed.key,
    },
    (because) => cuts.push(because),
  );
  await terminals.check();
  return reported;
}

test("who is at a terminal is recorded, from where and since when, and how it ended", async () => {
  const terminals = terminalsOf("gw-1");
  const reported = await begun(terminals);
  expect(await sessions()).toMatchObject([
    {
      service_type: "terminal",
      client_address: "192.0.2.7",
      login: { method: "browser", username: "alice", told_by: "gateway" },
      ended_at: null,
    },
  ]);

  reported.carried({ in: 3, out: 40 });
  reported.ended("container", "");
  reported.ended("client", "too late");
  await terminals.check();

  expect(await sessions()).toEqual([]);
  expect(await entries()).toMatchObject([
    { outcome: "container", detail: "", bytes_in: 3, bytes_out: 40, ended_at: expect.any(String) },
  ]);
});

test("one that is ended by hand is ended by its gateway, and its host hears nothing of it", async () => {
  const terminals = terminalsOf("gw-1");
  const others = terminalsOf("gw-2");
  const reported = await begun(terminals);
  await begun(others);
  const [mine] = (await sessions()).slice(-1);
  await host.pull();
  const before = host.applied;

  expect((await request("DELETE", `/sessions/${mine.id}`)).status).toBe(202);
  await terminals.check();
  await others.check();

  expect(cuts).toEqual([`Ended by customer ${alice.customerId}.`]);
  await host.pull();
  expect(host.applied).toEqual(before);
  reported.ended("cut", cuts[0] ?? "");
  await terminals.check();
  expect((await entries()).map((one: { outcome: string | null }) => one.outcome)).toEqual([null, "cut"]);
});

test("a host that reports all its sessions ends none of a gateway's", async () => {
  await begun(terminalsOf("gw-1"));
  await host.heartbeat();
  host.access = { sessions: [], attempts: [], isWhole: true };
  await host.round();
  host.access = null;

  expect(await sessions()).toHaveLength(1);
});

test("of a gateway that ended without a word they end; of one that was only away they go on", async () => {
  const terminals = terminalsOf("gw-3");
  const reported = await begun(terminals);

  await scene.lifecycle();
  expect(await entries()).toMatchObject([{ outcome: "unheard", detail: "Its gateway has ended." }]);
  await seen("gw-3");
  reported.ended("lost", "The connection to the environment was lost.");
  await terminals.check();

  expect(await entries()).toMatchObject([{ outcome: "lost" }]);
});

test("while Postgres is away none waits, and all is recorded once it is back", async () => {
  const url = new URL(fresh.url);
  const route = await cuttableTcp({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${route.port}`;
  const db = openDatabase(url.href);
  const terminals = terminalsOf("gw-1", db);
  route.cut();

  const reported = await begun(terminals);
  reported.ended("client", "");
  await terminals.check();
  expect(log.lines.some(({ level }) => level === "warn")).toBe(true);
  expect(await entries()).toEqual([]);
  route.mend();
  await terminals.check();

  expect(await entries()).toMatchObject([{ outcome: "client" }]);
  await db.close();
  await route.close();
});

test("an origin's name by hash finds its environment by an index, however many there are", async () => {
  await scene.api.db.query(
    `INSERT INTO environments (id, name, customer_id, workspace_id, status, image, cpu, memory, created_at)
     SELECT 'Old_' || n, 'old', e.customer_id, e.workspace_id, 'stopped', e.image, e.cpu, e.memory, now()
       FROM environments e, generate_series(1, 3000) n WHERE e.id = $1`,
    [id],
  );
  await scene.api.db.query("ANALYZE environments");
  let requested: { text: string; values: unknown[] } | null = null;
  const watched = {
    query: async (text: string, values: unknown[] = []) => {
      requested = { text, values };
      return await scene.api.db.query(text, values);
    },
  } as unknown as Database;

  expect(await environmentByHash(watched, sha256("Old_1234").slice(0, 20))).toBe("Old_1234");
  expect(await environmentByHash(watched, "0".repeat(20))).toBeNull();
  const { text, values } = requested ?? { text: "", values: [] };
  const { rows } = await scene.api.db.query<Record<string, string>>(`EXPLAIN ${text}`, values);
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toContain("idx_environments_web_name");
  expect(plan).not.toContain("Seq Scan");
});
