import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { examine } from "@remotegpu/control-plane/server/store/doctor/examination";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { applyCutOffRule } from "@remotegpu/control-plane/server/store/spending/cut-off-rules";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import {
  card,
  type Customer,
  environmentAt,
  jobAt,
  NOTHING_WRITTEN,
  openPlacementScene,
  place,
  type PlacementScene,
  whole,
} from "../../support/placement/placement-scene.ts";
import { databaseOfFile, type FreshDatabase } from "../../support/engines/postgres.ts";

let fresh: FreshDatabase;
let scene: PlacementScene;
let alice: Customer;

const emptyDatabase = databaseOfFile();
beforeEach(async () => {
  fresh = await emptyDatabase();
  scene = await openPlacementScene(fresh);
  alice = await scene.customer("alice");
  for (const id of ["host-a", "host-b"]) await scene.host(id, { gpus: 2 });
});
afterEach(async () => await scene.close());

const onBoth = (id: string) =>
  jobAt(id, place("host-a", whole(card("host-a", 0))), place("host-b", whole(card("host-b", 0))));
const jobRow = async (id: string) =>
  (await scene.rows("SELECT status, status_reason FROM training_jobs WHERE id = $1", [id]))[0];
const isPlaced = async (id: string) =>
  (await scene.rows("SELECT FROM training_jobs WHERE id = $1 AND placed_at IS NOT NULL", [id])).length > 0;
const generations = async () => await scene.rows("SELECT id, generation, used_gpu FROM hosts ORDER BY id");

test("a gang is placed whole: a run for each rank, and the job waits for its hosts", async () => {
  const id = await scene.job(alice, { env_vars: { EPOCHS: "3" } });

  const [outcome] = await scene.commit([onBoth(id)]);

  expect(outcome).toMatchObject({ committed: true, hostIds: ["host-a", "host-b"] });
  expect(
    await scene.rows(
      `SELECT i.rank, i.workload_kind, p.epoch, p.host_id, p.spec->>'hostname' AS hostname,
              p.spec->'env'->>'EPOCHS' AS epochs, p.live->'stopAfterSeconds' AS stop_after, a.gpu_uuid,
              r.resource_type, r.resource_id, r.gpu_model, r.customer_id,
              (SELECT string_agg(l.line, ' ' ORDER BY l.line) FROM run_lines l WHERE l.run_id = r.id) AS lines
         FROM instances i JOIN placements p ON p.instance_id = i.id JOIN runs r ON r.id = p.run_id
         JOIN gpu_allocations a ON a.instance_id = i.id ORDER BY i.rank`,
    ),
  ).toEqual(
    ["host-a", "host-b"].map((host_id, rank) => ({
      rank,
      workload_kind: "training",
      epoch: 1,
      host_id,
      hostname: `${id}-${rank}`,
      epochs: "3",
      stop_after: 900,
      gpu_uuid: card(host_id, 0),
      resource_type: "training",
      resource_id: id,
      gpu_model: "NVIDIA L4",
      customer_id: alice.customerId,
      lines: "cpu gpu memory",
    })),
  );
  const reason = "Placed on 2 hosts, free of charge until all ranks run: host-a, host-b.";
  expect(await jobRow(id)).toEqual({ status: "queued", status_reason: reason });
  expect(
    await scene.rows(
      "SELECT kind, new, reason FROM events WHERE workload_id = $1 AND kind = 'status' ORDER BY id",
      [id],
    ),
  ).toEqual([{ kind: "status", new: "queued", reason }]);
});

test("the hosts of a gang are ordered to run its ranks, and the doctor finds nothing", async () => {
  const host = await scene.host("host-c", { gpus: 2 });
  const id = await scene.job(alice);
  await scene.commit([
    jobAt(id, place("host-c", whole(card("host-c", 0))), place("host-c", whole(card("host-c", 1)))),
  ]);

  const wanted = await host.round();

  expect(wanted.map(({ spec, live }) => [spec.kind, spec.command, live.onDisconnect])).toEqual([
    ["training", "python train.py", "keep"],
    ["training", "python train.py", "keep"],
  ]);
  const unwell = (await examine(scene.api.deps.db, scene.api.deps.now())).filter(
    ({ state }) => state !== "well",
  );
  expect(unwell).toEqual([]);
});

