/** The agent's journal on a real disk: what it keeps, what it refuses, what it forgets and when. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Database from "better-sqlite3";
import type { InstanceId, JournalId, RunId } from "@remotegpu/shared/values/ids";
import { readJournal } from "@remotegpu/agent/journal/journal-reading";
import { heardAt, type Contact } from "@remotegpu/agent/core/reconcile/contact";
import { Ballast } from "@remotegpu/agent/journal/database/ballast";
import { KEEP_CONFIRMED_MS } from "@remotegpu/agent/journal/rows/confirmation-store";
import { FolderLockedError } from "@remotegpu/agent/journal/database/folder-lock";
import { JOURNAL_FILE } from "@remotegpu/agent/journal/journal";
import { JournalDatabase } from "@remotegpu/agent/journal/database/journal-database";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  brokenLinks,
  journalFolder,
  journalIn,
  journalWithRows,
  rowsOf,
  tick,
} from "../../support/agent/journal.ts";
import { BOOT, desiredInstance, fetchOf, runRecord } from "../../support/samples/journal-samples.ts";

const HOUR_MS = 3_600_000;
const instance = (id: string) => id as InstanceId;

/** Starts the writing process and resolves once it has written `rows` rows. */
async function writerIn(folder: string, rows: number) {
  const script = new URL("../../support/agent/journal-writer.ts", import.meta.url).pathname;
  const writer = spawn(process.execPath, [script, folder, "run-1"], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void writer.kill("SIGKILL"));
  const written = { seq: 0 };
  const lines = createInterface({ input: writer.stdout });
  await new Promise<void>((resolve, reject) => {
    writer.once("exit", () => reject(new Error("the writer ended by itself")));
    lines.on("line", (line) => {
      written.seq = Number(line);
      if (written.seq >= rows) resolve();
    });
  });
  const kill = async () => {
    const exited = once(writer, "exit");
    writer.kill("SIGKILL");
    await exited;
  };
  return { written, kill };
}

describe("the file", () => {
  test("is written ahead and synchronous in full, and for its owner only", () => {
    const folder = journalFolder();

    const database = new JournalDatabase(join(folder, JOURNAL_FILE), new Ballast(folder, 4096));
    onTestFinished(() => database.close());

    expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(statSync(join(folder, JOURNAL_FILE)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, `${JOURNAL_FILE}-wal`)).mode & 0o777).toBe(0o600);
  });

  test("has strict tables only", () => {
    const folder = journalFolder();
    journalIn(folder).close();

    const raw = new Database(join(folder, JOURNAL_FILE), { readonly: true });
    onTestFinished(() => void raw.close());

    const loose = raw
      .prepare("SELECT name FROM pragma_table_list WHERE strict = 0 AND schema = 'main'")
      .pluck();
    expect(loose.all()).toEqual(["sqlite_schema"]);
  });

  test.each([
    [
      1,
      [
        "contact",
        "orphans",
        "desired_leases",
        "desired_fetches",
        "pulled_images",
        "desired_key_sets",
        "desired_cuts",
        "desired_gateways",
      ],
    ],
    [
      2,
      [
        "orphans",
        "desired_leases",
        "desired_fetches",
        "pulled_images",
        "desired_key_sets",
        "desired_cuts",
        "desired_gateways",
      ],
    ],
    [3, ["desired_fetches", "pulled_images", "desired_key_sets", "desired_cuts", "desired_gateways"]],
    [4, ["desired_key_sets", "desired_cuts", "desired_gateways"]],
    [5, ["desired_cuts", "desired_gateways"]],
    [6, ["desired_gateways"]],
    [7, []],
  ])(
    "of an earlier release, of schema %i, is brought up to date and keeps what it holds",
    (step, lacking) => {
      const folder = journalFolder();
      const before = journalWithRows(folder, 2);
      const { journalId, headHash } = before.head();
      before.close();
      const raw = new Database(join(folder, JOURNAL_FILE));
      for (const table of lacking) raw.exec(`DROP TABLE ${table}`);
      raw.exec("ALTER TABLE meta DROP COLUMN min_reader");
      const knewImages = step >= 4;
      if (!knewImages) raw.exec("ALTER TABLE meta DROP COLUMN knows_images");
      raw.exec(`DELETE FROM schema_steps WHERE number > ${step}`);
      raw.pragma(`user_version = ${step}`);
      raw.close();

      const journal = journalIn(folder);

      expect(journal.origin).toBe("opened");
      expect(journal.head()).toMatchObject({ journalId, headHash });
      expect(journal.contact.read()).toBeNull();
      expect(journal.desired.leases.all()).toEqual([]);
      expect(journal.desired.fetches.all()).toEqual([]);
      expect(journal.desired.keySets.all()).toEqual([]);
      expect(journal.desired.cuts.all()).toEqual([]);
      expect(journal.desired.gateways.all()).toEqual([]);
      expect(journal.pulledImages.all()).toEqual([]);
      expect(journal.pulledImages.knowsBefore).toBe(knewImages);
      journal.pulledImages.noteBefore([]);
      expect(journal.pulledImages.knowsBefore).toBe(true);
      expect(journalIn(journalFolder()).pulledImages.knowsBefore).toBe(true);
    },
  );

  test("counts an epoch at each open and keeps its id", () => {
    const folder = journalFolder();
    const first = journalIn(folder);
    const { journalId, agentEpoch } = first.head();
    first.close();

    const second = journalIn(folder);

    expect([first.origin, second.origin]).toEqual(["created", "opened"]);
    expect(second.head()).toMatchObject({ journalId, agentEpoch: agentEpoch + 1 });
  });
});

