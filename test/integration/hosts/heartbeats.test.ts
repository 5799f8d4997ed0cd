/** Many heartbeats at once: noted together where nothing is new, and none waits for another host's troubles. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { noteQuietHeartbeats } from "@remotegpu/control-plane/server/store/reports/quiet-heartbeats";
import {
  type ControlScene,
  openControlScene,
  type ScriptedHost,
} from "../../support/worlds/control-scene.ts";
import { eventually } from "../../support/eventually.ts";

let scene: ControlScene;
let hosts: ScriptedHost[];

beforeAll(async () => {
  scene = await openControlScene();
  hosts = [];
  for (const name of ["a", "b", "c", "d"]) hosts.push(await scene.host(`host-${name}`, { gpus: 1 }));
  // The second one tells a round trip; from then on nothing is new.
  await Promise.all(hosts.map((host) => host.heartbeat()));
});
afterAll(async () => await scene?.close());

const sql = async (text: string, values: unknown[] = []) => (await scene.api.db.query(text, values)).rows;
const reading = (host: ScriptedHost, memoryUsedMib: number, change: object = {}) => ({
  gpus: [
    {
      uuid: host.gpus[0]!.uuid,
      health: "healthy",
      memoryUsedMib,
      utilizationPercent: 70,
      temperatureC: 50,
      powerW: 99.5,
      ...change,
    },
  ],
});

describe("heartbeats that come together", () => {
  test("leave of each host what it reported, and each is answered for itself", async () => {
    await sql("UPDATE hosts SET last_heartbeat = last_heartbeat - interval '20 seconds'");
    await sql("UPDATE host_journals SET watermark = 7 WHERE host_id = 'host-b'");

    const replies = await Promise.all(hosts.map((host, index) => host.heartbeat(reading(host, index + 1))));

    expect(replies.map(({ watermark }) => watermark)).toEqual([0, 7, 0, 0]);
    const rows = await sql(
      `SELECT g.memory_used_mib AS memory, g.power_w AS power, h.last_heartbeat > now() - interval '15 seconds' AS heard
         FROM gpus g JOIN hosts h ON h.id = g.host_id ORDER BY h.id`,
    );
    expect(rows).toEqual([1, 2, 3, 4].map((memory) => ({ memory, power: "99.5", heard: true })));
  });

  test("are one statement where nothing is new, and only there", async () => {
    const beats = hosts.map((host) => ({ hostId: host.id, heartbeat: host.heartbeatOf(reading(host, 1)) }));
    const messages = {
      hostId: hosts[0]!.id,
      heartbeat: hosts[0]!.heartbeatOf({ degraded: ["runtime-down"] }),
    };

    const noted = await noteQuietHeartbeats(scene.api.db, beats, scene.api.deps.now());
    const notNoted = await noteQuietHeartbeats(scene.api.db, [messages], scene.api.deps.now());

    expect([...noted.keys()].toSorted()).toEqual(["host-a", "host-b", "host-c", "host-d"]);
    expect(notNoted.size).toBe(0);
  });

  test("report what the agent can do: stored when it changes, quiet while it does not, nothing of an agent of before", async () => {
    const [a] = hosts as [ScriptedHost];
    const isQuiet = async (change: object) => {
      const beat = { hostId: a.id, heartbeat: a.heartbeatOf(change) };
      return (await noteQuietHeartbeats(scene.api.db, [beat], scene.api.deps.now())).has(a.id);
    };
    const visible = async () =>
      (await scene.api.request("GET", `/api/v1/hosts/${a.id}`, { as: scene.api.admin })).body.features;
    const before = { features: undefined };
    await a.heartbeat(before);
    expect(await visible()).toEqual([]);
    const upgraded = { features: ["image-fetches", "another"] };

    expect(await isQuiet(upgraded)).toBe(false);
    await a.heartbeat(upgraded);

    expect(await visible()).toEqual(["image-fetches", "another"]);
    expect(await isQuiet(upgraded)).toBe(true);
    expect(await isQuiet({ features: ["image-fetches"] })).toBe(false);
    await a.heartbeat(before);
    expect(await visible()).toEqual([]);
  });

  test("twice of one host are both answered", async () => {
    const host = hosts[0]!;

    const replies = await Promise.all([1, 2, 3].map((memory) => host.heartbeat(reading(host, memory))));

    expect(replies.map(({ kind }) => kind)).toEqual([
      "heartbeat-reply",
      "heartbeat-reply",
      "heartbeat-reply",
    ]);
  });

  test("are answered while another host's row is held, and that host's as soon as it is free", async () => {
    let release: () => void = () => undefined;
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    let isHeld = false;
    const holding = transaction(scene.api.db, async (tx) => {
      await tx.query("SELECT FROM hosts WHERE id = 'host-a' FOR UPDATE");
      isHeld = true;
      await isReleased;
    });
    await eventually(() => isHeld, { what: "the lock" });
    const answered: string[] = [];

    const all = hosts.map(async (host) => {
      await host.heartbeat();
      answered.push(host.id);
    });
    await eventually(() => answered.length === 3, { what: "the other three" });
    expect(answered.toSorted()).toEqual(["host-b", "host-c", "host-d"]);
    release();

    await Promise.all([holding, ...all]);
    expect(answered).toHaveLength(4);
  });

  test("lose nothing that one of them reports: a card that is ill, trouble of the host, a new start of the agent", async () => {
    const [a, b, c, d] = hosts as [ScriptedHost, ScriptedHost, ScriptedHost, ScriptedHost];

    await Promise.all([
      a.heartbeat(
        reading(a, 1, {
          health: "unhealthy",
          reasons: ["It is hot."],
          cordon: { kind: "drain", sinceMs: 1 },
        }),
      ),
      b.heartbeat({ degraded: ["disk-full"] }),
      c.heartbeat({ agentEpoch: 2 }),
      d.heartbeat(reading(d, 9)),
    ]);

    expect(await sql("SELECT host_id, cordoned, health_status FROM gpus WHERE cordoned")).toEqual([
      { host_id: "host-a", cordoned: true, health_status: "unhealthy" },
    ]);
    expect(await b.row()).toMatchObject({ degraded: ["disk-full"], health_status: "degraded" });
    expect(await c.row()).toMatchObject({ agent_epoch: 2 });
    expect(await sql("SELECT memory_used_mib FROM gpus WHERE host_id = 'host-d'")).toEqual([
      { memory_used_mib: 9 },
    ]);
  });

  test("request a host's state while a removal waits to be seen", async () => {
    const alice = await scene.customer("alice");
    const { id } = (await scene.order(alice)).body;
    await scene.schedule();
    const host = hosts.find(({ id: hostId }) => hostId !== "host-b")!;
    await sql("UPDATE placements SET host_id = $1", [host.id]);
    await host.heartbeat();
    await scene.api.request("DELETE", `/api/v1/environments/${id}`, { as: alice });
    await sql("UPDATE hosts SET generation = 5 WHERE id = $1", [host.id]);

    const before = await host.heartbeat({ applied: { term: 0, generation: 4 } });
    const after = await host.heartbeat({ applied: { term: 0, generation: 5 } });

    expect(before.observedDigest).not.toBeNull();
    expect(after.observedDigest).toBeNull();
  });
});