describe("all or none", () => {
  test("with one host short nothing is held, and the others of the batch are placed", async () => {
    const environment = await scene.environment(alice, { gpu: 1 });
    const other = await scene.environment(alice, { gpu: 1 });
    const id = await scene.job(alice);

    const outcomes = await scene.commit([
      environmentAt(environment, place("host-b", whole(card("host-b", 0)))),
      onBoth(id),
      environmentAt(other, place("host-a", whole(card("host-a", 0)))),
    ]);

    expect(outcomes.map(({ committed }) => committed)).toEqual([true, false, true]);
    expect(outcomes[1]).toMatchObject({
      reason: "taken",
      detail: `host-b: GPU ${card("host-b", 0)} is taken`,
    });
    expect(await jobRow(id)).toEqual({ status: "queued", status_reason: null });
    expect(await scene.rows("SELECT FROM instances WHERE workload_kind = 'training'")).toEqual([]);
  });

  test("a rank too few is no gang", async () => {
    const id = await scene.job(alice, { node_count: 3 });

    expect(await scene.commit([onBoth(id)])).toMatchObject([{ committed: false, reason: "taken" }]);
    expect(await scene.written()).toEqual(NOTHING_WRITTEN);
  });

  test("wherever the database fails, nothing is there, and the next try places all", async () => {
    // All its tries take longer than a host may be silent, where the machine is busy.
    scene.api.stopClock();
    const id = await scene.job(alice);
    const before = await generations();

    let statements = 0;
    for (let hasFailed = true; hasFailed;) {
      statements += 1;
      const db = failingDatabase(fresh.url, { at: statements, when: "after" });
      const commit = scene.commit([onBoth(id)], { db });
      const failed = await commit.then(
        () => null,
        (error: unknown) => error,
      );
      await db.close();
      hasFailed = db.hasFailed();
      // The last statement is the COMMIT: an answer that is lost after it changes nothing of what is there.
      if (!hasFailed || (await isPlaced(id))) break;
      expect(failed).not.toBeNull();
      expect(await scene.written()).toEqual(NOTHING_WRITTEN);
      expect(await generations()).toEqual(before);
    }

    expect(statements).toBeGreaterThan(15);
    expect(await scene.written()).toMatchObject({ instances: 2, placements: 2, runs: 2, gpu_allocations: 2 });
  });
});

describe("money and quotas", () => {
  test("a gang costs what all of its ranks cost", async () => {
    // A rank with one core and one card costs 6.6 an hour.
    const bob = await scene.customer("bob", "13.2");
    const carol = await scene.customer("carol", "13.1");
    const [enough, short] = [await scene.job(bob), await scene.job(carol)];

    const outcomes = await scene.commit([
      onBoth(short),
      jobAt(enough, place("host-a", whole(card("host-a", 1))), place("host-b", whole(card("host-b", 1)))),
    ]);

    expect(outcomes).toMatchObject([{ committed: false, reason: "funds" }, { committed: true }]);
  });

  test("a job that has its places counts for the quotas of its payer and workspace, but as no environment", async () => {
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 5, memory_quota: 9999, gpu_quota: 3, storage_quota: 0, environment_quota: 1 },
    });
    const id = await scene.job(alice, { cpu: 2 });

    const refused = async (change: object) => (await scene.order(alice, change)).body.detail;
    await scene.commit([onBoth(id)]);
    expect(await refused({ cpu: 2 })).toBe("cpu_quota of the customer is 5: 4 in use, 2 more asked");
    expect(await refused({ gpu: 2 })).toBe("gpu_quota of the customer is 3: 2 in use, 2 more asked");
    expect((await scene.order(alice, { gpu: 1 })).status).toBe(201);
  });

  test("jobs beyond a quota wait for each other, the first in the line does not wait for the next", async () => {
    await scene.api.request("PUT", `/api/v1/customers/${alice.customerId}/quota`, {
      as: scene.api.admin,
      body: { cpu_quota: 9, memory_quota: 99_999, gpu_quota: 2, storage_quota: 0, environment_quota: 1 },
    });
    const [first, second] = [await scene.job(alice), await scene.job(alice)];
    const beside = jobAt(
      second,
      place("host-a", whole(card("host-a", 1))),
      place("host-b", whole(card("host-b", 1))),
    );

    expect(await scene.commit([onBoth(first), beside])).toMatchObject([
      { committed: true },
      { committed: false, reason: "quota", detail: "gpu_quota of the customer is 2: 2 in use, 2 more asked" },
    ]);
  });

  test("what a job will cost counts for the next order's start rule while it waits and when it is placed", async () => {
    const bob = await scene.customer("bob", "13.5");
    const id = await scene.job(bob);

    expect((await scene.order(bob)).status).toBe(402);
    await scene.commit([onBoth(id)]);
    expect((await scene.order(bob)).status).toBe(402);
    await scene.rows("UPDATE training_jobs SET status = 'cancelled'");
    await scene.rows("UPDATE placements SET want = 'stopped', ordered_by = 'customer'");
    expect((await scene.order(bob)).status).toBe(201);
  });

  test("how a gang ends where it is cut off is not undone by its payer's money", async () => {
    await scene.commit([onBoth(await scene.job(alice))]);

    const terms = { customerId: alice.customerId, now: scene.api.deps.now() };
    const changed = await transaction(scene.api.db, (sql) => applyCutOffRule(sql, terms));

    expect(changed).toEqual([]);
    expect(await scene.rows("SELECT live->>'onDisconnect' AS reported FROM placements")).toEqual([
      { reported: "stop_after" },
      { reported: "stop_after" },
    ]);
  });
});

test("a job whose last rank is not confirmed over waits for its host", async () => {
  const id = await scene.job(alice);
  await scene.commit([onBoth(id)]);
  await scene.rows("UPDATE training_jobs SET placed_at = NULL");

  expect(await scene.commit([onBoth(id)])).toEqual([
    {
      committed: false,
      reason: "still-held",
      detail: "Waiting for host host-a to confirm that the container of the last start has stopped.",
    },
  ]);
});
