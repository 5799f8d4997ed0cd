/** Ingest on Postgres: every row once, whatever is repeated, reordered, forged or cut off half way. */
import {
  type IngestReport,
  ingestBatch,
  recordMalformed,
} from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import { fixBootZero } from "@remotegpu/control-plane/server/store/billing/runs/run-time";
import { MAX_JOURNALS_A_DAY } from "@remotegpu/control-plane/server/store/hosts/newcomers";
import type { JournalBatch, JournalRow } from "@remotegpu/shared/proof/journal-row";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failingDatabase } from "../../support/engines/failing-database.ts";
import {
  at,
  CHINA,
  openScene,
  openSceneRun,
  type Scene,
  SceneJournal,
} from "../../support/billing/metering-scene.ts";
import { type FreshDatabase, freshDatabase } from "../../support/engines/postgres.ts";

const MINUTE = 60_000;

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = fresh.database;
});
afterAll(() => fresh.drop());

let scenes = 0;
async function sceneWithRun(): Promise<{ scene: Scene; run: string; journal: SceneJournal }> {
  scenes += 1;
  const scene = await openScene(database, `s${scenes}`);
  const run = `run-${scenes}`;
  await openSceneRun(database, scene, run);
  return { scene, run, journal: new SceneJournal(scene) };
}

function ingest(
  scene: Scene,
  batch: JournalBatch,
  { now = at(3 * 60 * MINUTE), on = database }: { now?: Date; on?: Database } = {},
): Promise<IngestReport> {
  const verify = async (_host: string, _text: string, signature: string) => signature === "signed";
  return ingestBatch({ db: on, verify, calendar: CHINA }, scene.hostId, batch, now);
}

interface Money {
  proven_ms: number;
  billed_minutes: number;
  posted_amount: string;
  balance: string;
  closed: boolean;
}

async function moneyOf(run: string): Promise<Money> {
  const { rows } = await database.query<Money>(
    `SELECT r.proven_ms, r.billed_minutes, r.posted_amount, c.balance, r.closed_at IS NOT NULL AS closed
       FROM runs r JOIN customers c ON c.id = r.customer_id WHERE r.id = $1`,
    [run],
  );
  return rows[0] as Money;
}

async function quarantinedOf(scene: Scene): Promise<{ seq: number; reason: string; excess_ms: number }[]> {
  const { rows } = await database.query<{ seq: number; reason: string; excess_ms: number }>(
    "SELECT seq, reason, excess_ms FROM quarantine WHERE host_id = $1 ORDER BY id",
    [scene.hostId],
  );
  return rows;
}

async function watermark(scene: Scene, journal: SceneJournal): Promise<number> {
  const { rows } = await database.query<{ watermark: number }>(
    "SELECT watermark FROM host_journals WHERE host_id = $1 AND journal_id = $2",
    [scene.hostId, journal.id],
  );
  return rows[0]?.watermark ?? -1;
}

async function expectBooksToAgree(): Promise<void> {
  expect(await trialBalance(database)).toEqual({ total: "0.0000", unbalancedCustomers: 0 });
}

/** Ten rows of 61 s each without a gap, the last one final: 611 s, 11 minutes, 1.1 points. */
function tenRows(run: string, journal: SceneJournal): void {
  for (let index = 0; index < 10; index += 1)
    journal.write({
      run,
      fromMs: index * 61_000 + 1000,
      toMs: (index + 1) * 61_000 + 1000,
      final: index === 9,
    });
}
const TEN_ROWS = {
  proven_ms: 610_000,
  billed_minutes: 11,
  posted_amount: "1.1000",
  balance: "98.9000",
  closed: true,
};

