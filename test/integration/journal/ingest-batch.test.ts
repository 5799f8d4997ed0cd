/** Batches of many hosts in one transaction: none changes what becomes of another, whatever is wrong with it. */
import { chargeDueHours } from "@remotegpu/control-plane/server/controllers/billing/charging";
import { type IngestOutcome, ingestBatches } from "@remotegpu/control-plane/server/controllers/ingest/ingest";
import { ingestQueue } from "@remotegpu/control-plane/server/controllers/ingest/ingest-queue";
import { trialBalance } from "@remotegpu/control-plane/server/store/billing/ledger/ledger";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import type { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import { formatPoints } from "@remotegpu/shared/values/money";
import * as fc from "fast-check";
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
const NOW = at(3 * 60 * MINUTE);

let fresh: FreshDatabase;
let database: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = fresh.database;
});
afterAll(() => fresh.drop());

interface Host {
  scene: Scene;
  journal: SceneJournal;
  runs: string[];
}

let hosts = 0;
/** A host with runs, all of which have two minutes in its journal and end with the second. */
async function hostWithRuns(
  count: number,
  { payer, balance }: { payer?: Scene; balance?: string } = {},
): Promise<Host> {
  hosts += 1;
  const own = await openScene(database, `h${hosts}`, balance);
  const scene =
    payer === undefined ? own : { ...own, customerId: payer.customerId, workspaceId: payer.workspaceId };
  const journal = new SceneJournal(scene);
  const runs = Array.from({ length: count }, (_, nth) => `run-${hosts}-${nth}`);
  for (const run of runs) await openSceneRun(database, scene, run);
  for (const minute of [0, 1])
    for (const run of runs)
      journal.write({ run, fromMs: minute * MINUTE, toMs: (minute + 1) * MINUTE, final: minute === 1 });
  return { scene, journal, runs };
}

const depsOn = (db: Database) => ({
  db,
  verify: async (_host: string, _text: string, signature: string) => signature === "signed",
  calendar: CHINA,
});

function ingest(
  batches: readonly { scene: Scene; batch: JournalBatch; sentAt?: Date }[],
  on = database,
): Promise<IngestOutcome[]> {
  const deliveries = batches.map(({ scene: { hostId }, ...delivery }) => ({ hostId, ...delivery }));
  return ingestBatches(depsOn(on), deliveries, NOW);
}

const whole = ({ scene, journal }: Host) => ({ scene, batch: journal.batch() });
const taken = (outcomes: readonly IngestOutcome[]) =>
  outcomes.map((outcome) => (outcome.taken ? outcome.report : outcome.again.name));

/** What is left of a host in every table that ingest writes. */
async function tracesOf({ hostId }: Scene): Promise<Record<string, number>> {
  const { rows } = await database.query<Record<string, number>>(
    `SELECT (SELECT count(*) FROM usage_rows WHERE host_id = $1) AS rows,
            (SELECT count(*) FROM usage_batches WHERE host_id = $1) AS heads,
            (SELECT count(*) FROM run_time WHERE host_id = $1) AS times,
            (SELECT count(*) FROM quarantine WHERE host_id = $1) AS quarantined,
            (SELECT count(*) FROM host_journals WHERE host_id = $1) AS journals,
            (SELECT count(*) FROM events WHERE host_id = $1) AS events,
            (SELECT count(*) FROM billing_records b JOIN runs r ON r.id = b.run_id WHERE r.host_id = $1) AS records`,
    [hostId],
  );
  return rows[0] ?? {};
}

async function balanceOf({ customerId }: Scene): Promise<string> {
  const { rows } = await database.query<{ balance: string }>("SELECT balance FROM customers WHERE id = $1", [
    customerId,
  ]);
  return rows[0]?.balance ?? "";
}

const BOOKS_AGREE = { total: "0.0000", unbalancedCustomers: 0 };

