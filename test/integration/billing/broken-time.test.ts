/**
 * Broken time is free, unasked: cards that fail, hosts that die, instances that never become ready, told by hosts'
 * real reports and charged by real journals. An environment costs 0.11 a minute here.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { brokenTimePass } from "@remotegpu/control-plane/server/controllers/billing/broken-time";
import { livenessPass } from "@remotegpu/control-plane/server/controllers/hosts/host-liveness";
import { currentTerm, LeadershipLostError } from "@remotegpu/control-plane/server/store/database/leader";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import { GIB } from "@remotegpu/shared/values/units";
import { BrokenScene } from "../../support/worlds/broken-scene.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const WELL: Partial<GpuReport> = { health: "healthy", reasons: [], cordon: null };
const XID_79: Partial<GpuReport> = {
  health: "unhealthy",
  reasons: ["Xid 79: the GPU fell off the bus."],
  cordon: { kind: "fatal", sinceMs: 5 },
};
const DRAINED: Partial<GpuReport> = {
  health: "unhealthy",
  reasons: ["Xid 48: an uncorrectable memory error."],
  cordon: { kind: "drain", sinceMs: 6 },
};

/** As an agent tells the first sample with it. */
const SIGN: Partial<GpuReport> = {
  health: "unhealthy",
  reasons: ["It needs a reset."],
  cordon: { kind: "drain", sinceMs: 7 },
  hasSign: true,
  reasonCode: "requires-reset",
};
const IN_WORDS = "(It needs a reset (requires-reset))";

let fresh: FreshDatabase;
let scene: ControlScene;
let stories = 0;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2026-03-10T02:10:00Z") });
  fresh = await freshDatabase();
  scene = await openControlScene(fresh);
});
afterAll(async () => {
  vi.useRealTimers();
  await scene?.close();
});
afterEach(async () => {
  // The next story's work goes to the next story's host, and what waits for another card does not.
  await scene.api.db.query("UPDATE hosts SET cordoned = true");
  await scene.api.db.query("UPDATE environments SET status = 'stopped' WHERE status = 'queued'");
});

const begin = async (gpus = 1) => await BrokenScene.begin(scene, `${(stories += 1)}`, gpus);
/** The cards as they are now, each with a change of its own. */
const cards = (story: BrokenScene, ...changes: Partial<GpuReport>[]) => {
  story.host.gpus = story.host.gpus.map((gpu, index) => ({ ...gpu, ...(changes[index] ?? WELL) }));
};
const cardOf = ({ wanted }: Awaited<ReturnType<BrokenScene["order"]>>) => wanted.spec.gpus[0]!.uuid;

