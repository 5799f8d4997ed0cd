/** Was every hour charged, in order? */
import type { Connection } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const HOUR_QUESTIONS: readonly Question[] = [
  { check: "hours-without-holes", claim: "Every hour since the first was charged.", request: missingHours },
  {
    check: "hours-are-finished",
    claim: "Every hour but the newest was charged to its end.",
    request: unfinishedHours,
  },
];

async function missingHours(sql: Connection): Promise<Found> {
  return await findRows<{ hour: Date; hours: number }>(
    sql,
    `SELECT hour, hours FROM (
       SELECT hour, round(extract(epoch FROM lead(hour) OVER (ORDER BY hour) - hour) / 3600)::int8 - 1 AS hours
         FROM hour_ticks) t WHERE hours > 0`,
    ({ hour, hours }) => ({
      finding: "hours-missing",
      subject: { after: hour.toISOString(), hours },
      sentence:
        "These hours have no tick. Their usage was charged by a later one; accounts were not settled at their end.",
    }),
  );
}

async function unfinishedHours(sql: Connection): Promise<Found> {
  return await findRows<{ hour: Date }>(
    sql,
    `SELECT hour FROM hour_ticks
      WHERE finished_at IS NULL AND hour < (SELECT max(hour) FROM hour_ticks)`,
    ({ hour }) => ({
      finding: "hour-unfinished",
      subject: { hour: hour.toISOString() },
      sentence: "A later hour began before this one was done; accounts may not have been settled at its end.",
    }),
  );
}
