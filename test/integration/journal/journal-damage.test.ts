/** What the journal makes of bytes that changed by themselves: found, mended where something vouches, else told. */
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import * as fc from "fast-check";
import { JOURNAL_FILE, type Journal } from "@remotegpu/agent/journal/journal";
import { describe, expect, test } from "vitest";
import {
  brokenLinks,
  journalFolder,
  journalIn,
  journalWithRows,
  rowsOf,
  tick,
} from "../../support/agent/journal.ts";
import { BOOT, desiredInstance, fetchOf, runRecord } from "../../support/samples/journal-samples.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";

/** Closes the journal, changes its tables behind its back, and opens it again. */
function damaged(folder: string, journal: Journal, sql: string): Journal {
  journal.close();
  const raw = new Database(join(folder, JOURNAL_FILE));
  raw.exec(sql);
  raw.close();
  return journalIn(folder);
}

/** Another number in the entry of one row, as a flipped bit would leave it. */
const flipEntry = (seq: number) =>
  `UPDATE rows SET entry = replace(entry, '"endMs":${seq * 60_000}', '"endMs":${seq * 60_000 + 8}') WHERE seq = ${seq};`;
const flipHash = (seq: number) =>
  `UPDATE rows SET hash = (CASE substr(hash, 1, 1) WHEN '0' THEN '1' ELSE '0' END) || substr(hash, 2) WHERE seq = ${seq};`;

describe("a row", () => {
  test.each([
    { what: "whose entry changed is lost", sql: flipEntry(3), lost: [3], found: [3] },
    {
      what: "whose hash changed is mended, since the next row vouches",
      sql: flipHash(3),
      lost: [],
      found: [3],
    },
    {
      what: "that is missing is lost, and the row on it cannot be checked",
      sql: "DELETE FROM rows WHERE seq = 3",
      lost: [3, 4],
      found: [3, 4],
    },
    {
      what: "with both changed takes the row on it along",
      sql: flipEntry(3) + flipHash(3),
      lost: [3, 4],
      found: [3, 4],
    },
    { what: "first of all, changed, is lost", sql: flipEntry(1), lost: [1], found: [1] },
    { what: "at the head, changed, is lost", sql: flipEntry(6), lost: [6], found: [6] },
    { what: "at the head with a changed hash is mended by the head", sql: flipHash(6), lost: [], found: [6] },
    {
      what: "that is no JSON any more is lost",
      sql: "UPDATE rows SET entry = '{' WHERE seq = 2",
      lost: [2],
      found: [2],
    },
    {
      what: "beside another damaged one: both are lost",
      sql: flipEntry(3) + flipEntry(4),
      lost: [3, 4],
      found: [3, 4],
    },
  ])("$what", ({ sql, lost, found }) => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 6);
    const { journalId, headHash } = before.head();
    const intact = rowsOf(before);

    const journal = damaged(folder, before, sql);
    const rows = rowsOf(journal);

    expect(journal.damage.rows).toEqual(found);
    expect(rows.filter((row) => row.entry.kind === "lost").map((row) => row.seq)).toEqual(lost);
    expect(brokenLinks(journalId, rows)).toEqual([]);
    expect(rows.filter((row) => !lost.includes(row.seq))).toEqual(
      intact.filter((row) => !lost.includes(row.seq)),
    );
    expect(journal.head().headHash).toBe(headHash);
  });

  test("that was sent before keeps its hash, so the control plane's copy still fits", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 6);
    const hashes = rowsOf(before).map((row) => row.hash);

    const journal = damaged(folder, before, flipEntry(2) + flipHash(5));

    expect(rowsOf(journal).map((row) => row.hash)).toEqual(hashes);
  });

  test("changed while the agent runs is found when it is sent", () => {
    const folder = journalFolder();
    const journal = journalWithRows(folder, 6);
    const raw = new Database(join(folder, JOURNAL_FILE));
    raw.exec(flipEntry(4));
    raw.close();

    const { rows, damaged: found } = journal.rows.verified(2, 3);

    expect(found).toEqual([4]);
    expect(journal.errors.get("damaged-row")).toBe(1);
    expect(rows.map((row) => row.entry.kind)).toEqual(["usage", "lost", "usage"]);
    expect(journal.rows.verified(2, 3).damaged).toEqual([]);
  });

  test("before the first one sent does not spoil it", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 6);
    before.confirm({ journalId: before.head().journalId, watermark: 3, dbIncarnation: 1 });

    const journal = damaged(folder, before, flipHash(3));

    expect(rowsOf(journal, 3).map((row) => row.entry.kind)).toEqual(["usage", "usage", "usage"]);
  });

  test("is chained to a head that was itself mended", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 6);

    const journal = damaged(folder, before, "UPDATE meta SET head_hash = replace(head_hash, 'a', 'b')");
    tick(journal, ["run-1"], 400_000, true);

    expect(brokenLinks(journal.head().journalId, rowsOf(journal))).toEqual([]);
    expect(rowsOf(journal).every((row) => row.entry.kind === "usage")).toBe(true);
  });
});