describe("a card", () => {
  test("that vanishes after the hour was charged is given back from its last good sample on, and charged once it is back", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    story.at(50);
    await story.beat();
    story.at(60);
    await story.proves(run.wanted, [0, 60]);
    await story.tick();

    story.at(61);
    const [card] = story.host.gpus;
    story.host.gpus = [];
    await story.report([[run.wanted, { phase: "ready" }]]);
    await story.pass();
    story.at(120);
    await story.proves(run.wanted, [60, 120]);
    await story.tick();

    expect(await story.run(run)).toMatchObject({
      charged: "5.5000",
      minutes: 50,
      waived: [{ from: 50, to: null }],
    });
    const [, credit] = await story.postings(run);
    expect(credit).toMatchObject({ kind: "credit", amount: "1.1000" });
    expect(credit?.reason).toMatch(
      new RegExp(
        `^gpu-lost since .*: ${cardOf(run)} was last seen healthy at .*:50:00Z and vanished at .*:01:00Z\\.$`,
      ),
    );

    story.at(130);
    story.host.gpus = [card!];
    await story.report([[run.wanted, { phase: "ready" }]]);
    await story.pass();
    await story.pass();
    story.at(180);
    await story.proves(run.wanted, [120, 180]);
    await story.tick();
    await story.pass();

    expect(await story.run(run)).toMatchObject({
      charged: "11.0000",
      minutes: 100,
      waived: [
        { reason: "gpu-lost", from: 50, to: 130, sentence: expect.stringContaining("it was well again at") },
      ],
    });
    expect((await story.postings(run)).map(({ kind, amount }) => [kind, amount])).toEqual([
      ["charge", "-6.6000"],
      ["credit", "1.1000"],
      ["charge", "-5.5000"],
    ]);
    const records: { amount: string; cause: string | null }[] = (
      await story.request(`/billing/records?resource_id=${run.id}`)
    ).body.items;
    const causes = new Set(records.map(({ amount, cause }) => (amount.startsWith("-") ? cause : "charged")));
    expect(causes).toEqual(new Set(["charged", credit?.reason]));
    expect(await trialBalance(scene.api.db)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
    const { items } = (await story.request(`/environments/${run.id}/events`)).body;
    const reported = items.filter(({ kind }: { kind: string }) => kind === "broken-time");
    expect(reported).toHaveLength(2);
    expect(reported[1]).toMatchObject({ actor: "control-plane", new: "gpu-lost" });
    const { rows } = await scene.api.db.query<{ evidence: { causes: object[] } }>(
      "SELECT evidence FROM run_waivers",
    );
    expect(rows[0]?.evidence.causes).toMatchObject([
      { gpu_uuid: cardOf(run), event_ids: [expect.any(Number)] },
    ]);
  });

  test("with a fatal Xid frees the run that it ended and not its neighbour's, which has only warnings", async () => {
    const story = await begin(2);
    const first = await story.ordered();
    const second = await story.order();
    const broken = story.host.gpus[0]?.uuid === cardOf(first) ? first : second;
    const neighbour = broken === first ? second : first;
    await story.report([
      [first.wanted, { phase: "ready" }],
      [second.wanted, { phase: "ready" }],
    ]);
    story.at(10);
    cards(story, WELL, { ...WELL, health: "degraded", reasons: ["Its clocks are held down: hw_slowdown."] });
    await story.beat();

    story.at(10.5);
    cards(story, XID_79, DRAINED);
    await story.beat();
    story.at(11);
    await story.report([
      [broken.wanted, { phase: "failed", problem: "gpu-failed", detail: "GPU failed." }],
      [neighbour.wanted, { phase: "ready" }],
    ]);
    await story.proves(broken.wanted, [0, 10.5], { final: true });
    expect(await story.run(broken)).toMatchObject({ charged: "1.2100" });
    await story.pass();
    story.at(60);
    await story.proves(neighbour.wanted, [0, 60]);
    await story.tick();

    expect(await story.run(broken)).toMatchObject({
      charged: "1.1000",
      waived: [
        {
          reason: "gpu-lost",
          from: 10,
          to: null,
          sentence: expect.stringContaining("(Xid 79: the GPU fell"),
        },
      ],
    });
    expect(await story.run(neighbour)).toMatchObject({ charged: "6.6000", waived: [] });
  });

  test("is not seen by a host whose nvidia-smi hangs: the last good sample is from before", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    story.at(10);
    await story.beat();
    for (const minute of [12, 20, 30]) {
      story.at(minute);
      await story.beat({ degraded: ["nvidia-smi-hung"] });
      await story.report([[run.wanted, { phase: "ready" }]]);
    }

    story.at(40);
    cards(story, XID_79);
    await story.beat();
    await story.pass();

    expect(await story.run(run)).toMatchObject({ waived: [{ from: 10, to: null }] });
  });

  test("with a sign of failure is not out while that is unconfirmed; confirmed, it is from the last good sample on", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    story.at(10);
    await story.beat();
    story.at(11);
    cards(story, SIGN);
    await story.beat();
    await story.report([[run.wanted, { phase: "ready" }]]);
    await story.pass();
    expect(await story.run(run)).toMatchObject({ waived: [] });

    story.at(12);
    cards(story, { ...SIGN, cordon: { kind: "fatal", sinceMs: 7 } });
    await story.beat();
    await story.report([[run.wanted, { phase: "failed", problem: "gpu-failed", detail: "GPU failed." }]]);
    // Its agent proves nothing after the last good sample; whoever does, is not charged for it.
    await story.proves(run.wanted, [0, 12], { final: true });
    await story.pass();
    story.at(60);
    await story.tick();

    expect(await story.run(run)).toMatchObject({
      charged: "1.1000",
      minutes: 10,
      waived: [{ reason: "gpu-lost", from: 10, to: null, sentence: expect.stringContaining(IN_WORDS) }],
    });
  });

  test("whose sign passes unconfirmed was never out, though it takes nothing new for a while", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    const steps = [WELL, SIGN, { ...SIGN, hasSign: false }, WELL];
    for (const [minute, reported] of steps.entries()) {
      story.at(10 + minute);
      cards(story, reported);
      await story.beat();
      await story.pass();
    }
    await story.proves(run.wanted, [0, 13]);
    story.at(60);
    await story.tick();

    expect(await story.run(run)).toMatchObject({ minutes: 13, waived: [] });
    const { rows } = await scene.api.db.query("SELECT FROM gpu_outages WHERE host_id = $1", [story.host.id]);
    expect(rows).toEqual([]);
  });

  test("that is put back in service by an administrator while its sign is open stays out", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    story.at(10);
    await story.beat();
    for (const [minute, reported] of [
      [11, { ...SIGN, cordon: { kind: "fatal", sinceMs: 7 } }],
      [12, { ...SIGN, cordon: null, health: "healthy" }],
    ] as const) {
      story.at(minute);
      cards(story, reported);
      await story.beat();
      await story.pass();
    }

    expect(await story.run(run)).toMatchObject({ waived: [{ from: 10, to: null }] });
  });

  test("that is confirmed only after its run ended by itself frees that run, too, from the last good sample on", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story);
    story.at(10);
    await story.beat();
    story.at(11);
    cards(story, SIGN);
    await story.report([[run.wanted, { phase: "failed", problem: "exited", exitCode: 1 }]]);
    await story.proves(run.wanted, [0, 11], { final: true });
    story.at(12);
    cards(story, { ...SIGN, cordon: { kind: "fatal", sinceMs: 7 } });
    await story.beat();
    await story.pass();
    story.at(60);
    await story.tick();

    expect(await story.run(run)).toMatchObject({ minutes: 10, waived: [{ from: 10, to: null }] });
  });

  test("of which its driver requests that it be drained is closed, and what runs on it is charged", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story, { ...DRAINED, reasonCode: "recovery-drain-p2p", hasSign: false });
    story.at(10);
    await story.beat();
    await story.pass();
    story.at(60);
    await story.proves(run.wanted, [0, 60]);
    await story.tick();

    expect(await story.run(run)).toMatchObject({ minutes: 60, waived: [] });
    const { rows } = await scene.api.db.query<{ cordoned: boolean }>(
      "SELECT cordoned FROM gpus WHERE uuid = $1",
      [cardOf(run)],
    );
    expect(rows).toEqual([{ cordoned: true }]);
  });

  test("that is cut frees whoever has a slice of it, on its own host's word alone", async () => {
    const story = await begin();
    const slice = { gpu_memory: 4 * GIB, config: { gpu_sharing: "shared" } };
    const runs = [await story.order(slice), await story.order(slice)];
    await story.report(runs.map(({ wanted }) => [wanted, { phase: "ready" }] as const));
    cards(story);
    story.at(10);
    await story.beat();
    const other = await scene.host(`${story.host.id}-other`);
    await other.heartbeat({ gpus: [{ ...story.host.gpus[0], ...XID_79 }] });
    await story.pass();
    for (const run of runs) expect(await story.run(run)).toMatchObject({ waived: [] });

    story.at(11);
    cards(story, XID_79);
    await story.beat();
    await story.pass();

    for (const run of runs) expect(await story.run(run)).toMatchObject({ waived: [{ from: 10, to: null }] });
  });

  test("that fails beside another one is out until both are well, and each stretch is free once", async () => {
    const story = await begin(2);
    const { id } = (await scene.order(story.alice, { gpu: 2 })).body;
    await scene.schedule();
    const [wanted] = await story.host.pull();
    await story.report([[wanted!, { phase: "ready" }]]);
    const run = { id, wanted: wanted! };
    story.at(10);
    cards(story);
    await story.beat();
    const steps = [
      [11, XID_79, XID_79],
      [12, WELL, XID_79],
      [13, WELL, WELL],
      [14, WELL, WELL],
      [15, XID_79, WELL],
      [16, WELL, WELL],
    ] as const;

    for (const [minute, ...reported] of steps) {
      story.at(minute);
      cards(story, ...reported);
      await story.beat();
      await story.pass();
    }

    expect((await story.run(run)).waived).toMatchObject([
      { from: 10, to: 13 },
      { from: 14, to: 16 },
    ]);
  });
});

