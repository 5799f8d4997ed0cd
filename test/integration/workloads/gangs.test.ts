/** The life of a gang with hosts that a test speaks for: held, looked at, released together, and ended together. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { brokenTimePass } from "@remotegpu/control-plane/server/controllers/billing/broken-time";
import { workloadsPass } from "@remotegpu/control-plane/server/controllers/workloads";
import { currentTerm } from "@remotegpu/control-plane/server/store/database/leader";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { type DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { openControlScene, type ScriptedHost } from "../../support/worlds/control-scene.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { GangScene } from "../../support/worlds/fleet/gang-scene.ts";

let fresh: FreshDatabase;
let gangs: GangScene;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  gangs = await GangScene.begin(await openControlScene(fresh), 3);
});
afterEach(async () => await gangs.scene.close());

const rows = async <Row extends object>(sql: string, values: unknown[] = []) =>
  (await gangs.scene.api.db.query<Row>(sql, values)).rows;
const wellFormed = async () =>
  (await examine(gangs.scene.api.deps.db, gangs.scene.api.deps.now())).filter(
    ({ state }) => state !== "well",
  );
const networksInUse = async () =>
  await rows<{ gang_network: number }>(
    "SELECT DISTINCT gang_network FROM placements WHERE gang_network IS NOT NULL AND resources_released_at IS NULL",
  );
const whatCosts = async () =>
  await rows("SELECT FROM runs WHERE waive_from IS NULL OR waive_from > ordered_at OR billed_minutes > 0");
/** The host's journal proves the run's time up to that moment, and that it ended then. */
async function provesTo(host: ScriptedHost, wanted: DesiredInstance, at: Date): Promise<void> {
  const [boot] = await rows<{ utc_at_zero: Date }>(
    "SELECT utc_at_zero FROM host_boots WHERE host_id = $1 AND boot_id = $2",
    [host.id, host.bootId],
  );
  const [run] = await rows<{ ordered_at: Date }>("SELECT ordered_at FROM runs WHERE id = $1", [wanted.runId]);
  const inBoot = (moment: Date) => Math.round(moment.getTime() - boot!.utc_at_zero.getTime());
  const journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
  const { runId, instanceId, placementEpoch: epoch } = wanted;
  const claim = { run: runId, instanceId, epoch, fromMs: inBoot(run!.ordered_at) + 1, toMs: inBoot(at) };
  const seq = journal.write({ ...claim, final: true });
  const { db, now } = gangs.scene.api.deps;
  const deps = { db, verify: () => Promise.resolve(true), calendar: CHINA };
  const { quarantined } = await ingestBatch(deps, host.id, journal.batch(1, seq), now());
  expect(quarantined).toBe(0);
}
/** The rank that runs on is stopped, and what broke the gang is decided. */
async function breaks(...runsOn: ScriptedHost[]): Promise<void> {
  await gangs.scene.workloads();
  await gangs.round(runsOn);
  await gangs.scene.workloads();
  const { db, now } = gangs.scene.api.deps;
  await brokenTimePass({ db }, { term: await currentTerm(db), now: now() });
}
/** From when on each run is free because its gang broke. */
const freeFrom = async () =>
  (
    await rows<{ from_at: Date }>(
      "SELECT min(from_at) AS from_at FROM run_waivers WHERE reason = 'gang-broken' GROUP BY run_id",
    )
  ).map(({ from_at: from }) => from);
const LOST_ACCESS = {
  phase: "failed",
  problem: "gpu-failed",
  detail: "A new container has its GPU; this one was refused.",
} as const;
const CUT = { check: "network", detail: "No answer to 3 pings." };