test("what is well counts no failures, and reports when its oldest unconfirmed row ended and how large it is", () => {
  const folder = journalFolder();
  const journal = journalWithRows(folder, 3);
  const wallEnds = rowsOf(journal).map(({ entry }) =>
    entry.kind === "usage" ? Date.parse(entry.wallEnd) : Number.NaN,
  );

  expect([...journal.errors.values()].every((count) => count === 0)).toBe(true);
  expect(journal.sizeBytes).toBeGreaterThanOrEqual(statSync(join(folder, JOURNAL_FILE)).size);
  expect(journal.rows.oldestUnconfirmedMs()).toBe(wallEnds[0]);
  journal.confirm({ journalId: journal.head().journalId, watermark: 2, dbIncarnation: 1 });
  expect(journal.rows.oldestUnconfirmedMs()).toBe(wallEnds[2]);
  journal.confirm({ journalId: journal.head().journalId, watermark: 3, dbIncarnation: 1 });
  expect(journal.rows.oldestUnconfirmedMs()).toBeNull();
});

describe("other state", () => {
  test("of a run that changed is dropped, and its time is not", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 2);

    const journal = damaged(folder, before, "UPDATE runs SET entry = replace(entry, 'env', 'enw')");

    expect(journal.damage.runs).toEqual(["run-1"]);
    expect(journal.errors.get("damaged-entry")).toBe(1);
    expect(journal.runs.all()).toEqual([]);
    expect([...journal.intervals().keys()]).toEqual(["run-1"]);
  });

  test("of an interval that changed is dropped: unproven time is free", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 2);

    const journal = damaged(
      folder,
      before,
      "UPDATE intervals SET entry = replace(entry, '120000', '920000')",
    );

    expect(journal.damage.intervals).toEqual(["run-1"]);
    expect([...journal.intervals().values()]).toMatchObject([{ endMs: 120_000, isOpen: false }]);
  });

  test("of an interval that changed claims nothing twice afterwards", () => {
    const folder = journalFolder();
    const before = journalWithRows(folder, 3);
    const journal = damaged(folder, before, "UPDATE intervals SET entry_hash = ''");

    for (let nowMs = 190_000; nowMs <= 250_000; nowMs += 10_000) tick(journal, ["run-1"], nowMs);

    const spans = rowsOf(journal).flatMap(({ entry }) =>
      entry.kind === "usage" ? [[entry.startMs, entry.endMs]] : [],
    );
    expect(spans.length).toBeGreaterThan(3);
    expect(spans.slice(1).filter(([startMs], n) => startMs !== spans[n]?.[1])).toEqual([]);
  });

  test("of the desired set that changed is dropped, and the set is requested again", () => {
    const folder = journalFolder();
    const before = journalIn(folder);
    const wanted = [desiredInstance("env-a"), desiredInstance("env-b")];
    before.desired.replace({ term: 1, generation: 7, confirmedStops: null, instances: wanted });

    const journal = damaged(folder, before, "UPDATE desired SET entry = '{' WHERE instance_id = 'env-a'");

    expect(journal.damage.desired).toBe(1);
    expect(journal.desired.read()).toMatchObject({ generation: 6, instances: [{ instanceId: "env-b" }] });
    expect(
      journal.desired.replace({ term: 1, generation: 7, confirmedStops: null, instances: wanted }),
    ).toEqual({ applied: true });
  });

  test("of an ordered lease that changed is dropped, and the set is requested again", () => {
    const folder = journalFolder();
    const before = journalIn(folder);
    const leases = [wantedLease("a"), wantedLease("b")];
    before.desired.replace({ term: 1, generation: 7, confirmedStops: null, instances: [], leases });

    const journal = damaged(folder, before, "UPDATE desired_leases SET entry = '{' WHERE lease_id = 'a'");

    expect(journal.damage.desired).toBe(1);
    expect(journal.desired.read()).toMatchObject({ generation: 6 });
    expect(journal.desired.leases.all()).toEqual([wantedLease("b")]);
  });

  test("of a fetch that changed is dropped, and the set is requested again", () => {
    const folder = journalFolder();
    const before = journalIn(folder);
    const fetches = [fetchOf("f-1"), fetchOf("f-2")];
    before.desired.replace({ term: 1, generation: 7, confirmedStops: null, instances: [], fetches });

    const journal = damaged(folder, before, "UPDATE desired_fetches SET entry = '{' WHERE fetch_id = 'f-1'");

    expect(journal.damage.desired).toBe(1);
    expect(journal.desired.read()).toMatchObject({ generation: 6 });
    expect(journal.desired.fetches.all()).toEqual([fetchOf("f-2")]);
  });
});