describe("when the control plane was last heard", () => {
  const contact: Contact = { bootId: BOOT, atMs: 5_000, cutOffMs: 60_000, wasHeardInBoot: true };

  test("is stored over a restart, the last time that was reported", () => {
    const folder = journalFolder();
    const first = journalIn(folder);
    first.contact.put(heardAt({ bootId: BOOT, ms: 1_000 }));
    first.contact.put(contact);
    first.close();

    expect(journalIn(folder).contact.read()).toEqual(contact);
  });

  test("counts as unknown when it has changed by itself", () => {
    const folder = journalFolder();
    const first = journalIn(folder);
    first.contact.put(contact);
    first.close();
    const raw = new Database(join(folder, JOURNAL_FILE));
    raw.exec("UPDATE contact SET entry = replace(entry, '60000', '90000')");
    raw.close();

    expect(journalIn(folder).contact.read()).toBeNull();
  });
});

describe("a second agent on the same folder", () => {
  test("is refused in one line that names the folder, and disturbs nothing", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);

    expect(() => journalIn(folder)).toThrow(
      new FolderLockedError(`another agent is already running on the state folder ${folder}`),
    );
    journal.runs.save(runRecord("run-1"));
    expect(journal.head().agentEpoch).toBe(1);
  });

  test("is refused while another process lives, and let in as soon as that is killed", async () => {
    const folder = journalFolder();
    const writer = await writerIn(folder, 1);

    expect(() => journalIn(folder)).toThrow(FolderLockedError);
    await writer.kill();

    expect(journalIn(folder).head().agentEpoch).toBe(2);
  });
});

test("kill -9 in the middle of writing loses nothing that was reported as written", async () => {
  const folder = journalFolder();
  for (const more of [20, 40, 60]) {
    const writer = await writerIn(folder, more);
    await writer.kill();

    const journal = journalIn(folder);
    expect(journal.damage.rows).toEqual([]);
    expect(journal.head().headSeq).toBeGreaterThanOrEqual(writer.written.seq);
    expect(brokenLinks(journal.head().journalId, rowsOf(journal))).toEqual([]);
    expect(journal.intervals().get("run-1" as RunId)?.isOpen).toBe(true);
    journal.close();
  }
});