describe("a gang", () => {
  test("is held for nothing until all is well everywhere, then begins, runs and is completed as one", async () => {
    const id = await gangs.placed({ distributed_config: { framework: "pytorch" } });
    const [one, other] = await gangs.hostsOf(id);

    const [wanted] = await one!.pull();
    expect(InstanceSpec.parse(wanted?.spec)).toMatchObject({
      gate: "released",
      hosts: [{ name: `${id}-0` }, { name: `${id}-1` }],
      network: { udpPort: 8473, peers: [{ host: other!.machine.ipAddress }] },
      env: { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: `${id}-0` },
    });
    expect(wanted?.live.released).toBeUndefined();

    await gangs.round([one!]);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({
      status: "queued",
      started_at: null,
      status_reason: `Placed on 2 hosts, free of charge: rank 1 is being made on host ${other!.id}.`,
    });

    await gangs.round([other!]);
    await gangs.scene.workloads();
    expect(gangs.scene.api.nudged.slice(-2).sort()).toEqual([one!.id, other!.id].sort());
    expect((await one!.pull())[0]?.live.released).toBe(true);
    expect(await gangs.job(id)).toMatchObject({ status: "queued", started_at: null });

    await gangs.round([one!]);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "queued" });
    await gangs.round([other!]);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "running", started_at: expect.any(String) });

    await gangs.print({ phase: "stopped", exitCode: 0 }, one!);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "running" });
    await gangs.print({ phase: "stopped", exitCode: 0 }, other!);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "completed" });
    await gangs.round();
    expect(await networksInUse()).toEqual([]);
    expect(await wellFormed()).toEqual([]);
  });

  test("shows each rank's place and what its host finds, while it is held", async () => {
    const id = await gangs.placed();
    const [one, other] = await gangs.hostsOf(id);
    gangs.bad.set(one!, [{ ...CUT, towards: other! }]);
    await gangs.round();

    const { instances } = await gangs.job(id);

    expect(instances.map(({ rank, host_id: hostId }) => [rank, hostId])).toEqual([
      [0, one!.id],
      [1, other!.id],
    ]);
    expect(instances[0]?.gang).toMatchObject({
      address: expect.stringMatching(/^10\.2[23]\d\.\d+\.128$/),
      held_at: expect.any(String),
      released_at: null,
      findings: expect.arrayContaining([
        {
          check: "network",
          is_passed: false,
          detail: CUT.detail,
          detail_code: "as-reported",
          detail_params: { text: CUT.detail },
          address: instances[1]!.gang!.address,
        },
      ]),
    });
  });

  test("beside another one has a network of its own, which is free again when nothing of it is held", async () => {
    await gangs.scene.host("host-9", { gpus: 1 });
    const [first, second] = [await gangs.placed({ gpu: 0 }), await gangs.placed({ gpu: 0 })];

    const networks = await rows<{ workload_id: string; network: number; subnet: string }>(
      `SELECT DISTINCT i.workload_id, p.gang_network AS network, p.spec #>> '{network,subnet}' AS subnet
         FROM placements p JOIN instances i ON i.id = p.instance_id`,
    );
    expect(networks.map(({ workload_id: id }) => id).sort()).toEqual([first, second].sort());
    expect(new Set(networks.map(({ subnet }) => subnet)).size).toBe(2);

    await gangs.request("POST", `/${first}/cancel`);
    await gangs.round();
    await gangs.round();
    expect(await networksInUse()).toEqual([
      { gang_network: networks.find(({ workload_id: id }) => id === second)?.network },
    ]);
  });

  test("is not placed on hosts whose agents join none, and why states so", async () => {
    const old = await gangs.scene.host("host-old", { gpus: 1, features: ["restarts-never"] });
    for (const host of gangs.hosts.slice(0, 2))
      await rows("UPDATE hosts SET cordoned = true WHERE id = $1", [host.id]);

    const id = await gangs.placed();

    expect(await gangs.job(id)).toMatchObject({ status: "queued", instances: [] });
    const { hosts } = (await gangs.request("GET", `/${id}/why`)).body;
    expect(hosts.find(({ host_id: hostId }: never) => hostId === old.id)).toMatchObject({
      fits: false,
      obstacles: [expect.stringContaining("join the ranks of a gang over several hosts")],
    });
  });

  test.each([0, 121, 1.5])("of %s ranks is refused", async (ranks) => {
    expect(await gangs.order({ node_count: ranks })).toMatchObject({ status: 422 });
  });
});

describe("a host that reports an address which is not its own", () => {
  test("is no peer of anybody until that is confirmed, and why states so", async () => {
    const [liar, neighbour, third] = gangs.hosts;
    liar!.machine.ipAddress = third!.machine.ipAddress;
    await liar!.report([]);
    await rows("UPDATE hosts SET cordoned = true WHERE id = $1", [third!.id]);

    const id = await gangs.placed();

    expect(await gangs.job(id)).toMatchObject({
      instances: [],
      status_reason: expect.stringContaining(
        `Not tried among several hosts, since where they are reached is not confirmed: ${liar!.id}.`,
      ),
    });
    await liar!.connectsFrom("198.51.100.99");
    await liar!.report([]);
    await gangs.scene.schedule();
    expect(new Set(await gangs.hostsOf(id))).toEqual(new Set([liar, neighbour]));
    const [wanted] = await neighbour!.pull();
    expect(InstanceSpec.parse(wanted?.spec)).toMatchObject({
      network: { peers: [{ host: "198.51.100.99" }] },
    });
  });
});