test("what was pulled counts as not pulled once its record has changed", () => {
  const folder = journalFolder();
  const before = journalIn(folder);
  const pulled = { image: "x:1", credential: "cred-1", lastUsedMs: 5 };
  before.pulledImages.put({ imageId: "a", ...pulled });
  before.pulledImages.put({ imageId: "b", ...pulled });

  const journal = damaged(
    folder,
    before,
    `UPDATE pulled_images SET entry = replace(entry, '"cred-1"', 'null') WHERE key LIKE '%"a"%'`,
  );

  expect(journal.pulledImages.all()).toEqual([{ imageId: "b", ...pulled }]);
});

test("a file that is no database is set aside, and a new journal begins", () => {
  const folder = journalFolder();
  writeFileSync(join(folder, JOURNAL_FILE), "this is not a database, but it was somebody's".repeat(100));

  const journal = journalIn(folder);

  expect(journal.origin).toBe("replaced");
  expect(journal.errors.get("replaced")).toBe(1);
  expect(journal.head()).toMatchObject({ agentEpoch: 1, headSeq: 0 });
  expect(readFileSync(join(folder, `${JOURNAL_FILE}.damaged-1`), "utf8")).toContain("somebody's");
});

test("a file cut short is set aside, or opened as the chain it still is", () => {
  const folder = journalFolder();
  journalWithRows(folder, 300).close();
  const path = join(folder, JOURNAL_FILE);
  writeFileSync(path, readFileSync(path).subarray(0, 20_000));

  const journal = journalIn(folder);

  expect(brokenLinks(journal.head().journalId, rowsOf(journal))).toEqual([]);
  expect(readdirSync(folder)).toContain(`${JOURNAL_FILE}.damaged-1`);
});

/** Anywhere in the file, and often enough in its first hundred bytes, where SQLite keeps its own numbers. */
const places = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ from: fc.constant("anywhere"), at: fc.nat(1_000_000) }) },
    { weight: 1, arbitrary: fc.record({ from: fc.constant("header"), at: fc.nat(99) }) },
  ),
  { minLength: 1, maxLength: 3 },
);

test("whatever bit flips, the journal opens, holds a chain, and goes on being written", () => {
  fc.assert(
    fc.property(places, fc.integer({ min: 0, max: 7 }), (places, bit) => {
      const folder = journalFolder();
      const before = journalWithRows(folder, 30);
      before.desired.replace({
        term: 1,
        generation: 1,
        confirmedStops: null,
        instances: [desiredInstance("env-a")],
      });
      before.close();
      const path = join(folder, JOURNAL_FILE);
      for (const { from, at } of places)
        flipBit(path, from === "header" ? at : at % statSync(path).size, bit);

      const journal = journalIn(folder);
      journal.runs.save(runRecord("run-2"));
      tick(journal, ["run-2"], 1_000_000, true);

      const { rows } = journal.rows.verified(0, 1_000);
      expect(rows.at(-1)?.entry).toMatchObject({
        kind: "usage",
        runId: "run-2",
        bootId: BOOT,
        final: true,
      });
      expect(brokenLinks(journal.head().journalId, rows)).toEqual([]);
      journal.close();
    }),
    {
      numRuns: 40,
      // The bytes that say who may write the file, and which schema it has.
      examples: [18, 19, 60, 63].map((at) => [[{ from: "header", at }], 0]),
    },
  );
});

function flipBit(path: string, offset: number, bit: number): void {
  const file = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}