describe("one bad among many", () => {
  test("what must come again leaves no trace, what is forged is set aside, all others are decided", async () => {
    const [good, unknownBoot, forged, other] = [
      await hostWithRuns(2),
      await hostWithRuns(1),
      await hostWithRuns(1),
      await hostWithRuns(3),
    ];
    Object.assign(unknownBoot.scene, { bootId: "00000000-0000-4000-8000-0000000000aa" });
    const rebooted = new SceneJournal(unknownBoot.scene);
    rebooted.write({ run: unknownBoot.runs[0] ?? "", fromMs: 0, toMs: MINUTE, final: true });
    const restored = await hostWithRuns(1);
    await database.query("UPDATE hosts SET restore_detected_at = now() WHERE id = $1", [
      restored.scene.hostId,
    ]);

    const outcomes = await ingest([
      whole(good),
      { scene: unknownBoot.scene, batch: rebooted.batch() },
      { scene: forged.scene, batch: { ...forged.journal.batch(), signature: "forged" } },
      whole(restored),
      { scene: { ...good.scene, hostId: "stranger" as Scene["hostId"] }, batch: good.journal.batch() },
      whole(other),
    ]);

    const nothing = { decided: 0, quarantined: 0, watermark: null };
    expect(taken(outcomes)).toEqual([
      { decided: 4, quarantined: 0, watermark: 4 },
      "BootNotYetKnownError",
      { ...nothing, quarantined: 1 },
      "HostNotYetMergedError",
      nothing,
      { decided: 6, quarantined: 0, watermark: 6 },
    ]);
    const untouched = { rows: 0, heads: 0, times: 0, quarantined: 0, journals: 0, events: 0, records: 0 };
    expect(await tracesOf(unknownBoot.scene)).toEqual(untouched);
    expect(await tracesOf(restored.scene)).toEqual(untouched);
    expect([await balanceOf(good.scene), await balanceOf(other.scene)]).toEqual(["99.6000", "99.4000"]);
  });

  test("of a run that is not known comes again until its host was heard since it was sent, a minute at most", async () => {
    const one = await hostWithRuns(1);
    const journal = new SceneJournal(one.scene);
    journal.write({ run: "run-of-nobody", fromMs: 0, toMs: MINUTE, final: true });
    const reported = (sentAt: Date) => ingest([{ scene: one.scene, batch: journal.batch(), sentAt }]);
    const heard = (at: Date) =>
      database.query("UPDATE hosts SET last_heartbeat = $2 WHERE id = $1", [one.scene.hostId, at]);
    const before = (seconds: number) => new Date(NOW.getTime() - seconds * 1_000);

    await heard(before(30));
    const unheard = taken(await reported(before(20)));
    const traces = await tracesOf(one.scene);
    await heard(before(10));
    const since = taken(await reported(before(20)));

    expect(unheard).toEqual(["RunNotYetKnownError"]);
    expect(traces).toMatchObject({ rows: 0, quarantined: 0 });
    expect(since).toEqual([{ decided: 1, quarantined: 1, watermark: 1 }]);

    const silent = await hostWithRuns(1);
    const later = new SceneJournal(silent.scene);
    later.write({ run: "run-of-nobody", fromMs: 0, toMs: MINUTE, final: true });
    expect(taken(await ingest([{ scene: silent.scene, batch: later.batch(), sentAt: before(60) }]))).toEqual([
      { decided: 1, quarantined: 1, watermark: 1 },
    ]);
  });

  test("a batch that no transaction can take fails alone, and the batch queue goes on", async () => {
    const [bad, ...good] = [await hostWithRuns(1), await hostWithRuns(1), await hostWithRuns(2)];
    await database.query(
      `CREATE FUNCTION refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$`,
    );
    await database.query(
      `CREATE TRIGGER refuse_bad BEFORE INSERT ON usage_rows FOR EACH ROW
         WHEN (NEW.host_id = '${bad.scene.hostId}') EXECUTE FUNCTION refuse_bad()`,
    );
    const batchQueue = ingestQueue(depsOn(database), () => NOW);

    const settled = await Promise.allSettled(
      [bad, ...good].map(({ scene, journal }) =>
        batchQueue.take({ hostId: scene.hostId, batch: journal.batch() }),
      ),
    );
    await database.query("DROP TRIGGER refuse_bad ON usage_rows");
    const again = await batchQueue.take({ hostId: bad.scene.hostId, batch: bad.journal.batch() });

    expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(await Promise.all(good.map(({ scene }) => balanceOf(scene)))).toEqual(["99.8000", "99.6000"]);
    expect(again).toEqual({ decided: 2, quarantined: 0, watermark: 2 });
  });

  test("batches of one host that wait together are all decided, each once", async () => {
    const { scene, journal } = await hostWithRuns(4);
    const batchQueue = ingestQueue(depsOn(database), () => NOW);

    const reports = await Promise.all(
      [1, 3, 5, 7].map((seq) =>
        batchQueue.take({ hostId: scene.hostId, batch: journal.batch(seq, seq + 1) }),
      ),
    );

    expect(reports.map(({ decided }) => decided)).toEqual([2, 2, 2, 2]);
    expect(await balanceOf(scene)).toBe("99.2000");
  });
});

test("a text with every character that COPY minds is stored as it came", async () => {
  const { scene, journal } = await hostWithRuns(0);
  const reason = 'a\ttab, a\nline, a\r, \\N, \\., "quotes" and \\\\ two';
  journal.writeLost(reason);

  await ingest([{ scene, batch: journal.batch() }]);

  const { rows } = await database.query("SELECT reason, entry FROM usage_rows WHERE host_id = $1", [
    scene.hostId,
  ]);
  expect(rows).toEqual([{ reason, entry: { kind: "lost", reason } }]);
});