describe("a run", () => {
  test("is known from before its container until it is forgotten", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const intended = runRecord("run-1", { gate: null });
    journal.runs.save(intended);
    journal.close();

    const reopened = journalIn(folder);
    const created = { ...intended, containerId: "c1" };
    reopened.runs.save(created);

    expect(reopened.runs.all()).toEqual([created]);
  });

  test("is not forgotten while it owes its final row", () => {
    const journal = journalIn(journalFolder());
    const { runId } = runRecord("run-1");
    journal.runs.save(runRecord("run-1"));
    tick(journal, ["run-1"], 0);

    expect(journal.runs.forget(runId)).toBe(false);
    tick(journal, ["run-1"], 5_000, true);

    expect(journal.runs.unfinished()).toEqual([]);
    expect(journal.runs.forget(runId)).toBe(true);
    expect(journal.runs.all()).toEqual([]);
    expect(journal.intervals().size).toBe(0);
  });

  test("gets one final row only, and nothing of a second one is written", () => {
    const journal = journalIn(journalFolder());
    journal.runs.save(runRecord("run-1"));
    tick(journal, ["run-1"], 5_000, true);

    expect(() => tick(journal, ["run-1"], 6_000, true)).toThrow(/final row twice/);
    expect(journal.head().headSeq).toBe(1);
  });

  test("leaves its placement's epoch behind when it is forgotten", () => {
    const journal = journalIn(journalFolder());
    const record = runRecord("run-1", { placementEpoch: 4 });
    journal.runs.save(record);
    journal.runs.save(runRecord("run-2", { instanceId: record.instanceId, placementEpoch: 3 }));
    tick(journal, ["run-1"], 0, true);
    journal.runs.forget(record.runId);

    expect(journal.runs.knownEpochs()).toEqual(new Map([[record.instanceId, 4]]));
  });
});

describe("images that were pulled", () => {
  const pulled = (imageId: string, credential: string | null, lastUsedMs = 0) => ({
    imageId,
    image: "x:1",
    credential,
    lastUsedMs,
  });

  test("are stored once for each credential, with their last use", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    journal.pulledImages.put(pulled("a", null, 5));
    journal.pulledImages.put(pulled("a", "cred-1", 6));
    journal.pulledImages.put(pulled("b", null, 7));
    journal.pulledImages.put(pulled("a", null, 8));
    journal.pulledImages.touch(["a"], 9 * HOUR_MS);
    // Not worth a write.
    journal.pulledImages.touch(["a"], 9 * HOUR_MS + 1);
    journal.close();

    expect(journalIn(folder).pulledImages.all()).toEqual([
      pulled("a", "cred-1", 9 * HOUR_MS),
      pulled("a", null, 9 * HOUR_MS),
      pulled("b", null, 7),
    ]);
  });

  test("are forgotten with the image, for every credential", () => {
    const journal = journalIn(journalFolder());
    for (const one of [pulled("a", null), pulled("a", "cred-1"), pulled("b", null)])
      journal.pulledImages.put(one);

    journal.pulledImages.forget(["a", "c"]);

    expect(journal.pulledImages.all()).toEqual([pulled("b", null)]);
  });
});