describe("rows are decided once", () => {
  test("a final row charges its run and the watermark follows", async () => {
    const { scene, run, journal } = await sceneWithRun();
    tenRows(run, journal);

    const report = await ingest(scene, journal.batch());

    expect(report).toEqual({ decided: 10, quarantined: 0, watermark: 10 });
    expect(await moneyOf(run)).toEqual(TEN_ROWS);
    await expectBooksToAgree();
  });

  test("sending it all again, cut differently, changes nothing", async () => {
    const { scene, run, journal } = await sceneWithRun();
    tenRows(run, journal);
    await ingest(scene, journal.batch());

    const again = [await ingest(scene, journal.batch(3, 7)), await ingest(scene, journal.batch())];

    expect(again.map((report) => report.decided)).toEqual([0, 0]);
    expect(await moneyOf(run)).toEqual(TEN_ROWS);
    expect(await quarantinedOf(scene)).toEqual([]);
  });

  test("any order gives the same end, and the watermark waits for the gap", async () => {
    const { scene, run, journal } = await sceneWithRun();
    tenRows(run, journal);
    const marks: (number | null)[] = [];

    for (const [first, last] of [
      [8, 10],
      [1, 2],
      [5, 7],
      [3, 4],
    ] as const)
      marks.push((await ingest(scene, journal.batch(first, last))).watermark);

    expect(marks).toEqual([0, 2, 2, 10]);
    // What came after the final row waits for the hour; what is proven is the same.
    expect(await moneyOf(run)).toMatchObject({ proven_ms: 610_000, closed: true });
  });

  test("eight workers with the same batches post one charge", async () => {
    const { scene, run, journal } = await sceneWithRun();
    tenRows(run, journal);
    const cuts = [
      [1, 4],
      [5, 10],
      [1, 10],
      [3, 6],
      [1, 10],
      [5, 10],
      [1, 4],
      [2, 9],
    ] as const;

    await Promise.all(cuts.map(([first, last]) => ingest(scene, journal.batch(first, last))));
    await ingest(scene, journal.batch());

    const money = await moneyOf(run);
    expect(money).toMatchObject({ proven_ms: 610_000, closed: true });
    const rows = await database.query("SELECT FROM usage_rows WHERE host_id = $1", [scene.hostId]);
    expect(rows.rowCount).toBe(10);
    expect(await watermark(scene, journal)).toBe(10);
    await expectBooksToAgree();
  });

  test("batches that end runs of the same two payers in opposite order all come through", async () => {
    const [one, two] = [await sceneWithRun(), await sceneWithRun()];
    const journals = await Promise.all(
      [one, two].map(async ({ scene }, index) => {
        const journal = new SceneJournal(scene);
        for (let round = 0; round < 10; round += 1)
          for (const payer of index === 0 ? [one, two] : [two, one]) {
            const run = `${scene.hostId}-${round}-${payer.scene.customerId}`;
            await openSceneRun(database, { ...scene, customerId: payer.scene.customerId }, run);
            journal.write({ run, fromMs: 0, toMs: MINUTE, final: true });
          }
        return { scene, journal };
      }),
    );

    const batches = journals.flatMap(({ scene, journal }) =>
      Array.from({ length: 10 }, (_, round) => ingest(scene, journal.batch(round * 2 + 1, round * 2 + 2))),
    );
    const reports = await Promise.all(batches);

    expect(reports.every((report) => report.decided === 2)).toBe(true);
    expect([(await moneyOf(one.run)).balance, (await moneyOf(two.run)).balance]).toEqual([
      "98.0000",
      "98.0000",
    ]);
    await expectBooksToAgree();
  });
});

describe("a crash at any statement", () => {
  test.each(["before", "after"] as const)("%s Postgres has done it leaves all or nothing", async (when) => {
    for (let statement = 1, reached = true; reached; statement += 1) {
      const { scene, run, journal } = await sceneWithRun();
      tenRows(run, journal);
      const failing = failingDatabase(fresh.url, { at: statement, when });

      const outcome = await ingest(scene, journal.batch(), { on: failing }).catch((error: unknown) => error);
      reached = failing.hasFailed();
      await failing.close();
      const left = await moneyOf(run);
      await ingest(scene, journal.batch());

      expect(outcome instanceof Error).toBe(reached);
      expect([0, 610_000]).toContain(left.proven_ms);
      expect(left.posted_amount).toBe(left.proven_ms === 0 ? "0.0000" : "1.1000");
      expect(await moneyOf(run)).toEqual(TEN_ROWS);
      expect(statement).toBeLessThan(100);
    }
    await expectBooksToAgree();
  });
});