describe("a host", () => {
  test("that died and came back frees its runs from its last heartbeat until they are ready again", async () => {
    const story = await begin();
    const run = await story.ordered();
    story.at(40);
    await story.beat();
    await story.proves(run.wanted, [0, 40]);

    story.at(50);
    const reply = await story.reboot();
    // Whatever its state reads like, it has to tell it anew.
    expect(reply.observedDigest).toBeNull();
    story.at(51);
    await story.proves(run.wanted, [40, 40.2], { bootId: story.host.bootId });
    await story.report([[run.wanted, { phase: "starting" }]]);
    await story.pass();
    expect(await story.run(run)).toMatchObject({ waived: [{ reason: "host-died", from: 40, to: null }] });
    story.at(52);
    // It cannot see yet, and takes it to run on.
    await story.report([[run.wanted, { phase: "ready", problem: "runtime-down" }]]);
    story.at(53);
    await story.report([[run.wanted, { phase: "ready" }]]);
    await story.pass();
    await story.pass();
    story.at(60);
    await story.proves(run.wanted, [51, 60]);
    await story.tick();

    expect(await story.run(run)).toMatchObject({
      minutes: 47,
      waived: [
        { from: 40, to: 53, sentence: expect.stringMatching(/found to have started anew.*ready again/) },
      ],
    });
    const { rows } = await scene.api.db.query("SELECT FROM host_deaths WHERE settled_at IS NULL");
    expect(rows).toEqual([]);
  });

  test("that was cut off before it died is charged for what its journal proves", async () => {
    const story = await begin();
    const run = await story.ordered();
    story.at(10);
    await story.beat();

    story.at(55);
    await story.reboot({ rowsLeft: 1 });
    await story.pass();
    // What the journal has is still to come.
    expect(await story.run(run)).toMatchObject({ waived: [] });
    await story.proves(run.wanted, [0, 50], { bootId: story.host.bootId });
    await story.pass();
    story.at(57);
    await story.report([[run.wanted, { phase: "ready" }]]);
    await story.pass();
    story.at(60);
    await story.proves(run.wanted, [56, 60]);
    await story.tick();

    expect(await story.run(run)).toMatchObject({ minutes: 53, waived: [{ from: 50, to: 57 }] });
  });

  test("that promises rows of its journal and sends none is waited for no longer than a day", async () => {
    const story = await begin();
    const run = await story.ordered();
    story.at(10);
    await story.beat();
    story.at(20);
    await story.reboot({ rowsLeft: 9 });

    const day = 24 * 60;
    story.at(20 + day - 1);
    await story.pass();
    expect(await story.run(run)).toMatchObject({ waived: [] });
    story.at(20 + day);
    await story.pass();

    expect(await story.run(run)).toMatchObject({ waived: [{ from: 10, to: null }] });
  });

  test("that was only out of contact is charged: nothing broke", async () => {
    const story = await begin();
    const run = await story.ordered();
    story.at(10);
    await story.beat();
    story.at(30);
    const now = scene.api.deps.now();
    const listeningSince = new Date(now.getTime() - 3_600_000);
    const term = await currentTerm(scene.api.db);
    expect(await livenessPass({ db: scene.api.db }, { term, now, listeningSince })).toContain(story.host.id);
    await story.pass();

    story.at(60);
    await story.beat();
    await story.proves(run.wanted, [0, 60]);
    await story.pass();
    await story.tick();

    expect(await story.run(run)).toMatchObject({ charged: "6.6000", waived: [] });
  });

  test("that is declared lost frees its runs from its last heartbeat on", async () => {
    const story = await begin();
    const run = await story.ordered();
    story.at(20);
    await story.beat();
    story.at(20.2);
    await story.proves(run.wanted, [0, 20.2]);

    story.at(40);
    await scene.api.request("DELETE", `/api/v1/hosts/${story.host.id}?lost=true`, { as: scene.api.admin });
    await story.pass();
    await story.pass();
    story.at(60);
    await story.tick();

    expect(await story.run(run)).toMatchObject({
      minutes: 20,
      waived: [
        { reason: "host-died", from: 20, to: null, sentence: expect.stringContaining("declared lost") },
      ],
    });
  });
});

