import * as fc from "fast-check";
import {
  canonicalJson,
  GENESIS_HASH,
  JournalBatch,
  JournalEntry,
  MAX_BATCH_ROWS,
  signedText,
  type JournalRow,
  type UsageEntry,
} from "@remotegpu/shared/proof/journal-row";
import { entryDigest, followsInChain, linkHash, rowHash, sha256 } from "@remotegpu/shared/proof/row-hash";
import { describe, expect, test } from "vitest";

const JOURNAL = "22222222-2222-4222-8222-222222222222";
const usage = (startMs: number): UsageEntry => ({
  ...(JournalEntry.parse({
    kind: "usage",
    runId: "run-1",
    instanceId: "env-1",
    placementEpoch: 1,
    bootId: "11111111-1111-4111-8111-111111111111",
    startMs,
    endMs: startMs + 60_000,
    proof: "exact",
    final: false,
    wallEnd: "2026-01-01T00:01:00.000Z",
  }) as UsageEntry),
});

function chain(length: number): JournalRow[] {
  const rows: JournalRow[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const entry = usage(seq * 60_000);
    rows.push({ seq, entry, hash: rowHash(JOURNAL, seq, rows.at(-1)?.hash ?? GENESIS_HASH, entry) });
  }
  return rows;
}

/** Which rows of a chain do not follow the one before. */
const breaks = (rows: readonly JournalRow[]) =>
  rows
    .filter((row, n) => !followsInChain(JOURNAL, rows[n - 1]?.hash ?? GENESIS_HASH, row))
    .map((row) => row.seq);

describe("canonical JSON", () => {
  test.each([
    [{ b: 1, a: [true, null, "x"] }, '{"a":[true,null,"x"],"b":1}'],
    [{ nested: { z: 1, y: { d: 4, c: 3 } } }, '{"nested":{"y":{"c":3,"d":4},"z":1}}'],
    [{ gone: undefined, kept: null }, '{"kept":null}'],
    [{ 'quote"': "line\nbreak" }, '{"quote\\"":"line\\nbreak"}'],
    [[], "[]"],
    [{}, "{}"],
  ])("of %j", (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test("is the same whatever the order of members, and can be read back", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const shuffled = Object.fromEntries(Object.entries(value).reverse());

        expect(canonicalJson(shuffled)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

test("an entry's digest is that of its canonical JSON, whatever the order of its members", () => {
  const storable = fc
    .string({ unit: "grapheme" })
    .filter((text) => text.isWellFormed() && !text.includes("\0"));
  const entries = fc.oneof(
    storable.map((reason) => ({ kind: "lost" as const, reason })),
    fc
      .record({
        startMs: fc.nat(),
        endMs: fc.nat(),
        final: fc.boolean(),
        proof: fc.constantFrom("exact", "bounded", "reconstructed", "unproven"),
        wallEnd: storable,
      })
      .map((reported) => ({ ...usage(0), ...reported })),
  );
  fc.assert(
    fc.property(entries, (entry) => {
      const shuffled = Object.fromEntries(Object.entries(entry).reverse()) as JournalRow["entry"];

      expect(entryDigest(shuffled)).toBe(sha256(canonicalJson(entry)));
    }),
  );
});

test("the hash is the known one, so that both sides of an upgrade agree", () => {
  expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(rowHash(JOURNAL, 1, GENESIS_HASH, { kind: "lost", reason: "x" })).toBe(
    sha256(`["${JOURNAL}",1,"${GENESIS_HASH}","${sha256('{"kind":"lost","reason":"x"}')}"]`),
  );
});

test("a chain can be followed over rows of which only the digests of their entries are known", () => {
  let previousHash = GENESIS_HASH;
  for (const { seq, entry } of chain(5))
    previousHash = linkHash({ journalId: JOURNAL, seq, previousHash, digest: entryDigest(entry) });

  expect(previousHash).toBe(chain(5).at(-1)?.hash);
});

describe("a chain", () => {
  test("as it was written has no break", () => {
    expect(breaks(chain(5))).toEqual([]);
  });

  test.each([
    ["content", (row: JournalRow) => ({ ...row, entry: usage(7) }), [3]],
    ["seq", (row: JournalRow) => ({ ...row, seq: 9 }), [9]],
    ["hash", (row: JournalRow) => ({ ...row, hash: "f".repeat(64) }), [3, 4]],
  ])("with another %s in one row breaks there", (_what, change, seqs) => {
    const rows = chain(5).map((row) => (row.seq === 3 ? change(row) : row));

    expect(breaks(rows)).toEqual(seqs);
  });

  test("without one row breaks after it", () => {
    expect(breaks(chain(5).filter((row) => row.seq !== 3))).toEqual([4]);
  });

  test("of another journal does not fit at all", () => {
    const [row] = chain(1);

    expect(row && followsInChain("33333333-3333-4333-8333-333333333333", GENESIS_HASH, row)).toBe(false);
  });

  test("with a lost row that retained its hash has no break, and the rows after it are bound to it", () => {
    const lost = { kind: "lost" as const, reason: "the row does not match its hash" };
    const rows = chain(5).map((row) => (row.seq === 3 ? { ...row, entry: lost } : row));
    const moved = rows.map((row) => (row.seq === 3 ? { ...row, hash: "f".repeat(64) } : row));

    expect(breaks(rows)).toEqual([]);
    expect(breaks(moved)).toEqual([4]);
  });
});

describe("a batch", () => {
  const batch = (rows: unknown[]) => ({
    kind: "journal-batch",
    journalId: JOURNAL,
    previousHash: GENESIS_HASH,
    rows,
    signature: "AAAA",
  });

  test.each([
    ["one row", chain(1), true],
    ["as many as allowed", chain(MAX_BATCH_ROWS), true],
    ["one too many", chain(MAX_BATCH_ROWS + 1), false],
    ["none", [], false],
    ["a row of a kind nobody knows", [{ ...chain(1)[0], entry: { kind: "gift" } }], false],
    ["a row that ends before its boot", [{ ...chain(1)[0], entry: { ...usage(0), endMs: -1 } }], false],
    ["a row at seq 0", [{ ...chain(1)[0], seq: 0 }], false],
  ])("with %s is taken: %s", (_what, rows, isTaken) => {
    expect(JournalBatch.safeParse(batch(rows)).success).toBe(isTaken);
  });

  test("is signed over its journal, seq and hash", () => {
    expect(signedText(JOURNAL, 7, "ab")).toBe(`remotegpu journal head ${JOURNAL} 7 ab`);
  });
});
