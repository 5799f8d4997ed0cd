/** Two releases that take turns on one file, as an upgrade and its way back let them. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import { checkJournal } from "@remotegpu/agent/commands/doctor/journal-checks";
import { Outbox } from "@remotegpu/agent/journal/rows/outbox";
import { ACCESS_FILE, ACCESS_SCHEMA, openLeaseStore } from "@remotegpu/agent/access/store/lease-store";
import { isLocked } from "@remotegpu/agent/journal/database/folder-lock";
import { JOURNAL_SCHEMA } from "@remotegpu/agent/journal/database/schema";
import {
  migrate,
  NewerDatabaseError,
  raiseMinReader,
  schemaNumbers,
  type FileSchema,
} from "@remotegpu/agent/journal/database/schema-steps";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { readJournal, UnreadableJournalError } from "@remotegpu/agent/journal/journal-reading";
import {
  brokenLinks,
  journalFolder,
  journalIn,
  journalWithRows,
  rowsOf,
  tick,
} from "../../support/agent/journal.ts";
import { runRecord } from "../../support/samples/journal-samples.ts";
import { heldLease } from "../../support/samples/lease-samples.ts";

const AGENT_FOLDER = new URL("../../../agent/", import.meta.url);
const OURS = JOURNAL_SCHEMA.steps.length;

/** The release before the one that brought `min_reader`. */
const BEFORE: FileSchema = { ...JOURNAL_SCHEMA, steps: JOURNAL_SCHEMA.steps.slice(0, 7) };
/** A release to come: a column in a table that every release writes, and a table of its own. */
const NEXT: FileSchema = {
  ...JOURNAL_SCHEMA,
  steps: [
    ...JOURNAL_SCHEMA.steps,
    "ALTER TABLE runs ADD COLUMN note TEXT; ALTER TABLE rows ADD COLUMN origin TEXT;",
    "CREATE TABLE later (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
  ],
  minReader: OURS + 2,
};

function opened(folder: string, file = JOURNAL_FILE): Database.Database {
  const raw = new Database(join(folder, file));
  onTestFinished(() => void raw.close());
  return raw;
}

/** As another release opens the file and brings it up to date. */
function takenBy(folder: string, schema: FileSchema): Database.Database {
  const raw = opened(folder);
  migrate(raw, schema);
  return raw;
}