describe("a preflight that fails", () => {
  test("names the pair, gives all back, costs nothing, and the pair is not tried together for an hour", async () => {
    const id = await gangs.placed();
    const [one, other] = await gangs.hostsOf(id);
    gangs.bad.set(one!, [{ ...CUT, towards: other! }]);
    await gangs.round();
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({
      status_reason: expect.stringMatching(
        /free of charge: rank 0 on host .* does not reach rank 1 on host /,
      ),
    });

    await gangs.pass(15);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({
      status: "queued",
      attempt: 2,
      status_reason: expect.stringMatching(
        `rank 0 on host ${one!.id} .* rank 1 on host ${other!.id}: .* 3 pings.* Attempt 2 .*retry 1 of 3`,
      ),
    });
    await gangs.scene.schedule();
    expect(await gangs.job(id)).toMatchObject({
      status_reason: expect.stringMatching(/^Waiting for hosts? /),
    });
    await gangs.round();
    expect(await networksInUse()).toEqual([]);
    expect(await whatCosts()).toEqual([]);

    await gangs.scene.schedule();
    const again = (await gangs.hostsOf(id)).map((host) => host.id);
    expect(again).toHaveLength(2);
    expect(new Set(again)).not.toEqual(new Set([one!.id, other!.id]));
    expect(await wellFormed()).toEqual([]);
  });

  test("leaves no place where only that pair is left, and states why, until the hour is over", async () => {
    const id = await gangs.placed();
    const [one, other] = await gangs.hostsOf(id);
    gangs.bad.set(one!, [{ ...CUT, towards: other! }]);
    await gangs.round();
    await gangs.pass(15);
    await gangs.scene.workloads();
    await gangs.round();
    const third = gangs.hosts.find((host) => host !== one && host !== other);
    await rows("UPDATE hosts SET cordoned = true WHERE id = $1", [third!.id]);
    gangs.bad.clear();

    await gangs.scene.schedule();

    expect(await gangs.job(id)).toMatchObject({
      instances: [{ want: "removed" }, { want: "removed" }],
      status_reason: expect.stringMatching(
        /Not tried together for a while, since ranks there did not reach each other: host-\d and host-\d\.$/,
      ),
    });
    await gangs.pass(60 * 60);
    await gangs.scene.schedule();
    expect(await gangs.hostsOf(id)).toEqual([one, other]);
  });

  test("of a clock names the host, which is avoided", async () => {
    const id = await gangs.placed();
    const [one] = await gangs.hostsOf(id);
    gangs.bad.set(one!, [{ check: "clock", detail: "It is 4 s ahead." }]);
    await gangs.round();

    await gangs.scene.workloads();
    await gangs.round();
    await gangs.scene.schedule();

    expect((await gangs.hostsOf(id)).map((host) => host.id)).not.toContain(one!.id);
    expect(await gangs.job(id)).toMatchObject({ attempt: 2, instances: [{}, {}] });
  });

  test("of a host that dies between its place and the release is tried again without it", async () => {
    const id = await gangs.placed();
    const [one, other] = await gangs.hostsOf(id);
    await gangs.round([one!]);
    await gangs.pass(
      91,
      gangs.hosts.filter((host) => host !== other),
    );
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({
      status: "queued",
      attempt: 2,
      status_reason: expect.stringContaining(`Host ${other!.id} was not heard any more.`),
    });
    // The new attempt waits for the dead host's word, however free the others are.
    await gangs.round(gangs.hosts.filter((host) => host !== other));
    await gangs.scene.schedule();
    expect(await gangs.job(id)).toMatchObject({
      status_reason: `Waiting for host ${other!.id} to confirm that the container of the last start has stopped.`,
    });
    await other!.heartbeat();
    await gangs.round([other!]);
    await gangs.scene.schedule();
    expect((await gangs.hostsOf(id)).map((host) => host.id)).not.toContain(other!.id);
  });

  test("wherever the database fails, it fails or goes wholly, with the next pass", async () => {
    const { deps } = gangs.scene.api;
    for (const isBad of [true, false]) {
      const id = await gangs.placed({ config: { max_infrastructure_retries: 0 } });
      const [one] = await gangs.hostsOf(id);
      gangs.bad.clear();
      if (isBad) gangs.bad.set(one!, [{ check: "clock", detail: "It is 4 s ahead." }]);
      await gangs.round();
      let statements = 0;
      for (let hasFailed = true; hasFailed;) {
        statements += 1;
        const db = failingDatabase(fresh.url, { at: statements, when: "after" });
        const pass = { term: await currentTerm(deps.db), now: deps.now() };
        await workloadsPass({ db, nudge: () => undefined, log: quietLog }, pass).catch(() => undefined);
        await db.close();
        hasFailed = db.hasFailed();
        const released = await rows(
          "SELECT FROM placements WHERE released_at IS NOT NULL AND resources_released_at IS NULL",
        );
        const wanted = await rows("SELECT FROM placements WHERE want = 'running'");
        expect(released.length % 2).toBe(0);
        expect(wanted.length % 2).toBe(0);
        if (released.length > 0 || wanted.length === 0) break;
      }
      expect(statements).toBeGreaterThan(8);
      await gangs.round();
      await gangs.scene.workloads();
      expect(await gangs.job(id)).toMatchObject({ status: isBad ? "failed" : "running" });
      await gangs.round();
    }
  });

  test("for good leaves nothing held either", async () => {
    const id = await gangs.placed({ config: { max_infrastructure_retries: 0 } });
    const [one] = await gangs.hostsOf(id);
    gangs.bad.set(one!, [{ check: "clock", detail: "It is 4 s ahead." }]);
    await gangs.round();
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status: "failed" });
    await gangs.round();
    expect(await rows("SELECT FROM placements WHERE resources_released_at IS NULL")).toEqual([]);
    expect(await whatCosts()).toEqual([]);
    expect(await wellFormed()).toEqual([]);
  });

  test("forty times costs no minute and leaves no network and no hold", async () => {
    const failing = async () => {
      const id = await gangs.placed({ config: { max_infrastructure_retries: 19 } });
      for (let attempt = 1; attempt <= 20; attempt += 1) {
        const [one] = await gangs.hostsOf(id);
        gangs.bad.set(one!, [{ check: "clock", detail: "It is 4 s ahead." }]);
        await gangs.round(await gangs.hostsOf(id));
        await gangs.scene.workloads();
        await gangs.round(await gangs.hostsOf(id));
        await rows("DELETE FROM placement_host_skips");
        await gangs.scene.schedule();
      }
      expect(await gangs.job(id)).toMatchObject({ status: "failed", attempt: 20 });
    };
    for (let job = 0; job < 2; job += 1) await failing();

    expect(await rows("SELECT FROM runs")).toHaveLength(2 * 40);
    expect(await whatCosts()).toEqual([]);
    expect(await rows("SELECT FROM billing_records")).toEqual([]);
    expect(await networksInUse()).toEqual([]);
    expect(await rows("SELECT FROM placements WHERE resources_released_at IS NULL")).toEqual([]);
    expect(await wellFormed()).toEqual([]);
  });
});

