/**
 * Are the hosts' journals whole here? Every row up to the watermark, each hanging on the one before, and the signed
 * heads on the rows. The chain is walked in pages, so that a large table costs time and not memory.
 */
import { type ChainFault, type ChainPlace, placeAfter, walkChain } from "@remotegpu/shared/proof/chain-walk";
import type { Finding } from "@remotegpu/shared/doctor";
import { GENESIS_HASH } from "@remotegpu/shared/proof/journal-row";
import type { Connection } from "../database/database.ts";
import { findRows, type Found, MAX_LISTED, type Question } from "./question.ts";

/** Rows looked at in one go; a few megabytes. */
const ROWS_PER_PAGE = 5_000;

export const JOURNAL_QUESTIONS: readonly Question[] = [
  {
    check: "journals-are-chained",
    claim: "Every journal's rows are there up to its watermark, and each follows the one before.",
    request: brokenChains,
  },
  {
    check: "watermarks-are-reached",
    claim: "Every watermark is the last row decided without a gap, with that row's hash.",
    request: wrongWatermarks,
  },
  {
    check: "heads-are-rows",
    claim: "Every signed head of a batch is the row that it signed.",
    request: strayHeads,
  },
];

interface Journal {
  host_id: string;
  journal_id: string;
  watermark: number;
}

async function brokenChains(sql: Connection): Promise<Found> {
  const { rows: journals } = await sql.query<Journal>(
    "SELECT host_id, journal_id, watermark FROM host_journals ORDER BY host_id, journal_id",
  );
  let count = 0;
  const findings: Finding[] = [];
  for (const journal of journals)
    for await (const fault of faultsOf(sql, journal)) {
      count += 1;
      if (findings.length < MAX_LISTED) findings.push(findingOf(journal, fault));
    }
  return { count, findings };
}

/** Beyond the watermark rows may be missing still: batches come in any order. */
async function* faultsOf(sql: Connection, journal: Journal): AsyncGenerator<ChainFault> {
  const { journal_id, watermark } = journal;
  let place: ChainPlace = placeAfter(0, GENESIS_HASH);
  for (;;) {
    const { rows } = await sql.query<{ seq: number; entry: unknown; hash: string; isSetAside: boolean }>(
      `SELECT seq, entry, hash, verdict = 'quarantined' AND reason = 'broken-chain' AS "isSetAside" FROM usage_rows
        WHERE host_id = $1 AND journal_id = $2 AND seq > $3 ORDER BY seq LIMIT ${ROWS_PER_PAGE}`,
      [journal.host_id, journal_id, place.seq],
    );
    const walked = walkChain(journal_id, place, rows);
    yield* walked.faults.filter((fault) => fault.kind !== "missing" || fault.firstSeq <= watermark);
    place = walked.end;
    if (rows.length < ROWS_PER_PAGE) break;
  }
  if (place.seq < watermark) yield { kind: "missing", firstSeq: place.seq + 1, lastSeq: watermark };
}

function findingOf({ host_id: host, journal_id: journal }: Journal, fault: ChainFault): Finding {
  switch (fault.kind) {
    case "missing":
      return {
        finding: "rows-missing",
        subject: { host, journal, first_seq: fault.firstSeq, last_seq: fault.lastSeq },
        sentence:
          "These rows were decided and are not here. A host that still has them sends them again once the watermark is set below them.",
      };
    case "unreadable":
      return {
        finding: "row-unreadable",
        subject: { host, journal, seq: fault.seq },
        sentence: "What is stored is no journal row any more: it was changed after it was taken in.",
      };
    case "does-not-follow":
      return {
        finding: "row-does-not-follow",
        subject: { host, journal, seq: fault.seq },
        sentence:
          "Its content or hash is not what the host chained after the row before: it was changed after it was taken in, or came over a gap from a host that wrote its journal anew.",
      };
  }
}

/** One statement for one moment: ingest goes on beside it. */
async function wrongWatermarks(sql: Connection): Promise<Found> {
  return await findRows<Journal & { has_next: boolean }>(
    sql,
    `SELECT j.host_id, j.journal_id, j.watermark, next.seq IS NOT NULL AS has_next FROM host_journals j
       LEFT JOIN usage_rows last ON last.host_id = j.host_id AND last.journal_id = j.journal_id AND last.seq = j.watermark
       LEFT JOIN usage_rows next
         ON next.host_id = j.host_id AND next.journal_id = j.journal_id AND next.seq = j.watermark + 1
      WHERE next.seq IS NOT NULL OR last.seq IS NOT NULL AND last.hash IS DISTINCT FROM j.watermark_hash`,
    ({ host_id: host, journal_id: journal, watermark, has_next }) =>
      has_next
        ? {
            finding: "watermark-behind",
            subject: { host, journal, watermark },
            sentence:
              "The next row is decided already; the next batch of this journal puts the watermark right.",
          }
        : {
            finding: "watermark-hash-differs",
            subject: { host, journal, watermark },
            sentence:
              "The row at the watermark has another hash than the watermark: one of the two was changed.",
          },
  );
}

/** A head under a key that was taken by other content is kept as proof of that claim; it stands in the quarantine. */
async function strayHeads(sql: Connection): Promise<Found> {
  return await findRows<{ host_id: string; journal_id: string; last_seq: number }>(
    sql,
    `SELECT b.host_id, b.journal_id, b.last_seq FROM usage_batches b
       LEFT JOIN usage_rows u ON u.host_id = b.host_id AND u.journal_id = b.journal_id AND u.seq = b.last_seq
      WHERE u.hash IS DISTINCT FROM b.last_hash
        AND NOT EXISTS (SELECT FROM quarantine q WHERE q.host_id = b.host_id AND q.journal_id = b.journal_id
                           AND q.seq = b.last_seq AND q.hash = b.last_hash)`,
    ({ host_id: host, journal_id: journal, last_seq: seq }) => ({
      finding: "head-differs",
      subject: { host, journal, seq },
      sentence:
        "The host signed another hash than the stored row has: the row or the head was changed, or the row is missing.",
    }),
  );
}