describe("what does not count", () => {
  test("other content under a taken key is set aside, raised once, and never charged", async () => {
    const { scene, run, journal } = await sceneWithRun();
    const forged = new SceneJournal(scene, undefined, journal.id);
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    forged.write({ run, fromMs: 0, toMs: 100 * MINUTE });
    await ingest(scene, journal.batch());

    const reports = [await ingest(scene, forged.batch()), await ingest(scene, forged.batch())];

    expect(reports.map((report) => report.quarantined)).toEqual([1, 0]);
    expect(await quarantinedOf(scene)).toMatchObject([{ seq: 1, reason: "same key, different content" }]);
    expect(await moneyOf(run)).toMatchObject({ proven_ms: MINUTE });
    const alarms = await database.query("SELECT FROM alarms WHERE subject LIKE $1", [`${scene.hostId} %`]);
    expect(alarms.rowCount).toBe(1);
  });

  test("a year in one row counts as far as it can be, and the watermark passes it", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: 365 * 24 * 60 * MINUTE });
    journal.write({ run, fromMs: 10 * MINUTE, toMs: 11 * MINUTE, final: true });

    const report = await ingest(scene, journal.batch(), { now: at(20 * MINUTE) });

    const latestMs = 20 * MINUTE + 2_000 + 600;
    expect(report).toEqual({ decided: 2, quarantined: 1, watermark: 2 });
    expect(await moneyOf(run)).toMatchObject({ proven_ms: latestMs });
    expect(await quarantinedOf(scene)).toEqual([
      { seq: 1, reason: "over-claim", excess_ms: 365 * 24 * 60 * MINUTE - latestMs },
    ]);
  });

  test("lost and refused rows count for the watermark, unproven time for nothing", async () => {
    const { scene, run, journal } = await sceneWithRun();
    const foreign = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    journal.writeLost("a flipped bit");
    journal.write({ run: foreign.run, fromMs: 0, toMs: 50 * MINUTE, final: true });
    journal.write({ run: "never-ordered", fromMs: 0, toMs: 50 * MINUTE });
    journal.write({ run, fromMs: 5 * MINUTE, toMs: 9 * MINUTE, proof: "unproven" });
    journal.write({ run, fromMs: 9 * MINUTE, toMs: 10 * MINUTE, final: true });

    const report = await ingest(scene, journal.batch());

    expect(report).toEqual({ decided: 6, quarantined: 2, watermark: 6 });
    expect(await moneyOf(run)).toMatchObject({
      proven_ms: 2 * MINUTE,
      posted_amount: "0.2000",
      closed: true,
    });
    expect(await moneyOf(foreign.run)).toMatchObject({ proven_ms: 0, closed: false });
    expect((await quarantinedOf(scene)).map((row) => row.reason)).toEqual(["foreign-run", "unknown-run"]);
  });

  test("rows that do not hang together are stored whole but prove nothing", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    journal.write({ run, fromMs: MINUTE, toMs: 2 * MINUTE, final: true });
    const batch = journal.batch();
    const [first] = batch.rows;
    if (first?.entry.kind === "usage") first.entry.endMs = 30 * MINUTE;

    const report = await ingest(scene, batch);

    expect(report).toEqual({ decided: 2, quarantined: 2, watermark: 2 });
    expect(await moneyOf(run)).toMatchObject({ proven_ms: 0, closed: true });
    expect((await quarantinedOf(scene)).map((row) => row.reason)).toEqual(["broken-chain", "broken-chain"]);
  });

  test("rows out of their order, twice over and far apart are decided like any forgery", async () => {
    const { scene, run, journal } = await sceneWithRun();
    for (let index = 0; index < 4; index += 1)
      journal.write({ run, fromMs: index * MINUTE, toMs: (index + 1) * MINUTE });
    await ingest(scene, journal.batch(1, 2));
    const batch = journal.batch(1, 4);
    const [first, second, third, fourth] = batch.rows as [JournalRow, JournalRow, JournalRow, JournalRow];
    const rows = [
      fourth,
      second,
      third,
      { ...first, seq: Number.MAX_SAFE_INTEGER },
      third,
      { ...second, seq: 1 },
    ];

    const report = await ingest(scene, { ...batch, rows });

    expect(report).toEqual({ decided: 3, quarantined: 4, watermark: 4 });
    expect(await moneyOf(run)).toMatchObject({ proven_ms: 2 * MINUTE });
  });

  test("a batch that is not the continuation of what is stored proves nothing either", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    await ingest(scene, journal.batch());
    journal.write({ run, fromMs: MINUTE, toMs: 2 * MINUTE });

    const report = await ingest(scene, { ...journal.batch(2, 2), previousHash: "a".repeat(64) });

    expect(report).toMatchObject({ quarantined: 1, watermark: 2 });
  });

  test("without the host's signature nothing is even decided", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });

    const report = await ingest(scene, { ...journal.batch(), signature: "forged" });

    expect(report).toEqual({ decided: 0, quarantined: 1, watermark: null });
    expect(await watermark(scene, journal)).toBe(0);
    expect(await ingest(scene, journal.batch())).toMatchObject({ decided: 1, watermark: 1 });
  });

  test("of the journals that a host makes up only so many a day are begun", async () => {
    const { scene, run } = await sceneWithRun();
    const batchOfNewJournal = () => {
      const journal = new SceneJournal(scene);
      journal.write({ run, fromMs: 0, toMs: MINUTE });
      return journal.batch();
    };
    for (let count = 1; count <= MAX_JOURNALS_A_DAY; count += 1) await ingest(scene, batchOfNewJournal());
    const known = async () =>
      (await database.query("SELECT FROM host_journals WHERE host_id = $1", [scene.hostId])).rowCount;

    expect(await ingest(scene, batchOfNewJournal())).toEqual({ decided: 0, quarantined: 0, watermark: null });

    expect(await known()).toBe(MAX_JOURNALS_A_DAY);
    const dayLater = at(3 * 60 * MINUTE + MS_PER_DAY);
    expect(await ingest(scene, batchOfNewJournal(), { now: dayLater })).toMatchObject({ decided: 1 });
  });

  test("a host that is not ours and bytes that are no batch leave nothing or one note", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    const stranger = { ...scene, hostId: "stranger" as Scene["hostId"] };

    expect(await ingest(stranger, journal.batch())).toMatchObject({ watermark: null });
    await recordMalformed(database, "stranger", "not JSON", at(0));
    await recordMalformed(database, null, "not JSON", at(0));
    for (const reason of ["not JSON \0 \ud800", "again"])
      await recordMalformed(database, scene.hostId, reason, at(0));

    expect((await quarantinedOf(scene)).map((row) => row.reason)).toEqual(["malformed"]);
  });
});

