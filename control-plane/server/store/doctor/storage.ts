/** Was each day of storage posted as it says, and nothing besides? */
import type { Connection } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const STORAGE_QUESTIONS: readonly Question[] = [
  {
    check: "storage-days-are-posted",
    claim: "Ledger and records say the same of every day of storage.",
    request: differingDays,
  },
  {
    check: "storage-postings-have-days",
    claim: "Every posting of storage has its day.",
    request: postingsWithoutDay,
  },
];

async function differingDays(sql: Connection): Promise<Found> {
  return await findRows<{ workspace: string; day: string; amount: string; posted: string; recorded: string }>(
    sql,
    `SELECT d.workspace_id::text AS workspace, d.day, d.amount, coalesce(l.posted, 0) AS posted,
            coalesce(r.recorded, 0) AS recorded
       FROM storage_days d
       LEFT JOIN (SELECT e.transaction_id, -sum(e.amount) AS posted FROM ledger_entries e
                    JOIN ledger_transactions t ON t.id = e.transaction_id
                   WHERE e.account = 'customer' AND t.source_kind = 'storage' GROUP BY e.transaction_id) l
         ON l.transaction_id = d.transaction_id
       LEFT JOIN (SELECT transaction_id, sum(amount) AS recorded FROM billing_records
                   WHERE resource_type = 'storage' AND transaction_id IS NOT NULL GROUP BY transaction_id) r
         ON r.transaction_id = d.transaction_id
      WHERE d.amount <> coalesce(l.posted, 0) OR d.amount <> coalesce(r.recorded, 0)`,
    ({ workspace, day, amount, posted, recorded }) => ({
      finding: "storage-day-differs",
      subject: { workspace, day },
      sentence: `The day was charged ${amount}, the ledger took ${posted}, and records say ${recorded}. The ledger is what the customer paid: correct the difference with an adjustment.`,
    }),
  );
}

async function postingsWithoutDay(sql: Connection): Promise<Found> {
  return await findRows<{ id: number; source_id: string }>(
    sql,
    `SELECT id, source_id FROM ledger_transactions t
      WHERE source_kind = 'storage' AND NOT EXISTS (SELECT FROM storage_days d WHERE d.transaction_id = t.id)`,
    ({ id, source_id }) => ({
      finding: "storage-posting-without-day",
      subject: { transaction: id },
      sentence: `Storage ${source_id} was posted, and no day says what for: give it back with an adjustment, or restore its day.`,
    }),
  );
}