describe("the desired set", () => {
  const set = (generation: number, ...instances: ReturnType<typeof desiredInstance>[]) => ({
    term: 5,
    generation,
    confirmedStops: null,
    instances,
  });

  test("survives a restart whole", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const wanted = [desiredInstance("env-a"), desiredInstance("env-b")];
    journal.desired.replace({ ...set(7, ...wanted), confirmedStops: 6 });
    journal.close();

    expect(journalIn(folder).desired.read()).toEqual({
      term: 5,
      generation: 7,
      confirmedStops: 6,
      stopsAreGuarded: true,
      instances: wanted.map((each) => ({ ...each, isAbsent: false })),
      notUnderstood: [],
    });
  });

  test("keeps an order that it does not understand as it came, until it is dropped like any other", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const { instanceId, placementEpoch, runId, want, spec } = desiredInstance("env-later");
    const raw = { ...desiredInstance("env-later"), spec: { ...spec, gate: "lunch", addedLater: 7 } };
    const order = { instanceId, placementEpoch, runId, want, orderedBy: null };
    const bare = { ...order, spec: { workloadId: spec.workloadId } };
    journal.desired.replace({ ...set(7, desiredInstance("env-a")), notUnderstood: [{ order, raw }] });
    journal.close();

    expect(readJournal(folder, (reading) => reading.state())).toMatchObject({ damaged: [] });
    const again = journalIn(folder);
    expect(again.desired.mend()).toBe(0);
    expect(again.desired.read()).toMatchObject({
      instances: [{ instanceId: "env-a", isAbsent: false }],
      notUnderstood: [{ ...bare, isAbsent: false, why: "spec.gate" }],
    });
    again.desired.replace(set(8, desiredInstance("env-a")));
    expect(again.desired.read().notUnderstood).toMatchObject([{ ...bare, isAbsent: true }]);

    const removal = { ...order, want: "removed" as const };
    again.desired.replace({
      ...set(9),
      notUnderstood: [{ order: removal, raw: { ...raw, want: "removed" } }],
    });
    again.desired.confirmGone(instanceId, placementEpoch);
    again.desired.replace(set(10));
    expect(again.desired.read().notUnderstood).toEqual([]);
  });

  test("takes an order for itself that an earlier agent did not understand", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const raw = desiredInstance("env-a");
    journal.desired.replace({ ...set(7), notUnderstood: [{ order: raw, raw }] });

    expect(journal.desired.read()).toMatchObject({ instances: [raw], notUnderstood: [] });
  });

  test.each([
    { what: "an older term", term: 4, generation: 9, outcome: { applied: false, reason: "older-term" } },
    {
      what: "an older generation",
      term: 6,
      generation: 6,
      outcome: { applied: false, reason: "older-generation" },
    },
    { what: "the same again", term: 5, generation: 7, outcome: { applied: true } },
    { what: "a newer term", term: 6, generation: 7, outcome: { applied: true } },
  ])("with $what is answered $outcome", ({ term, generation, outcome }) => {
    const journal = journalIn(journalFolder());
    journal.desired.replace(set(7, desiredInstance("env-a")));

    const answer = journal.desired.replace({ ...set(generation), term });

    expect(answer).toEqual(outcome);
    expect(journal.desired.read().instances).toMatchObject([{ isAbsent: outcome.applied }]);
  });

  test("names fetches, which outlive a restart and end with the first set that lacks them", () => {
    const folder = journalFolder();
    const journal = journalIn(folder);
    const [one, two] = [fetchOf("f-1"), fetchOf("f-2")];
    journal.desired.replace({ ...set(1), fetches: [one, two] });
    journal.desired.replace({ ...set(2), fetches: [two] });
    journal.desired.replace({ ...set(1), fetches: [one] });
    journal.close();

    const opened = journalIn(folder);
    expect(opened.desired.fetches.all()).toEqual([two]);
    opened.desired.replace(set(3));
    expect(opened.desired.fetches.all()).toEqual([]);
  });

  test("that lacks an instance marks it absent and keeps it, until it is named again", () => {
    const journal = journalIn(journalFolder());
    journal.desired.replace(set(1, desiredInstance("env-a"), desiredInstance("env-b")));

    journal.desired.replace(set(2, desiredInstance("env-b")));
    const without = journal.desired.read().instances.map((each) => [each.instanceId, each.isAbsent]);
    journal.desired.replace(set(3, desiredInstance("env-a"), desiredInstance("env-b")));
    const withAgain = journal.desired.read().instances.map((each) => [each.instanceId, each.isAbsent]);

    expect(without).toEqual([
      ["env-a", true],
      ["env-b", false],
    ]);
    expect(withAgain).toEqual([
      ["env-a", false],
      ["env-b", false],
    ]);
  });

  test.each([{ order: ["gone", "absent"] }, { order: ["absent", "gone"] }])(
    "forgets a removed placement once it is both $order",
    ({ order }) => {
      const journal = journalIn(journalFolder());
      journal.desired.replace(set(1, desiredInstance("env-a", { want: "removed", orderedBy: "customer" })));
      const counts: number[] = [];

      for (const step of order) {
        if (step === "gone") journal.desired.confirmGone(instance("env-a"), 1);
        else journal.desired.replace(set(2));
        counts.push(journal.desired.read().instances.length);
      }

      expect(counts).toEqual([1, 0]);
    },
  );

  test("keeps what nobody ordered to be removed, gone or not", () => {
    const journal = journalIn(journalFolder());
    journal.desired.replace(set(1, desiredInstance("env-a", { want: "stopped", orderedBy: "customer" })));

    journal.desired.confirmGone(instance("env-a"), 1);
    journal.desired.replace(set(2));

    expect(journal.desired.read().instances).toHaveLength(1);
  });

  test("keeps two placements of one instance apart", () => {
    const journal = journalIn(journalFolder());

    journal.desired.replace(
      set(1, desiredInstance("env-a", { want: "removed" }), desiredInstance("env-a", { placementEpoch: 2 })),
    );

    expect(journal.desired.read().instances.map((each) => each.placementEpoch)).toEqual([1, 2]);
  });

  test("guards stops from each rise of term or incarnation until the guard is lifted", () => {
    const journal = journalIn(journalFolder());
    const { journalId } = journal.head();
    const guarded = () => journal.desired.read().stopsAreGuarded;
    const seen: boolean[] = [guarded()];

    journal.desired.replace(set(1));
    seen.push(guarded());
    journal.desired.liftStopGuard();
    journal.desired.replace(set(2));
    seen.push(guarded());
    journal.desired.replace({ ...set(3), term: 6 });
    seen.push(guarded());
    journal.desired.liftStopGuard();
    journal.confirm({ journalId, watermark: 0, dbIncarnation: 2 });
    seen.push(guarded());

    expect(seen).toEqual([false, true, false, true, true]);
  });
});