describe("an instance that never became ready", () => {
  test("within its deadline is charged for what it ran, and credited to zero once its host's fault has ended it", async () => {
    const story = await begin();
    story.at(45);
    await story.beat();
    const run = await story.ordered({ phase: "starting", detail: "The container runs; its metering opens." });
    story.at(60);
    await story.proves(run.wanted, [45, 60]);
    await story.tick();
    await story.pass();
    expect(await story.run(run)).toMatchObject({ charged: "1.6500", waived: [] });

    story.at(76);
    await story.lifecycle();
    await story.pass();
    expect(await story.run(run)).toMatchObject({ charged: "1.6500", waived: [] });

    await story.report([[run.wanted, { phase: "failed", problem: "container-lost" }]]);
    await story.pass();
    await story.pass();
    story.at(120);
    await story.tick();

    expect(await story.run(run)).toMatchObject({
      charged: "0.0000",
      minutes: 0,
      waived: [{ from: 45, to: null }],
    });
    expect((await story.postings(run)).map(({ kind, amount }) => [kind, amount])).toEqual([
      ["charge", "-1.6500"],
      ["credit", "1.6500"],
    ]);
    expect((await story.postings(run))[1]?.reason).toContain("never ready before it failed.");
  });

  test.each([
    ["failed of its own program", [{ phase: "failed", problem: "exited", exitCode: 1 }], "0.1100"],
    ["failed of its host's card", [{ phase: "failed", problem: "gpu-failed" }], "0.0000"],
    [
      "was ready once and failed later",
      [{ phase: "ready" }, { phase: "failed", problem: "exited" }],
      "0.1100",
    ],
    ["did its work between two reports", [{ phase: "stopped", problem: "exited", exitCode: 0 }], "0.1100"],
  ] as const)("and %s", async (_what, reported, charged) => {
    const story = await begin();
    const run = await story.ordered({ phase: "starting" });
    story.at(1);
    for (const report of reported) await story.report([[run.wanted, report]]);
    await story.proves(run.wanted, [0, 0.1], { final: true });
    await story.pass();
    story.at(60);
    await story.tick();

    expect(await story.run(run)).toMatchObject({ charged });
  });

  test("because its customer stopped it before is charged for what it ran, and nothing is reported of one without time", async () => {
    const story = await begin(2);
    const pulled = await story.ordered({ phase: "starting", detail: "pulling image" });
    const ran = await story.ordered({ phase: "starting" });
    for (const { id } of [pulled, ran])
      await scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: story.alice });
    story.at(1);
    await story.proves(ran.wanted, [0, 1], { final: true });
    await story.pass();
    story.at(60);
    await story.tick();

    expect(await story.run(ran)).toMatchObject({ charged: "0.1100", waived: [] });
    expect(await story.run(pulled)).toMatchObject({ charged: "0.0000" });
    const { items } = (await story.request(`/environments/${pulled.id}/events`)).body;
    expect(items.filter(({ kind }: { kind: string }) => kind === "broken-time")).toEqual([]);
  });
});