describe("boots", () => {
  test("usage of a boot that has not announced itself comes again", async () => {
    const { scene, run } = await sceneWithRun();
    const rebooted = { ...scene, bootId: "00000000-0000-4000-8000-00000000000b" };
    const journal = new SceneJournal(rebooted);
    journal.write({ run, fromMs: 0, toMs: MINUTE });

    await expect(ingest(scene, journal.batch())).rejects.toThrow(/no heartbeat of boot/);
    await fixBootZero(database, {
      hostId: scene.hostId,
      bootId: rebooted.bootId,
      monotonicMs: 0,
      receivedAt: at(MINUTE),
      roundTripMs: null,
    });
    await ingest(scene, journal.batch());

    expect(await moneyOf(run)).toMatchObject({ proven_ms: MINUTE });
  });

  test("a boot before the present one that nobody ever heard of is set aside", async () => {
    const { scene, run } = await sceneWithRun();
    const journal = new SceneJournal({ ...scene, bootId: "00000000-0000-4000-8000-00000000000c" });
    journal.write({ run, fromMs: 0, toMs: MINUTE, final: true });
    await database.query("UPDATE hosts SET last_heartbeat = $2, boot_id = $3 WHERE id = $1", [
      scene.hostId,
      at(10 * MINUTE),
      scene.bootId,
    ]);

    const report = await ingest(scene, journal.batch(), { now: at(10 * MINUTE) });

    expect(report).toEqual({ decided: 1, quarantined: 1, watermark: 1 });
    expect(await moneyOf(run)).toMatchObject({ proven_ms: 0, closed: true });
  });

  test("a boot after the one we know is waited for, however fresh the last heartbeat is", async () => {
    const { scene, run, journal } = await sceneWithRun();
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    await ingest(scene, journal.batch());
    await database.query("UPDATE hosts SET last_heartbeat = $2, boot_id = $3 WHERE id = $1", [
      scene.hostId,
      at(10 * MINUTE),
      scene.bootId,
    ]);
    Object.assign(scene, { bootId: "00000000-0000-4000-8000-00000000000e" });
    const seq = journal.write({ run, fromMs: 0, toMs: MINUTE });

    const early = ingest(scene, journal.batch(seq, seq), { now: at(10 * MINUTE) });

    await expect(early).rejects.toThrow(/no heartbeat of boot/);
  });

  test.each([
    { what: "a boot of nineteen years", monotonicMs: 19 * 365 * 24 * 60 * MINUTE, roundTripMs: 0 },
    {
      what: "a round trip of two thousand years",
      monotonicMs: 0,
      roundTripMs: 2000 * 365 * 24 * 60 * MINUTE,
    },
  ])("$what makes no time that has not passed", async ({ monotonicMs, roundTripMs }) => {
    const { scene, run } = await sceneWithRun();
    const bootId = "00000000-0000-4000-8000-0000000000ff";
    const { hostId } = scene;
    await fixBootZero(database, { hostId, bootId, monotonicMs, receivedAt: at(0), roundTripMs: null });
    await fixBootZero(database, { hostId, bootId, monotonicMs, receivedAt: at(0), roundTripMs });
    const journal = new SceneJournal({ ...scene, bootId });
    const YEAR = 365 * 24 * 60 * MINUTE;
    journal.write({ run, fromMs: monotonicMs, toMs: monotonicMs + YEAR });
    journal.write({ run, fromMs: monotonicMs + YEAR, toMs: monotonicMs + 2 * YEAR, final: true });

    await ingest(scene, journal.batch(), { now: at(MINUTE) });

    const { proven_ms } = await moneyOf(run);
    expect(proven_ms).toBeGreaterThanOrEqual(MINUTE);
    expect(proven_ms).toBeLessThanOrEqual(MINUTE + 2_000 + 30);
  });

  test("many rows together claim no more than one could", async () => {
    const { scene, run, journal } = await sceneWithRun();
    // The clocks were compared a day ago, so where an interval lies is known to 45 s only.
    const day = 24 * 60 * MINUTE;
    await database.query("UPDATE runs SET ordered_at = $2 WHERE id = $1", [run, at(day)]);
    for (let row = 0; row < 4; row += 1)
      journal.write({ run, fromMs: day - 40_000 + row * 20_000, toMs: day - 20_000 + row * 20_000 });

    await ingest(scene, journal.batch(1, 2), { now: at(day + 10_000) });
    await ingest(scene, journal.batch(3, 4), { now: at(day + 10_000) });

    const { proven_ms } = await moneyOf(run);
    expect(proven_ms).toBe(10_000 + 2_000 + 5);
  });

  test("the shortest round trip fixes the zero until usage was decided", async () => {
    const { scene, run, journal } = await sceneWithRun();
    const bootId = "00000000-0000-4000-8000-00000000000d";
    const heartbeat = { hostId: scene.hostId, bootId, monotonicMs: 1000 };
    const zero = async (): Promise<number> => {
      const found = await database.query<{ utc_at_zero: Date }>(
        "SELECT utc_at_zero FROM host_boots WHERE boot_id = $1 AND host_id = $2",
        [bootId, scene.hostId],
      );
      return (found.rows[0]?.utc_at_zero.getTime() ?? 0) - at(0).getTime();
    };
    const zeros: number[] = [];
    for (const [receivedMs, roundTripMs] of [
      [1500, null],
      [1400, 300],
      [1480, 200],
      [1200, 250],
    ] as const) {
      await fixBootZero(database, { ...heartbeat, receivedAt: at(receivedMs), roundTripMs });
      zeros.push(await zero());
    }
    const other = new SceneJournal({ ...scene, bootId });
    other.write({ run, fromMs: 0, toMs: MINUTE });
    journal.write({ run, fromMs: 0, toMs: MINUTE });
    await ingest(scene, other.batch());
    await fixBootZero(database, { ...heartbeat, receivedAt: at(5000), roundTripMs: 1 });

    expect(zeros).toEqual([500, 250, 380, 380]);
    expect(await zero()).toBe(380);
  });
});