describe("the watermark", () => {
  test.each([
    { reply: { watermark: 3 }, outcome: "same", seen: 3 },
    { reply: { watermark: 5 }, outcome: "raised", seen: 5 },
    { reply: { watermark: 1 }, outcome: "lowered", seen: 1 },
    { reply: { watermark: 5, dbIncarnation: 1 }, outcome: "stale", seen: 3 },
    { reply: { watermark: 5, journalId: "another" as JournalId }, outcome: "stale", seen: 3 },
  ])("of a reply $reply is $outcome", ({ reply, outcome, seen }) => {
    const journal = journalWithRows(journalFolder(), 5);
    const { journalId } = journal.head();
    journal.confirm({ journalId, watermark: 3, dbIncarnation: 2 });

    expect(journal.confirm({ journalId, dbIncarnation: 2, ...reply })).toBe(outcome);
    expect(journal.head().watermarkSeen).toBe(seen);
  });

  test("beyond the head begins a new journal: this file is an old copy of itself", () => {
    const journal = journalWithRows(journalFolder(), 5);
    const { journalId } = journal.head();

    const outcome = journal.confirm({ journalId, watermark: 9, dbIncarnation: 1 });

    expect(outcome).toBe("rolled-back");
    expect(journal.head()).toMatchObject({ headSeq: 0, watermarkSeen: 0, headHash: "0".repeat(64) });
    expect(journal.head().journalId).not.toBe(journalId);
    tick(journal, ["run-1"], 400_000, true);
    expect(brokenLinks(journal.head().journalId, rowsOf(journal))).toEqual([]);
  });
});

describe("a confirmed row", () => {
  /** Keeps the journal open for `ms` more, an hour a tick. */
  function stayOpen(journal: ReturnType<typeof journalIn>, fromMs: number, ms: number): void {
    for (let passedMs = 0; passedMs <= ms; passedMs += HOUR_MS) journal.record([], fromMs + passedMs);
  }

  test("is retained for a week, then forgotten, and the chain goes on from its hash", () => {
    const journal = journalWithRows(journalFolder(), 5);
    const { journalId } = journal.head();
    const last = rowsOf(journal)[2];
    journal.confirm({ journalId, watermark: 3, dbIncarnation: 1 });

    stayOpen(journal, 300_000, KEEP_CONFIRMED_MS - HOUR_MS);
    const early = rowsOf(journal).length;
    stayOpen(journal, 300_000 + KEEP_CONFIRMED_MS - HOUR_MS, 3 * HOUR_MS);

    expect(early).toBe(5);
    expect(rowsOf(journal).map((row) => row.seq)).toEqual([4, 5]);
    expect(journal.rows.verified(3, 10).previousHash).toBe(last?.hash);
    expect(brokenLinks(journalId, rowsOf(journal), last?.hash)).toEqual([]);
  });

  test("is retained when the watermark falls back before the week is over", () => {
    const journal = journalWithRows(journalFolder(), 5);
    const { journalId } = journal.head();
    journal.confirm({ journalId, watermark: 5, dbIncarnation: 1 });

    journal.confirm({ journalId, watermark: 2, dbIncarnation: 1 });
    stayOpen(journal, 300_000, KEEP_CONFIRMED_MS + 3 * HOUR_MS);

    expect(rowsOf(journal).map((row) => row.seq)).toEqual([3, 4, 5]);
  });

  test("is retained longer when the host is restarted, whatever its clocks show", () => {
    const folder = journalFolder();
    const journal = journalWithRows(folder, 2);
    journal.confirm({ journalId: journal.head().journalId, watermark: 2, dbIncarnation: 1 });
    stayOpen(journal, 120_000, KEEP_CONFIRMED_MS / 2);
    journal.close();

    const reopened = journalIn(folder);
    reopened.record([], 10 * KEEP_CONFIRMED_MS);
    reopened.record([], 10 * KEEP_CONFIRMED_MS + HOUR_MS);

    expect(rowsOf(reopened)).toHaveLength(2);
  });
});