test("so many statements, whatever the number of hosts, runs, rows and payers", async () => {
  const few = [await hostWithRuns(1)];
  const many = [await hostWithRuns(5), await hostWithRuns(3), await hostWithRuns(1), await hostWithRuns(4)];
  const counts: number[] = [];

  for (const batches of [few, many]) {
    const counting = failingDatabase(fresh.url, { at: Infinity, when: "before" });
    await ingest(batches.map(whole), counting);
    counts.push(counting.statements());
    await counting.close();
  }

  expect(counts[1]).toBe(counts[0]);
  expect(counts[0]).toBeLessThan(40);
});

test("a crash at any statement leaves all of every host or nothing of any", async () => {
  const payer = await hostWithRuns(0);
  const both = [payer, await hostWithRuns(0, { payer: payer.scene })];
  for (let statement = 1, reached = true; reached; statement += 1) {
    const batches = [];
    for (const { scene, journal } of both) {
      const run = `crash-${statement}-${scene.hostId}`;
      await openSceneRun(database, scene, run);
      const fromMs = statement * MINUTE;
      const seq = journal.write({ run, fromMs, toMs: fromMs + MINUTE, final: true });
      batches.push({ scene, batch: journal.batch(seq, seq) });
    }
    const failing = failingDatabase(fresh.url, { at: statement, when: "before" });

    const outcome = await ingest(batches, failing).catch((error: unknown) => error);
    reached = failing.hasFailed();
    await failing.close();
    const left = [await balanceOf(payer.scene), (await tracesOf(both[1]!.scene))["rows"]];
    await ingest(batches);

    const after = (times: number) => [formatPoints(1_000_000n - 2_000n * BigInt(times)), times];
    expect(outcome instanceof Error).toBe(reached);
    expect(left).toEqual(after(reached ? statement - 1 : statement));
    expect([await balanceOf(payer.scene), (await tracesOf(both[1]!.scene))["rows"]]).toEqual(
      after(statement),
    );
    expect(statement).toBeLessThan(60);
  }
  expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
});

describe("many workers at once", () => {
  /** What is owed and was taken, run by run, and what became of the accounts. */
  async function booksOf(group: readonly Host[]): Promise<unknown[]> {
    const runs = group.flatMap((host) => host.runs);
    const { rows: charged } = await database.query(
      `SELECT r.posted_amount, r.billed_minutes, r.proven_ms, r.uncharged, b.billing_minutes, b.amount, e.amount AS entry
         FROM unnest($1::text[]) WITH ORDINALITY k (id, nth) JOIN runs r USING (id)
         JOIN billing_records b ON b.run_id = r.id
         JOIN ledger_entries e ON e.transaction_id = b.transaction_id AND e.account = 'customer' ORDER BY k.nth`,
      [runs],
    );
    const { rows: accounts } = await database.query(
      `SELECT c.balance, c.overdue_status, c.overdue_since, array_agg(e.old || ' ' || e.new) AS changes
         FROM unnest($1::bigint[]) WITH ORDINALITY k (id, nth) JOIN customers c USING (id)
         LEFT JOIN events e ON e.customer_id = c.id AND e.kind = 'account-status' GROUP BY c.id, k.nth ORDER BY k.nth`,
      [group.map(({ scene }) => scene.customerId)],
    );
    return [charged, accounts];
  }

  /** Three hosts whose runs the customers of the first two pay, who have little. */
  async function group(): Promise<Host[]> {
    const one = await hostWithRuns(3, { balance: "0.5" });
    const two = await hostWithRuns(3, { balance: "1" });
    return [
      one,
      two,
      await hostWithRuns(4, { payer: one.scene }),
      await hostWithRuns(4, { payer: two.scene }),
    ];
  }

  test("with interleaved batches of the same payers come to what one after the other comes to", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.subarray([0, 1, 2, 3], { minLength: 1 }), { minLength: 4, maxLength: 6 }),
        async (picks) => {
          const [together, alone] = [await group(), await group()];
          const workers = [...picks, [3, 2, 1, 0], [0, 1, 2, 3]];

          const outcomes = await Promise.all(
            workers.map((pick) => ingest(pick.map((host) => whole(together[host] as Host)))),
          );
          for (const host of alone) await ingest([whole(host)]);

          expect(outcomes.flat().every((outcome) => outcome.taken)).toBe(true);
          expect(await booksOf(together)).toEqual(await booksOf(alone));
        },
      ),
      { numRuns: 3 },
    );
    expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
  });

  test("beside the hour tick charge every minute once", async () => {
    const going = await group();
    const term = await acquireLeadership(database, { holder: "one", now: NOW });
    const tick = (now = NOW) => chargeDueHours({ db: database, calendar: CHINA }, { term: term ?? 0, now });
    await tick(at(0));

    await Promise.all([tick(), ...going.map((host) => ingest([whole(host)]))]);
    await tick();

    const { rows } = await database.query(
      "SELECT DISTINCT posted_amount, uncharged FROM runs WHERE id = ANY($1)",
      [going.flatMap(({ runs }) => runs)],
    );
    expect(rows).toEqual([{ posted_amount: "0.2000", uncharged: false }]);
    expect(await trialBalance(database)).toEqual(BOOKS_AGREE);
  });
});
