import { placeAfter, type StoredLink, walkChain } from "@remotegpu/shared/proof/chain-walk";
import { GENESIS_HASH, JournalEntry } from "@remotegpu/shared/proof/journal-row";
import { rowHash } from "@remotegpu/shared/proof/row-hash";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const JOURNAL = "22222222-2222-4222-8222-222222222222";
const START = placeAfter(0, GENESIS_HASH);

/** Chained rows; those named are `lost` ones that keep the hash of what they stand for. */
function chain(length: number, lost: readonly number[] = []): StoredLink[] {
  const rows: StoredLink[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const entry = JournalEntry.parse({
      kind: "usage",
      runId: "run-1",
      instanceId: "ins-1",
      placementEpoch: 1,
      bootId: "11111111-1111-4111-8111-111111111111",
      startMs: seq * 60_000,
      endMs: (seq + 1) * 60_000,
      proof: "exact",
      final: false,
      wallEnd: "",
    });
    const hash = rowHash(JOURNAL, seq, rows.at(-1)?.hash ?? GENESIS_HASH, entry);
    const stored = lost.includes(seq) ? { kind: "lost", reason: "the row is missing" } : entry;
    rows.push({ seq, entry: stored, hash });
  }
  return rows;
}

const faultsIn = (rows: readonly StoredLink[]) => walkChain(JOURNAL, START, rows).faults;
const changed = (rows: readonly StoredLink[], seq: number, change: Partial<StoredLink>) =>
  rows.map((row) => (row.seq === seq ? { ...row, ...change } : row));

test("a row of a later form is followed by its hash, and shows when it changed", () => {
  const raw = { kind: "usage", format: 2, watts: 300 };
  const before = chain(2);
  const hash = rowHash(JOURNAL, 3, before[1]?.hash ?? "", { kind: "later", raw });
  const rows = [...before, { seq: 3, entry: raw, hash }];

  expect(faultsIn(rows)).toEqual([]);
  expect(faultsIn(changed(rows, 3, { entry: { ...raw, watts: 301 } }))).toEqual([
    { kind: "does-not-follow", seq: 3 },
  ]);
  expect(faultsIn(changed(rows, 3, { entry: { ...raw, format: 1 } }))).toEqual([
    { kind: "unreadable", seq: 3 },
  ]);
});

describe("one damage is one fault", () => {
  const other = { ...(chain(9)[8]?.entry as object) };
  test.each<[string, StoredLink[], object[]]>([
    ["nothing", chain(5), []],
    ["a lost row", chain(5, [3]), []],
    ["no rows", [], []],
    ["a changed entry", changed(chain(5), 3, { entry: other }), [{ kind: "does-not-follow", seq: 3 }]],
    ["a changed hash", changed(chain(5), 3, { hash: "f".repeat(64) }), [{ kind: "does-not-follow", seq: 3 }]],
    [
      "a changed last hash",
      changed(chain(5), 5, { hash: "f".repeat(64) }),
      [{ kind: "does-not-follow", seq: 5 }],
    ],
    [
      "an entry that is none",
      changed(chain(5), 2, { entry: { kind: "?" } }),
      [{ kind: "unreadable", seq: 2 }],
    ],
    ["text that is no JSON", changed(chain(5), 2, { entry: undefined }), [{ kind: "unreadable", seq: 2 }]],
    [
      "a missing row",
      chain(5).filter(({ seq }) => seq !== 3),
      [{ kind: "missing", firstSeq: 3, lastSeq: 3 }],
    ],
    ["a missing beginning", chain(5).slice(2), [{ kind: "missing", firstSeq: 1, lastSeq: 2 }]],
    ["a row set aside", changed(chain(5), 5, { hash: "f".repeat(64), isSetAside: true }), []],
  ])("%s", (_name, rows, faults) => {
    expect(faultsIn(rows)).toEqual(faults);
  });
});

test("pages of any cut report what the whole reports", () => {
  const row = fc.record({
    seq: fc.integer({ min: 1, max: 12 }),
    what: fc.constantFrom("hash", "entry", "gone"),
  });
  fc.assert(
    fc.property(
      fc.array(row, { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 12 })),
      (damages, cuts) => {
        let rows = chain(12, [6]);
        for (const { seq, what } of damages)
          if (what === "gone") rows = rows.filter((one) => one.seq !== seq);
          else rows = changed(rows, seq, what === "hash" ? { hash: "e".repeat(64) } : { entry: null });

        const whole = walkChain(JOURNAL, START, rows);
        const paged = { faults: [] as unknown[], end: START };
        const edges = [0, ...cuts.toSorted((a, b) => a - b), 12];
        for (const [n, edge] of edges.entries()) {
          const page = rows.filter((one) => one.seq > (edges[n - 1] ?? 0) && one.seq <= edge);
          const walked = walkChain(JOURNAL, paged.end, page);
          paged.faults.push(...walked.faults);
          paged.end = walked.end;
        }

        expect(paged).toEqual(whole);
      },
    ),
  );
});

test("any one changed row is found, at its seq", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.boolean(), (seq, isHash) => {
      const rows = chain(8);
      const entry = { ...(rows[seq - 1]?.entry as object), endMs: 1 };

      const faults = faultsIn(changed(rows, seq, isHash ? { hash: "0".repeat(64) } : { entry }));

      expect(faults).toEqual([{ kind: "does-not-follow", seq }]);
    }),
  );
});
