/** What the outbox sends, and again, until the watermark says that it arrived. */
import { JournalBatch, signedText } from "@remotegpu/shared/proof/journal-row";
import type { Journal } from "@remotegpu/agent/journal/journal";
import { MAX_ROWS_IN_FLIGHT, Outbox, RESEND_AFTER_MS } from "@remotegpu/agent/journal/rows/outbox";
import { describe, expect, test } from "vitest";
import { brokenLinks, journalFolder, journalWithRows, tick } from "../../support/agent/journal.ts";

const ALL_BATCHES = 100;
const signature = (text: string) => Buffer.from(text.slice(-20)).toString("base64");

function outboxOf(journal: Journal) {
  const outbox = new Outbox(journal.rows, signature);
  /** Sends all that is to be sent now; returns the seqs, batch by batch. */
  const send = (nowMs: number, maxRows = 2) =>
    outbox.nextBatches({ nowMs, maxBatches: ALL_BATCHES, maxRows }).map((batch) => {
      outbox.sent(batch, nowMs);
      return batch.rows.map((row) => row.seq);
    });
  const confirm = (watermark: number, dbIncarnation = 1) =>
    journal.confirm({ journalId: journal.head().journalId, watermark, dbIncarnation });
  return { outbox, send, confirm };
}

describe("a batch", () => {
  test("parses as the protocol's, follows the one before, and is signed at its last row", () => {
    const journal = journalWithRows(journalFolder(), 5);
    const { outbox } = outboxOf(journal);

    const batches = outbox.nextBatches({ nowMs: 0, maxBatches: ALL_BATCHES, maxRows: 2 });

    const rows = batches.flatMap((batch) => JournalBatch.parse(batch).rows);
    expect(rows.map((row) => row.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(brokenLinks(journal.head().journalId, rows)).toEqual([]);
    expect(batches.map((batch) => batch.previousHash)).toEqual([
      "0".repeat(64),
      rows[1]?.hash,
      rows[3]?.hash,
    ]);
    const { journalId } = journal.head();
    expect(batches[0]?.signature).toBe(signature(signedText(journalId, 2, rows[1]?.hash ?? "")));
  });

  test.each([
    { maxBytes: 3_000, most: 3_000 },
    { maxBytes: 1, most: Infinity, why: "one row goes in any case: nothing may freeze the outbox" },
  ])("stays within $maxBytes bytes where one row does", ({ maxBytes, most }) => {
    const { outbox } = outboxOf(journalWithRows(journalFolder(), 12));

    const batches = outbox.nextBatches({ nowMs: 0, maxBatches: ALL_BATCHES, maxBytes });

    expect(batches.flatMap((batch) => batch.rows)).toHaveLength(12);
    for (const batch of batches) expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThanOrEqual(most);
  });

  test("is one of as many as requested", () => {
    const { outbox } = outboxOf(journalWithRows(journalFolder(), 5));

    expect(outbox.nextBatches({ nowMs: 0, maxBatches: 2, maxRows: 1 })).toHaveLength(2);
  });

  test("that was not handed over comes again at once", () => {
    const { outbox } = outboxOf(journalWithRows(journalFolder(), 2));

    const once = outbox.nextBatches({ nowMs: 0, maxBatches: 1 });

    expect(outbox.nextBatches({ nowMs: 1, maxBatches: 1 })).toEqual(once);
  });
});

describe("rows that were sent", () => {
  test("come again at once on a new connection, from the watermark on", () => {
    const { outbox, send, confirm } = outboxOf(journalWithRows(journalFolder(), 5));
    send(0);
    confirm(2);
    expect(send(1)).toEqual([]);

    outbox.sendAgain();

    expect(send(2)).toEqual([[3, 4], [5]]);
    expect(send(3)).toEqual([]);
  });

  test("are not sent again while they may still be decided", () => {
    const { send } = outboxOf(journalWithRows(journalFolder(), 3));

    expect([send(0), send(RESEND_AFTER_MS - 1)]).toEqual([[[1, 2], [3]], []]);
  });

  test("are all sent again after a minute in which the watermark stood still", () => {
    const { send, confirm } = outboxOf(journalWithRows(journalFolder(), 5));
    send(0);
    confirm(2);

    const later = [send(50_000), send(50_000 + RESEND_AFTER_MS - 1), send(50_000 + RESEND_AFTER_MS)];

    expect(later).toEqual([[], [], [[3, 4], [5]]]);
  });

  test("wait while the watermark moves, however slowly", () => {
    const { send, confirm } = outboxOf(journalWithRows(journalFolder(), 5));
    send(0);
    const seen: number[][][] = [];

    for (const watermark of [1, 2, 3, 4]) {
      confirm(watermark);
      seen.push(send(watermark * (RESEND_AFTER_MS - 1)));
    }

    expect(seen).toEqual([[], [], [], []]);
  });

  test("and confirmed are sent again when a restored database falls back behind them", () => {
    const { send, confirm } = outboxOf(journalWithRows(journalFolder(), 5));
    send(0);
    confirm(5);
    send(1);

    confirm(2, 2);

    expect(send(2)).toEqual([[3, 4], [5]]);
  });

  test("make room for new ones only with the watermark", () => {
    const journal = journalWithRows(journalFolder(), 3);
    const { send, confirm } = outboxOf(journal);
    send(0);
    confirm(3);
    tick(journal, ["run-1"], 240_000);

    expect(send(1_000)).toEqual([[4]]);
    expect(MAX_ROWS_IN_FLIGHT).toBeGreaterThan(500);
  });
});

test("a new journal id starts again from its first row", () => {
  const journal = journalWithRows(journalFolder(), 3);
  const { send, confirm } = outboxOf(journal);
  send(0);

  confirm(9);
  tick(journal, ["run-1"], 240_000);

  expect(send(1)).toEqual([[1]]);
});

test("an agent that starts sends all that is not confirmed", () => {
  const journal = journalWithRows(journalFolder(), 3);
  outboxOf(journal).send(0);
  outboxOf(journal).confirm(1);

  expect(outboxOf(journal).send(1)).toEqual([[2, 3]]);
});
