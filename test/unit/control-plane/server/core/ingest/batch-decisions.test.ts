/** What the rows of a batch are worth, against what is stored and what is known of their runs. */
import {
  decideRows,
  setAside,
  sortRows,
  type KnownRun,
} from "@remotegpu/control-plane/server/core/ingest/batch-decisions";
import type { UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { describe, expect, test } from "vitest";
import { ChainedJournal } from "../../../../../support/samples/chained-journal.ts";

const ORDERED_AT = new Date("2026-03-10T00:00:00Z");
const NOW = new Date("2026-03-10T01:00:00Z");
const BOOT = "00000000-0000-4000-8000-000000000001";
const MINUTE = 60_000;

const RUN: KnownRun = {
  id: "r-1",
  instanceId: "i-1",
  epoch: 1,
  hostId: "host-a",
  orderedAt: ORDERED_AT,
  closedAt: null,
};

function usage(startMs: number, endMs: number, other: Partial<UsageEntry> = {}): UsageEntry {
  return {
    kind: "usage",
    runId: "r-1",
    instanceId: "i-1",
    placementEpoch: 1,
    bootId: BOOT,
    startMs,
    endMs,
    proof: "exact",
    final: false,
    wallEnd: "",
    ...other,
  } as UsageEntry;
}

function journalOf(...entries: UsageEntry[]): ChainedJournal {
  const journal = new ChainedJournal();
  for (const entry of entries) journal.append(entry);
  return journal;
}

const hashesOf = (journal: ChainedJournal) =>
  new Map(journal.batch().rows.map(({ seq, hash }) => [seq, hash] as const));

describe("sorting a batch's rows", () => {
  test("rows that nobody knows are fresh and chained from the beginning", () => {
    const batch = journalOf(usage(0, 1), usage(1, 2)).batch();

    const sorted = sortRows(batch, new Map());

    expect(sorted.fresh.map(({ row }) => row.seq)).toEqual([1, 2]);
    expect(sorted).toMatchObject({ conflicting: [], isChained: true });
  });

  test("rows that are stored already are neither fresh nor in conflict", () => {
    const journal = journalOf(usage(0, 1), usage(1, 2), usage(2, 3));
    const known = hashesOf(journal);
    known.delete(3);

    const sorted = sortRows(journal.batch(), known);

    expect(sorted.fresh.map(({ row }) => row.seq)).toEqual([3]);
    expect(sorted).toMatchObject({ conflicting: [], isChained: true });
  });

  test("a row under a taken key conflicts, and what hangs on it is not chained", () => {
    const journal = journalOf(usage(0, 1), usage(1, 2));

    const sorted = sortRows(journal.batch(), new Map([[1, "0".repeat(64)]]));

    expect(sorted.conflicting.map(({ seq }) => seq)).toEqual([1]);
    expect(sorted.fresh.map(({ row }) => row.seq)).toEqual([2]);
    expect(sorted.isChained).toBe(false);
  });

  test("a batch that hangs on another row than the stored one is not chained", () => {
    const journal = journalOf(usage(0, 1), usage(1, 2));

    const sorted = sortRows(journal.batch(2), new Map([[1, "f".repeat(64)]]));

    expect(sorted.isChained).toBe(false);
  });

  test("rows in no order are not chained", () => {
    const batch = journalOf(usage(0, 1), usage(1, 2)).batch();

    const sorted = sortRows({ ...batch, rows: batch.rows.toReversed() }, new Map());

    expect(sorted.isChained).toBe(false);
  });
});

describe("what rows prove", () => {
  const context = {
    hostId: "host-a",
    runs: new Map([[RUN.id, RUN]]),
    zeros: new Map([[BOOT, { utcAtZeroMs: ORDERED_AT.getTime(), measuredAtMs: ORDERED_AT.getTime() }]]),
    proven: new Map(),
    now: NOW,
  };
  const decide = (journal: ChainedJournal, other: Partial<typeof context> = {}) =>
    decideRows(sortRows(journal.batch(), new Map()), { ...context, ...other });

  test("what overlaps is proven once, on the clock of the boot and in UTC", () => {
    const decisions = decide(journalOf(usage(0, 2 * MINUTE), usage(MINUTE, 3 * MINUTE)));

    const at = ORDERED_AT.getTime();
    expect(decisions.rows.map(({ verdict }) => verdict)).toEqual(["accepted", "accepted"]);
    expect(decisions.proven.get("r-1")).toEqual([{ fromMs: at, toMs: at + 3 * MINUTE }]);
    expect(decisions.time).toMatchObject([{ runId: "r-1", bootId: BOOT }]);
    expect(decisions).toMatchObject({ setAside: [], finished: [] });
  });

  test("an unproven row is accepted and proves nothing", () => {
    const decisions = decide(journalOf(usage(0, MINUTE, { proof: "unproven" })));

    expect(decisions.rows.map(({ verdict }) => verdict)).toEqual(["accepted"]);
    expect(decisions).toMatchObject({ time: [], proven: new Map() });
  });

  test("the final row ends its run", () => {
    expect(decide(journalOf(usage(0, MINUTE, { final: true }))).finished).toEqual(["r-1"]);
  });

  test("the final row of a broken chain ends its run and proves nothing", () => {
    const sorted = { ...sortRows(journalOf(usage(0, MINUTE, { final: true })).batch(), new Map()) };

    const decisions = decideRows({ ...sorted, isChained: false }, context);

    expect(decisions.setAside).toMatchObject([{ seq: 1, reason: "broken-chain", excessMs: MINUTE }]);
    expect(decisions).toMatchObject({ time: [], finished: ["r-1"] });
  });

  test("another host's run is not ended by a final row", () => {
    const decisions = decide(journalOf(usage(0, MINUTE, { final: true })), { hostId: "host-b" });

    expect(decisions.setAside).toMatchObject([{ reason: "foreign-run" }]);
    expect(decisions.finished).toEqual([]);
  });

  test("a row that is lost gives the reason, and nothing of it is set aside", () => {
    const journal = journalOf(usage(0, MINUTE));
    journal.lose(1);

    const decisions = decide(journal);

    expect(decisions.rows).toMatchObject([{ verdict: "lost", reason: "the row does not match its hash" }]);
    expect(decisions.setAside).toEqual([]);
  });

  test("of a claim beyond what has passed the excess alone is set aside", () => {
    const decisions = decide(journalOf(usage(0, 120 * MINUTE)));

    expect(decisions.rows).toMatchObject([{ verdict: "accepted", reason: "over-claim" }]);
    expect(decisions.setAside).toMatchObject([{ reason: "over-claim", runId: "r-1" }]);
    expect(decisions.proven.get("r-1")).toHaveLength(1);
  });
});

test("what is set aside without a row gives the reason alone", () => {
  expect(setAside(undefined, "bad-signature", null)).toEqual({
    seq: null,
    runId: null,
    reason: "bad-signature",
    excessMs: null,
    entry: null,
    hash: null,
  });
});
