/** Does each run's charge follow from its proven time, and do records and ledger say the same as the run? */
import type { Connection } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const RUN_QUESTIONS: readonly Question[] = [
  {
    check: "proven-time-is-sum",
    claim: "Every run's proven time is the sum of its proven intervals.",
    request: differingProvenTime,
  },
  {
    check: "minutes-follow-from-time",
    claim: "Every run's billed minutes are its proven time less what is waived, rounded up.",
    request: differingMinutes,
  },
  {
    check: "records-match-minutes",
    claim: "The billing records of every run and line sum to the run's billed minutes.",
    request: recordsOfOtherMinutes,
  },
  {
    check: "records-match-amount",
    claim: "The billing records of every run sum to the amount that was posted.",
    request: recordsOfOtherAmount,
  },
  {
    check: "ledger-matches-amount",
    claim: "The ledger's charges of every run sum to the amount that was posted.",
    request: chargesOfOtherAmount,
  },
  {
    check: "charged-runs-have-records",
    claim: "Every run with billed minutes has billing records.",
    request: chargedWithoutRecords,
  },
  {
    check: "records-have-runs",
    claim: "Every billing record of ours has its run.",
    request: recordsWithoutRun,
  },
];

/** The union over all boots in UTC, as run-time.ts makes it: two boots may claim the same moment. */
async function differingProvenTime(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; proven_ms: number; time_ms: number }>(
    sql,
    `SELECT r.id AS run_id, r.proven_ms, coalesce(s.time_ms, 0) AS time_ms FROM runs r LEFT JOIN (
       SELECT run_id, (SELECT sum(upper(one) - lower(one)) FROM unnest(united) one)::int8 AS time_ms FROM (
         SELECT t.run_id, range_agg(int8range(lower(piece) + b.zero_ms, upper(piece) + b.zero_ms)) AS united
           FROM run_time t
           JOIN (SELECT host_id, boot_id, floor(extract(epoch FROM utc_at_zero) * 1000)::int8 AS zero_ms
                   FROM host_boots) b USING (host_id, boot_id), unnest(t.proven) piece
          GROUP BY t.run_id) u) s ON s.run_id = r.id
      WHERE r.proven_ms <> coalesce(s.time_ms, 0)`,
    ({ run_id, proven_ms, time_ms }) => ({
      finding: "proven-time-differs",
      subject: { run: run_id },
      sentence: `The run says ${proven_ms} ms, its intervals sum to ${time_ms} ms. The intervals are what the host proved; the run's number decides the bill.`,
    }),
  );
}

/** What came in since the last charge waits for the next one: until then there may be fewer minutes, never more. */
async function differingMinutes(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; billed_minutes: number; minutes: number }>(
    sql,
    `SELECT id AS run_id, billed_minutes, minutes FROM (
       SELECT id, billed_minutes, uncharged, ceil((proven_ms - waived_ms) / 60000.0)::int8 AS minutes FROM runs) r
      WHERE billed_minutes > minutes OR billed_minutes < minutes AND NOT uncharged`,
    ({ run_id, billed_minutes, minutes }) => ({
      finding: "minutes-differ",
      subject: { run: run_id },
      sentence: `${billed_minutes} minutes are billed, its proven and not waived time makes ${minutes}. Compare with its records before anything is corrected.`,
    }),
  );
}

async function recordsOfOtherMinutes(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; line: string; billed: number; recorded: number }>(
    sql,
    `WITH recorded AS (SELECT run_id, line, sum(billing_minutes)::int8 AS minutes FROM billing_records
                        WHERE run_id IS NOT NULL GROUP BY run_id, line),
          billed AS (SELECT l.run_id, l.line, r.billed_minutes AS minutes
                       FROM run_lines l JOIN runs r ON r.id = l.run_id)
     SELECT run_id, line, coalesce(billed.minutes, 0) AS billed, coalesce(recorded.minutes, 0) AS recorded
       FROM billed FULL JOIN recorded USING (run_id, line)
      WHERE coalesce(billed.minutes, 0) <> coalesce(recorded.minutes, 0)
        AND EXISTS (SELECT FROM billing_records b WHERE b.run_id = coalesce(billed.run_id, recorded.run_id))`,
    ({ run_id, line, billed, recorded }) => ({
      finding: "record-minutes-differ",
      subject: { run: run_id, line },
      sentence: `The run is billed ${billed} minutes, its records of this line sum to ${recorded}. A record is missing, or was written past the database's triggers.`,
    }),
  );
}

async function recordsOfOtherAmount(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; posted: string; recorded: string }>(
    sql,
    `SELECT r.id AS run_id, r.posted_amount AS posted, b.amount AS recorded FROM runs r
       JOIN (SELECT run_id, sum(amount) AS amount FROM billing_records WHERE run_id IS NOT NULL GROUP BY run_id) b
         ON b.run_id = r.id
      WHERE r.posted_amount <> b.amount`,
    ({ run_id, posted, recorded }) => ({
      finding: "record-amount-differs",
      subject: { run: run_id },
      sentence: `The run counts ${posted} as posted, its records sum to ${recorded}. The next charge is the difference to the records.`,
    }),
  );
}

async function chargesOfOtherAmount(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; posted: string; charged: string }>(
    sql,
    `SELECT r.id AS run_id, r.posted_amount AS posted, coalesce(c.amount, 0)::numeric(20,4) AS charged FROM runs r
       LEFT JOIN (SELECT t.run_id, -sum(e.amount) AS amount
                    FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id
                   WHERE t.source_kind IN ('charge', 'credit') AND e.account = 'customer' GROUP BY t.run_id) c ON c.run_id = r.id
      WHERE r.posted_amount <> coalesce(c.amount, 0)`,
    ({ run_id, posted, charged }) => ({
      finding: "ledger-amount-differs",
      subject: { run: run_id },
      sentence: `The run counts ${posted} as posted, the ledger charged ${charged}. The ledger is what the customer paid.`,
    }),
  );
}

async function chargedWithoutRecords(sql: Connection): Promise<Found> {
  return await findRows<{ run_id: string; billed_minutes: number }>(
    sql,
    `SELECT id AS run_id, billed_minutes FROM runs r
      WHERE billed_minutes > 0 AND NOT EXISTS (SELECT FROM billing_records b WHERE b.run_id = r.id)`,
    ({ run_id, billed_minutes }) => ({
      finding: "run-without-records",
      subject: { run: run_id },
      sentence: `${billed_minutes} minutes are billed and no record says what for: its records are missing.`,
    }),
  );
}

/** The old system's records have no run, nor has storage. */
async function recordsWithoutRun(sql: Connection): Promise<Found> {
  return await findRows<{ record_id: number; run_id: string | null }>(
    sql,
    `SELECT b.id AS record_id, b.run_id FROM billing_records b LEFT JOIN runs r ON r.id = b.run_id
      WHERE r.id IS NULL AND (b.run_id IS NOT NULL OR b.legacy_resource_type IS NULL AND b.resource_type <> 'storage')`,
    ({ record_id, run_id }) => ({
      finding: "record-without-run",
      subject: { record: record_id, ...(run_id !== null && { run: run_id }) },
      sentence: "It charges for a run that does not exist: nothing proves it. Refund what it took.",
    }),
  );
}
