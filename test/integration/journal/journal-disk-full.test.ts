/** A full disk: a small file system of its own is filled to the last byte under a journal that is being written. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, closeSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RunId } from "@remotegpu/shared/values/ids";
import { BALLAST_FILE } from "@remotegpu/agent/journal/database/ballast";
import { describe, expect, onTestFinished, test } from "vitest";
import { brokenLinks, journalFolder, journalIn, rowsOf, tick } from "../../support/agent/journal.ts";
import { runRecord } from "../../support/samples/journal-samples.ts";

const DISK_MIB = 8;
const BALLAST_BYTES = 1024 * 1024;
/** More run records than fit on the disk. */
const MOST_RUNS = 20_000;
const RUNS = Array.from({ length: 16 }, (_, n) => `run-${n}`);

/** A folder on a disk of 8 MiB. */
function smallDisk(): string {
  const folder = join(journalFolder(), "disk");
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "tmpfs", folder]);
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  return folder;
}

/** Writes until nothing fits any more; returns the file. */
function fill(folder: string): string {
  const path = join(folder, "somebody-elses-data");
  const file = openSync(path, "a");
  try {
    for (const bytes of [65_536, 4_096, 1]) fillWith(file, Buffer.alloc(bytes, "x"));
  } finally {
    closeSync(file);
  }
  return path;
}

function fillWith(file: number, chunk: Buffer): void {
  for (;;) {
    try {
      if (writeSync(file, chunk) < chunk.length) return;
    } catch {
      return;
    }
  }
}

/** A journal with runs under way since the boot, on a disk that is about to be full. */
function busyJournal(folder: string) {
  const journal = journalIn(folder, BALLAST_BYTES);
  for (const runId of RUNS) journal.runs.save(runRecord(runId));
  tick(journal, RUNS, 0);
  tick(journal, RUNS, 10_000);
  return journal;
}

describe.skipIf(process.getuid?.() !== 0)("a full disk", () => {
  test("refuses starts and extends intervals in place for an hour", () => {
    const folder = smallDisk();
    const journal = busyJournal(folder);
    fill(folder);

    let nowMs = 10_000;
    for (let n = 0; n < 360; n += 1) {
      tick(journal, RUNS, (nowMs += 10_000));
      // Whoever filled the disk takes what the ballast gave, too.
      if (n % 60 === 0) fill(folder);
    }

    expect(journal.acceptsStarts).toBe(false);
    const covered = [...journal.intervals().values()].map((interval) => interval.endMs);
    expect(covered).toEqual(RUNS.map(() => nowMs));
  });

  test("takes what the ballast held once its own reserve is used up", () => {
    const folder = smallDisk();
    const journal = busyJournal(folder);
    fill(folder);

    let saved = 0;
    while (existsSync(join(folder, BALLAST_FILE)) && saved < MOST_RUNS)
      journal.runs.save(runRecord(`other-${(saved += 1)}`));

    expect(existsSync(join(folder, BALLAST_FILE))).toBe(false);
    expect(journal.errors.get("disk-full")).toBeGreaterThan(0);
    expect(journal.runs.all()).toHaveLength(RUNS.length + saved);
  });

  test("loses no second: every run's rows cover it whole, its last one too", () => {
    const folder = smallDisk();
    const journal = busyJournal(folder);
    fill(folder);
    let nowMs = 10_000;
    for (let n = 0; n < 60; n += 1) tick(journal, RUNS, (nowMs += 10_000));

    tick(journal, RUNS, (nowMs += 10_000), true);

    const rows = rowsOf(journal);
    const coveredMs = new Map<string, number>();
    for (const { entry } of rows)
      if (entry.kind === "usage")
        coveredMs.set(entry.runId, (coveredMs.get(entry.runId) ?? 0) + entry.endMs - entry.startMs);
    expect([...coveredMs.values()]).toEqual(RUNS.map(() => nowMs));
    expect(brokenLinks(journal.head().journalId, rows)).toEqual([]);
    expect(journal.runs.unfinished()).toEqual([]);
  });

  test("survives a restart of the agent", () => {
    const folder = smallDisk();
    const journal = busyJournal(folder);
    fill(folder);
    tick(journal, RUNS, 20_000);
    journal.close();

    const reopened = journalIn(folder, BALLAST_BYTES);
    tick(reopened, RUNS, 30_000);

    expect(reopened.origin).toBe("opened");
    expect(reopened.acceptsStarts).toBe(false);
    expect(reopened.intervals().get(RUNS[0] as RunId)?.endMs).toBe(30_000);
  });

  test("is over by itself once there is room", () => {
    const folder = smallDisk();
    const journal = busyJournal(folder);
    const data = fill(folder);
    for (let nowMs = 20_000; nowMs <= 200_000; nowMs += 10_000) tick(journal, RUNS, nowMs);
    const before = journal.head().headSeq;

    rmSync(data);
    tick(journal, RUNS, 210_000);
    tick(journal, RUNS, 220_000);

    expect(journal.acceptsStarts).toBe(true);
    expect(existsSync(join(folder, BALLAST_FILE))).toBe(true);
    expect(journal.head().headSeq).toBe(before + RUNS.length);
  });
});
