/**
 * Random histories of orders whose images come late, early or never, on hosts that hear, act and report at any moment:
 * a container may begin in the moment in which its order is taken back. No card and no order runs twice, nothing of
 * what was taken back is charged, and no row of an honest host is set aside. More: FETCH_RUNS=100.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { ingestBatch } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { PLACEMENT_QUESTIONS } from "@remotegpu/control-plane/server/store/doctor/placements";
import { answer } from "@remotegpu/control-plane/server/store/doctor/question";
import { RUN_QUESTIONS } from "@remotegpu/control-plane/server/store/doctor/runs";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { databaseOfFile } from "../../support/engines/postgres.ts";
import type { Caller } from "../../support/http/api.ts";
import { type ControlScene, openControlScene } from "../../support/worlds/control-scene.ts";
import { CHINA, SceneJournal } from "../../support/billing/metering-scene.ts";
import { PullingHost } from "../../support/worlds/fleet/pulling-host.ts";

const RUNS = Number(process.env.FETCH_RUNS ?? 3);
const IMAGES = ["small:1", "large:1", "larger:1"] as const;

const anyHost = fc.nat(1);
const anyStep = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("order" as const),
      who: fc.nat(1),
      image: fc.constantFrom(...IMAGES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      verb: fc.constantFrom("start", "stop"),
      nth: fc.nat(4),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pull" as const), host: anyHost }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("work" as const), host: anyHost }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("begin" as const), host: anyHost }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("report" as const), host: anyHost }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("schedule" as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("fetches" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), minutes: fc.constantFrom(1, 2, 3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("image" as const),
      host: anyHost,
      image: fc.constantFrom(...IMAGES),
      becomes: fc.constantFrom("present", "present", "failed"),
    }),
  },
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** Two orders are taken back; on the second host the container begins in that very moment. */
const PRELUDE: Step[] = [
  { do: "order", who: 0, image: "large:1" },
  { do: "order", who: 1, image: "larger:1" },
  { do: "schedule" },
  { do: "pull", host: 0 },
  { do: "pull", host: 1 },
  { do: "report", host: 0 },
  { do: "report", host: 1 },
  { do: "wait", minutes: 2 },
  { do: "begin", host: 1 },
  { do: "fetches" },
];

/** What runs in two containers at once. */
const doubled = (names: string[]) => names.filter((name, index) => names.indexOf(name) < index);

const emptyDatabase = databaseOfFile();
class World {
  readonly scene: ControlScene;
  readonly customers: Caller[];
  readonly hosts: PullingHost[];

  private constructor(scene: ControlScene, customers: Caller[], hosts: PullingHost[]) {
    this.scene = scene;
    this.customers = customers;
    this.hosts = hosts;
  }

  static async open(): Promise<World> {
    const scene = await openControlScene(await emptyDatabase());
    const customers = [await scene.customer("alice"), await scene.customer("bob")];
    const hosts = [];
    for (const id of ["host-a", "host-b"])
      hosts.push(new PullingHost(await scene.host(id, { gpus: 1, fetches: true, pool: "shared" })));
    return new World(scene, customers, hosts);
  }

  get nowMs(): number {
    return this.scene.api.deps.now().getTime();
  }