describe("the journal", () => {
  test("of this release is opened by the one before, which changes nothing of its tables", () => {
    const folder = journalFolder();
    journalWithRows(folder, 2).close();
    const tables = (raw: Database.Database) => raw.prepare("SELECT name, sql FROM sqlite_schema").all();
    const before = tables(opened(folder));

    const raw = takenBy(folder, BEFORE);

    expect(schemaNumbers(raw)).toEqual({ version: OURS, minReader: 7 });
    expect(tables(raw)).toEqual(before);
  });

  test("takes what the release before wrote on this one's file, chained to what was there", () => {
    const folder = journalFolder();
    const first = journalWithRows(folder, 2);
    const { journalId } = first.head();
    first.close();
    const raw = takenBy(folder, BEFORE);
    raw.prepare("INSERT INTO known_epochs (instance_id, epoch) VALUES ('env-old', 4)").run();
    raw.close();

    const journal = journalIn(folder);
    tick(journal, ["run-1"], 3 * 60_000);

    expect(journal.origin).toBe("opened");
    expect(Object.fromEntries(journal.runs.knownEpochs())).toMatchObject({ "env-old": 4 });
    expect(brokenLinks(journalId, rowsOf(journal))).toEqual([]);
    expect(journal.damage).toEqual({ rows: [], intervals: [], runs: [], desired: 0 });
  });

  test("of a release two steps ahead is written and metered on, and its columns stay its own", () => {
    const folder = journalFolder();
    journalWithRows(folder, 2).close();
    const ahead = takenBy(folder, NEXT);
    ahead.exec("UPDATE runs SET note = 'theirs'; INSERT INTO later (id) VALUES ('x')");
    ahead.close();

    const journal = journalIn(folder);
    journal.runs.save(runRecord("run-2"));
    tick(journal, ["run-1", "run-2"], 3 * 60_000);
    const { journalId } = journal.head();

    expect(journal.origin).toBe("opened");
    expect(brokenLinks(journalId, rowsOf(journal))).toEqual([]);
    journal.close();
    const back = takenBy(folder, NEXT);
    expect(schemaNumbers(back)).toEqual({ version: OURS + 2, minReader: 7 });
    expect(back.prepare("SELECT run_id, note FROM runs ORDER BY run_id").raw().all()).toEqual([
      ["run-1", "theirs"],
      ["run-2", null],
    ]);
    expect(back.prepare("SELECT id FROM later").pluck().all()).toEqual(["x"]);
  });

  test("is refused once a later release is there to stay, by writers and readers, naming both schemas", () => {
    const folder = journalFolder();
    journalWithRows(folder, 1).close();
    const ahead = takenBy(folder, NEXT);
    raiseMinReader(ahead, NEXT);
    ahead.close();
    const refusal = `the journal has schema ${OURS + 2} and is read from schema ${OURS + 2} on; this version knows ${OURS}: install a newer one`;

    expect(() => journalIn(folder)).toThrow(new NewerDatabaseError(refusal));
    expect(() => readJournal(folder, () => null)).toThrow(UnreadableJournalError);
    // It is not damaged: nothing was set aside, and nobody holds the folder.
    expect(isLocked(folder)).toBe(false);
    expect(schemaNumbers(opened(folder))).toEqual({ version: OURS + 2, minReader: OURS + 2 });
  });

  test("keeps its lowest reader until it is told that this release stays, and never lowers it", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const minReader = () => schemaNumbers(opened(folder)).minReader;
    tick(journal, [], 0);
    expect(minReader()).toBe(7);

    opened(folder).exec("UPDATE meta SET min_reader = 6");
    journal.raiseMinReader();
    expect(minReader()).toBe(7);

    opened(folder).exec(`UPDATE meta SET min_reader = ${OURS}`);
    journal.raiseMinReader();
    expect(minReader()).toBe(OURS);
  });

  test.each([
    { what: "its first step", at: 0, reached: OURS },
    { what: "its second step", at: 1, reached: OURS + 1 },
  ])("survives a crash of the next release in the middle of $what", ({ at, reached }) => {
    const folder = journalFolder();
    const written = journalWithRows(folder, 3);
    const { journalId, headHash } = written.head();
    written.close();

    expect(killedWhileMigrating(folder, at)).toBe("SIGKILL");

    expect(schemaNumbers(opened(folder))).toEqual({ version: reached, minReader: 7 });
    migrate(opened(folder), BEFORE);
    const journal = journalIn(folder);
    expect(journal.head()).toMatchObject({ journalId, headHash });
    expect(journal.origin).toBe("opened");
    journal.close();
    expect(schemaNumbers(takenBy(folder, NEXT))).toEqual({ version: OURS + 2, minReader: 7 });
  });
});

describe("a row of a later form", () => {
  const later = { kind: "usage", format: 2, runId: "run-1", watts: 300 };

  /** A closed journal whose last row is one that this release does not understand. */
  function withLaterRow(entry: Record<string, unknown> = later): string {
    const folder = journalFolder();
    const journal = journalWithRows(folder, 3);
    const { journalId, headSeq, headHash } = journal.head();
    journal.close();
    const hash = rowHash(journalId, headSeq + 1, headHash, { kind: "later", raw: later });
    const raw = opened(folder);
    const put = raw.prepare("INSERT INTO rows (seq, entry, hash) VALUES (?, ?, ?)");
    put.run(headSeq + 1, canonicalJson(entry), hash);
    raw.prepare("UPDATE meta SET head_seq = ?, head_hash = ?").run(headSeq + 1, hash);
    raw.close();
    return folder;
  }

  test("is followed by its hash, kept as it stands, chained on and sent as it came", () => {
    const folder = withLaterRow();

    const journal = journalIn(folder);
    tick(journal, ["run-1"], 4 * 60_000);
    journal.close();
    const again = journalIn(folder);

    expect([journal.damage.rows, again.damage.rows]).toEqual([[], []]);
    expect(brokenLinks(again.head().journalId, rowsOf(again))).toEqual([]);
    const sent = new Outbox(again.rows, () => "").nextBatches({ nowMs: 0, maxBatches: 9 });
    const entries = sent.flatMap(({ rows }) => rows.map(({ entry }) => entry));
    expect(entries.filter(({ kind }) => kind === "usage").length).toBeGreaterThan(4);
    expect(entries).toContainEqual(later);
    const checks = readJournal(folder, checkJournal);
    expect(checks.find(({ check }) => check === "rows-are-chained")?.state).toBe("well");
  });

  test("that changed by itself is lost like any other", () => {
    const journal = journalIn(withLaterRow({ ...later, watts: 301 }));

    expect(journal.damage.rows).toEqual([journal.head().headSeq]);
    expect(rowsOf(journal).at(-1)?.entry.kind).toBe("lost");
  });
});