describe("a gang that runs", () => {
  test("stops everywhere when one rank fails of its program, and is not tried again", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);

    await gangs.print({ phase: "failed", exitCode: 3, problem: "exited" }, other!);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({
      status: "stopping",
      status_reason: expect.stringMatching(/^Rank 1: .* exit code 3/),
    });
    expect((await one!.pull())[0]).toMatchObject({ want: "stopped" });
    await gangs.round();
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "failed", attempt: 1 });
    expect(await rows("SELECT FROM gang_breaks")).toEqual([]);
  });

  test("reports which of its ranks do not hear each other", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    const { instances } = await gangs.job(id);

    await gangs.print({ phase: "ready", cutOff: [instances[1]!.gang!.address] }, one!);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({
      status: "running",
      status_reason: expect.stringMatching(`rank 0 .* rank 1 on host ${other!.id}`),
    });
    await gangs.round();
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status_reason: null });
  });

  test("stops within 120 s of the last word of a host, and every rank's time is free from then on", async () => {
    // What the test itself takes would count as seconds before the last word.
    gangs.scene.api.stopClock();
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    const heardAt = gangs.scene.api.deps.now();

    await gangs.pass(
      91,
      gangs.hosts.filter((host) => host !== other),
    );
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({
      status: "stopping",
      status_reason: expect.stringContaining(`Rank 1: host ${other!.id} `),
    });
    expect((await one!.pull())[0]).toMatchObject({ want: "stopped" });
    await gangs.round([one!]);
    await gangs.scene.workloads();
    await gangs.scene.schedule();
    // Nobody knows whether the silent rank runs on, so nothing follows yet.
    expect(await gangs.job(id)).toMatchObject({ status: "stopping", attempt: 1 });

    await other!.heartbeat();
    await gangs.round([other!]);
    await gangs.scene.workloads();
    expect(await gangs.job(id)).toMatchObject({ status: "queued", attempt: 2 });
    const { db, now } = gangs.scene.api.deps;
    await brokenTimePass({ db }, { term: await currentTerm(db), now: now() });
    const waived = await rows<{ run_id: string; late: number; to_at: Date | null }>(
      `SELECT run_id, to_at, round(extract(epoch FROM from_at - $1::timestamptz))::int AS late
         FROM run_waivers WHERE reason = 'gang-broken'`,
      [heardAt],
    );
    expect(waived).toHaveLength(2);
    for (const { late, to_at: until } of waived) expect({ late, until }).toEqual({ late: 0, until: null });

    await gangs.round();
    await gangs.scene.schedule();
    expect((await gangs.hostsOf(id)).map((host) => host.id)).not.toContain(other!.id);
    expect(await wellFormed()).toEqual([]);
  });

  test("that broke of a card which failed before is free on all ranks from that card's last good sample", async () => {
    const id = await gangs.runs();
    const [, other] = await gangs.hostsOf(id);
    const [card] = other!.gpus;
    await gangs.pass(10);
    other!.gpus = [
      { ...card!, health: "unhealthy", cordon: { kind: "fatal", sinceMs: 5 }, reasons: ["Xid 79."] },
    ];
    await gangs.print({ phase: "ready" }, other!);
    await gangs.pass(20);
    await gangs.print({ phase: "failed", problem: "gpu-failed", detail: "GPU 0 fell off the bus." }, other!);
    await gangs.scene.workloads();
    await gangs.round();
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status: "queued", attempt: 2 });
    const { db, now } = gangs.scene.api.deps;
    await brokenTimePass({ db }, { term: await currentTerm(db), now: now() });
    const from = await rows<{ reason: string; from_at: Date }>(
      "SELECT reason, from_at FROM run_waivers WHERE reason IN ('gpu-lost', 'gang-broken')",
    );
    expect(from.filter(({ reason }) => reason === "gang-broken")).toHaveLength(2);
    expect(new Set(from.map(({ from_at: at }) => at.getTime())).size).toBe(1);
  });

  test("is free on all ranks from where the broken rank's proven time ends, which is before its host reported the fault", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    await gangs.pass(60);
    await gangs.print({ phase: "ready" }, other!);
    const { db, now } = gangs.scene.api.deps;
    // Its card was sampled 8 s before the host was heard.
    const lastGoodAt = new Date(now().getTime() - 8_000);
    const [wanted] = await other!.pull();
    await gangs.pass(10);
    await provesTo(other!, wanted!, lastGoodAt);
    const [card] = other!.gpus;
    other!.gpus = [
      {
        ...card!,
        health: "unhealthy",
        cordon: { kind: "fatal", sinceMs: 5 },
        reasons: ["It needs a reset."],
        hasSign: true,
        reasonCode: "requires-reset",
      },
    ];
    await gangs.print({ phase: "failed", problem: "gpu-failed", detail: "Its GPU failed." }, other!);
    await gangs.scene.workloads();
    await gangs.round([one!]);
    await gangs.scene.workloads();

    await brokenTimePass({ db }, { term: await currentTerm(db), now: now() });

    const from = await rows<{ run_id: string; from_at: Date }>(
      "SELECT run_id, min(from_at) AS from_at FROM run_waivers WHERE reason = 'gang-broken' GROUP BY run_id",
    );
    expect(from).toHaveLength(2);
    for (const { from_at: at } of from) expect(at).toEqual(lastGoodAt);
  });

  test("whose rank lost access to its GPU is free on all ranks from where that rank's proven time ends", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    await gangs.pass(60);
    const lastGoodAt = new Date(gangs.scene.api.deps.now().getTime() - 8_000);
    const [wanted] = await other!.pull();
    await provesTo(other!, wanted!, lastGoodAt);
    await gangs.print(LOST_ACCESS, other!);
    await breaks(one!);

    expect(await freeFrom()).toEqual([lastGoodAt, lastGoodAt]);
  });

  test("whose broken rank never had a proven moment on its GPU is free on all ranks from its start", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    await gangs.pass(60);
    const [wanted] = await other!.pull();
    await rows("UPDATE runs SET closed_at = $2 WHERE id = $1", [wanted!.runId, gangs.scene.api.deps.now()]);
    await gangs.print(LOST_ACCESS, other!);
    await breaks(one!);

    const [run] = await rows<{ ordered_at: Date }>("SELECT ordered_at FROM runs WHERE id = $1", [
      wanted!.runId,
    ]);
    expect(await freeFrom()).toEqual([run!.ordered_at, run!.ordered_at]);
  });

  test("whose program ended while its host was silent is free from that host's last heartbeat, whatever is unproven before", async () => {
    const id = await gangs.runs();
    const [one, other] = await gangs.hostsOf(id);
    const [wanted] = await other!.pull();
    await gangs.pass(60);
    const provenTo = gangs.scene.api.deps.now();
    await gangs.pass(60);
    const [heard] = await rows<{ at: Date }>("SELECT last_heartbeat AS at FROM hosts WHERE id = $1", [
      other!.id,
    ]);
    await gangs.pass(
      91,
      gangs.hosts.filter((host) => host !== other),
    );
    await gangs.scene.workloads();
    await other!.heartbeat();
    await gangs.print({ phase: "failed", problem: "exited", exitCode: 1, detail: "It crashed." }, other!);
    await provesTo(other!, wanted!, provenTo);
    await breaks(one!);

    expect(await freeFrom()).toEqual([heard!.at, heard!.at]);
  });

  test("whose program failed on a card with a sign of failure is tried again as for any fault beneath it", async () => {
    const id = await gangs.runs();
    const [, other] = await gangs.hostsOf(id);
    const [card] = other!.gpus;
    await gangs.pass(10);
    other!.gpus = [
      {
        ...card!,
        health: "unhealthy",
        cordon: { kind: "drain", sinceMs: 5 },
        reasons: ["It needs a reset."],
        hasSign: true,
        reasonCode: "requires-reset",
      },
    ];
    await gangs.print(
      { phase: "failed", problem: "exited", exitCode: 1, detail: "The command ended with exit code 1." },
      other!,
    );
    await gangs.scene.workloads();
    await gangs.round();
    await gangs.scene.workloads();

    const [broken] = await rows<{ has_card_fault: boolean }>("SELECT has_card_fault FROM gang_breaks");
    expect(broken).toEqual({ has_card_fault: true });
    const job = await gangs.job(id);
    expect(job).toMatchObject({ status: "queued", attempt: 2 });
    expect(job.status_reason).toContain("showed a sign of failure as it ended: It needs a reset");
    const { db, now } = gangs.scene.api.deps;
    await brokenTimePass({ db }, { term: await currentTerm(db), now: now() });
    expect(await rows("SELECT FROM run_waivers WHERE reason = 'gang-broken'")).toHaveLength(2);
  });

  test("of which nobody at all is heard runs on", async () => {
    const id = await gangs.runs();
    await gangs.pass(200, []);
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status: "running" });
  });

  test("goes on whatever a restored database has forgotten of its release", async () => {
    const id = await gangs.runs();
    await rows("UPDATE placements SET released_at = NULL, live = live - 'released'");
    await rows("UPDATE training_jobs SET status = 'queued', started_at = NULL WHERE id = $1", [id]);

    await gangs.print({ phase: "ready" }, ...(await gangs.hostsOf(id)));
    await gangs.scene.workloads();
    await gangs.scene.workloads();

    expect(await gangs.job(id)).toMatchObject({ status: "running" });
    expect((await (await gangs.hostsOf(id))[0]!.pull())[0]?.live.released).toBe(true);
  });
});