  async rows<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.scene.api.db.query<Row>(sql, values)).rows;
  }

  async take(step: Step): Promise<void> {
    const host = "host" in step ? this.hosts[step.host] : undefined;
    switch (step.do) {
      case "order":
        await this.scene.order(this.customers[step.who]!, { gpu: 1, image: step.image });
        return;
      case "ask": {
        const all = await this.rows<{ id: string }>("SELECT id FROM environments ORDER BY id");
        const id = all[step.nth % Math.max(1, all.length)]?.id;
        const as = this.scene.api.admin;
        if (id !== undefined)
          await this.scene.api.request("POST", `/api/v1/environments/${id}/${step.verb}`, { as });
        return;
      }
      case "pull":
        return await host?.pull();
      case "work":
        return host?.work(this.nowMs);
      case "begin":
        for (const { spec } of host?.host.desired ?? []) host?.images.set(spec.image, "present");
        return host?.work(this.nowMs);
      case "report":
        return await host?.report();
      case "schedule":
        await this.scene.schedule();
        return;
      case "fetches":
        await this.scene.fetches();
        return;
      case "wait":
        this.scene.api.passMinutes(step.minutes);
        for (const one of this.hosts) await one.host.heartbeat();
        return;
      case "image":
        if (host?.images.get(step.image) === undefined) host?.images.set(step.image, step.becomes);
        return;
    }
  }

  /** What must be nowhere at any moment. */
  async unsound(): Promise<unknown[]> {
    const running = this.hosts.flatMap((host) => host.running.map(({ wanted }) => wanted));
    const placedBeside = await this.rows(
      `SELECT f.id AS "placed while its image is fetched" FROM image_fetches f
         JOIN instances i ON i.workload_id = f.workload_id
         JOIN placements p ON p.instance_id = i.id AND p.want = 'running' AND p.resources_released_at IS NULL
        WHERE f.ended_at IS NULL`,
    );
    return [
      ...doubled(running.flatMap(({ spec }) => spec.gpus.map(({ uuid }) => uuid))),
      ...doubled(running.map(({ spec }) => spec.workloadId)),
      ...(await this.broken(PLACEMENT_QUESTIONS)),
      ...placedBeside,
    ];
  }

  async broken(questions: typeof PLACEMENT_QUESTIONS): Promise<unknown[]> {
    const results = [];
    for (const question of questions)
      results.push(await answer(this.scene.api.db, question, this.scene.api.deps.now()));
    return results.filter(({ state }) => state !== "well");
  }

  /** All images come, everybody hears of everything, and in the end all is stopped and proven. */
  async settle(): Promise<void> {
    for (const { images } of this.hosts)
      for (const image of IMAGES) if (!images.has(image)) images.set(image, "present");
    for (let round = 0; round < 4; round += 1) await this.everybody();
    const wanted = await this.rows<{ id: string }>(
      "SELECT id FROM environments WHERE status NOT IN ('stopped', 'error')",
    );
    for (const { id } of wanted)
      await this.scene.api.request("POST", `/api/v1/environments/${id}/stop`, { as: this.scene.api.admin });
    for (let round = 0; round < 4; round += 1) await this.everybody();
    for (const host of this.hosts) await this.prove(host);
    this.scene.api.passMinutes(60);
    const { db, now } = this.scene.api.deps;
    const term = (await acquireLeadership(db, { holder: "the test", now: now() })) ?? 0;
    await chargeDueHours({ db, calendar: CHINA }, { term, now: now() });
  }

  async everybody(): Promise<void> {
    for (const host of this.hosts) {
      await host.pull();
      host.work(this.nowMs);
      await host.report();
    }
    await this.scene.fetches();
    await this.scene.schedule();
  }

  async prove({ host, containers }: PullingHost): Promise<void> {
    const journal = new SceneJournal({ customerId: 0, workspaceId: 0, hostId: host.id, bootId: host.bootId });
    const [boot] = await this.rows<{ utc_at_zero: Date }>(
      "SELECT utc_at_zero FROM host_boots WHERE host_id = $1",
      [host.id],
    );
    const zero = boot?.utc_at_zero.getTime() ?? 0;
    for (const { wanted, fromMs, toMs } of containers) {
      const { runId: run, instanceId, placementEpoch: epoch } = wanted;
      journal.write({
        run,
        instanceId,
        epoch,
        fromMs: fromMs - zero,
        toMs: (toMs ?? this.nowMs) - zero,
        final: true,
      });
    }
    if (containers.length === 0) return;
    const deps = { db: this.scene.api.db, verify: () => Promise.resolve(true), calendar: CHINA };
    await ingestBatch(deps, host.id, journal.batch(), this.scene.api.deps.now());
  }
}

test(
  "whatever comes when, nothing runs twice, and nothing is charged of what was taken back",
  async () => {
    const history = fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 30 }), async (steps) => {
      const world = await World.open();
      try {
        for (const step of [...PRELUDE, ...steps]) {
          await world.take(step);
          expect(await world.unsound()).toEqual([]);
        }
        await world.settle();

        expect(await world.unsound()).toEqual([]);
        expect(world.hosts.flatMap(({ running }) => running)).toEqual([]);
        expect(await world.broken(RUN_QUESTIONS)).toEqual([]);
        expect(await world.rows("SELECT * FROM quarantine")).toEqual([]);
        expect(await world.rows("SELECT FROM image_fetches WHERE ended_at IS NULL")).toEqual([]);
        const charged = await world.rows(
          `SELECT FROM runs WHERE waive_reason LIKE 'host-stop: taken back%' AND (billed_minutes > 0 OR posted_amount > 0)`,
        );
        expect(charged).toEqual([]);
        const begun = world.hosts.flatMap(({ containers }) => containers.map(({ wanted }) => wanted.runId));
        const free = await world.rows(
          `SELECT id FROM runs WHERE posted_amount > 0 AND id <> ALL($1::text[])`,
          [begun],
        );
        expect(free).toEqual([]);
        const raced = await world.rows(
          "SELECT FROM runs WHERE waive_reason LIKE 'host-stop: taken back%' AND id = ANY($1::text[])",
          [begun],
        );
        expect(raced).not.toEqual([]);
      } finally {
        await world.scene.close();
      }
    });

    await fc.assert(history, { numRuns: RUNS, interruptAfterTimeLimit: RUNS * 16_000 });
  },
  RUNS * 20_000,
);