/** Returns what ended the process: it kills itself within the transaction of a step of NEXT. */
function killedWhileMigrating(folder: string, step: number): NodeJS.Signals | null {
  const steps = NEXT.steps.map((sql, index) => (index === OURS + step ? `${sql} SELECT die();` : sql));
  const code = `
    import Database from "better-sqlite3";
    import { migrate } from "./src/journal/database/schema-steps.ts";
    const database = new Database(${JSON.stringify(join(folder, JOURNAL_FILE))});
    database.function("die", () => process.kill(process.pid, "SIGKILL"));
    migrate(database, ${JSON.stringify({ ...NEXT, steps })});
  `;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    cwd: AGENT_FOLDER,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return signal;
}

describe("the file of leases", () => {
  const before: FileSchema = { ...ACCESS_SCHEMA, steps: ACCESS_SCHEMA.steps.slice(0, 3) };
  const next: FileSchema = {
    ...ACCESS_SCHEMA,
    steps: [...ACCESS_SCHEMA.steps, "ALTER TABLE leases ADD COLUMN note TEXT;"],
    minReader: ACCESS_SCHEMA.steps.length + 1,
  };

  test("has strict tables only", () => {
    const folder = journalFolder();
    openLeaseStore(folder).store.close();

    const loose = opened(folder, ACCESS_FILE)
      .prepare("SELECT name FROM pragma_table_list WHERE strict = 0 AND schema = 'main'")
      .pluck();
    expect(loose.all()).toEqual(["sqlite_schema"]);
  });

  test("goes from release to release and back, and keeps its leases", () => {
    const folder = journalFolder();
    const raw = opened(folder, ACCESS_FILE);
    migrate(raw, before);
    raw.close();
    const { store } = openLeaseStore(folder);
    store.write(0, { saved: [heldLease("a", 20_001)] });
    store.close();
    const later = opened(folder, ACCESS_FILE);
    migrate(later, next);
    later.exec("UPDATE leases SET note = 'theirs'");
    later.close();

    const again = openLeaseStore(folder);

    expect(again.isReplaced).toBe(false);
    expect(again.store.leases()).toMatchObject({ leases: [{ leaseId: "a" }], damaged: [] });
    again.store.write(1, { saved: [heldLease("a", 20_001), heldLease("b", 20_002)] });
    again.store.raiseMinReader();
    again.store.close();
    const last = opened(folder, ACCESS_FILE);
    migrate(last, before);
    expect(schemaNumbers(last)).toEqual({ version: ACCESS_SCHEMA.steps.length + 1, minReader: 3 });
    expect(last.prepare("SELECT lease_id, note FROM leases ORDER BY lease_id").raw().all()).toEqual([
      ["a", "theirs"],
      ["b", null],
    ]);
  });

  test("is refused once a later release is there to stay, and is not set aside", () => {
    const folder = journalFolder();
    openLeaseStore(folder).store.close();
    const later = opened(folder, ACCESS_FILE);
    migrate(later, next);
    raiseMinReader(later, next);
    later.close();

    expect(() => openLeaseStore(folder)).toThrow(NewerDatabaseError);
    expect(schemaNumbers(opened(folder, ACCESS_FILE)).minReader).toBe(ACCESS_SCHEMA.steps.length + 1);
  });
});