describe("the pass", () => {
  test("that is cut off at any statement is taken up again, and everything is free once", async () => {
    const story = await begin(2);
    const [ready, starting] = [await story.ordered(), await story.ordered({ phase: "starting" })];
    await story.report([
      [ready.wanted, { phase: "ready" }],
      [starting.wanted, { phase: "failed", problem: "container-lost", exitCode: 1 }],
    ]);
    const card = cardOf(ready);
    for (const [minute, change] of [
      [10, WELL],
      [11, XID_79],
      [12, WELL],
    ] as const) {
      story.at(minute);
      story.host.gpus = story.host.gpus.map((gpu) => ({ ...gpu, ...(gpu.uuid === card ? change : WELL) }));
      await story.beat();
    }
    await story.proves(starting.wanted, [0, 1], { final: true });
    story.at(20);
    await story.reboot();
    await story.report([[ready.wanted, { phase: "ready" }]]);
    const written = async () =>
      (
        await scene.api.db.query(
          `SELECT w.run_id, w.reason, w.from_at, w.to_at, (SELECT count(*) FROM events e WHERE e.kind = 'broken-time'
                    AND e.instance_id = r.instance_id AND e.new = w.reason) AS reported
             FROM run_waivers w JOIN runs r ON r.id = w.run_id WHERE r.host_id = $1 ORDER BY r.id, w.reason`,
          [story.host.id],
        )
      ).rows;
    const forget = async () =>
      await scene.api.db.query(
        `WITH waivers AS (DELETE FROM run_waivers w USING runs r WHERE r.id = w.run_id AND r.host_id = $1),
              told AS (DELETE FROM events WHERE kind = 'broken-time' AND host_id = $1),
              outages AS (UPDATE gpu_outages SET settled_at = NULL WHERE host_id = $1),
              deaths AS (UPDATE host_deaths SET settled_at = NULL WHERE host_id = $1)
         UPDATE runs SET was_ready = NULL WHERE host_id = $1`,
        [story.host.id],
      );
    await story.pass();
    const whole = await written();
    const reasons = whole.map(({ reason, reported }) => `${reason} ${reported}`).toSorted();
    expect(reasons).toEqual(["gpu-lost 1", "host-died 1", "never-ready 1"]);

    let statements = 0;
    for (let reached = true; reached;) {
      statements += 1;
      await forget();
      const failing = failingDatabase(fresh.url, { at: statements, when: "before" });
      await story.pass(failing).catch(() => undefined);
      reached = failing.hasFailed();
      await failing.close();
      await story.pass();

      expect(await written()).toEqual(whole);
    }
    expect(statements).toBeGreaterThan(20);
    await forget();
    const lostAnswer = failingDatabase(fresh.url, { at: "COMMIT", when: "after" });
    await expect(story.pass(lostAnswer)).rejects.toThrow("the world failed at statement COMMIT");
    await lostAnswer.close();
    await story.pass();
    expect(await written()).toEqual(whole);
  });

  test("of a leader whose term is over writes nothing", async () => {
    const story = await begin();
    const run = await story.ordered();
    cards(story, XID_79);
    await story.beat();
    const { db, now } = scene.api.deps;
    const term = await currentTerm(db);

    await expect(brokenTimePass({ db }, { term: term - 1, now: now() })).rejects.toThrow(LeadershipLostError);

    expect(await story.run(run)).toMatchObject({ waived: [] });
  });
});
