/** Which full hours were charged. One row per UTC hour, in order; a row without finished_at is resumed. */
import { formatPoints, type Points } from "@remotegpu/shared/values/money";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { Transaction } from "../../database/database.ts";

/** The full hour at or before a moment. */
export function fullHour(at: Date): Date {
  return new Date(Math.floor(at.getTime() / MS_PER_HOUR) * MS_PER_HOUR);
}

/**
 * The next hour to charge, once it has come; null while there is nothing to do. A new system begins with the hour
 * after its first call: what came before it was nobody's.
 */
export async function nextHour(
  sql: Transaction,
  { now, term }: { now: Date; term: number },
): Promise<Date | null> {
  const { rows } = await sql.query<{ hour: Date; finished: boolean }>(
    "SELECT hour, finished_at IS NOT NULL AS finished FROM hour_ticks ORDER BY hour DESC LIMIT 1",
  );
  const last = rows[0];
  if (last === undefined) {
    await sql.change(
      `INSERT INTO hour_ticks (hour, term, started_at, finished_at, runs_charged, amount)
       VALUES ($1, $2, $3, $3, 0, 0)`,
      [fullHour(now), term, now],
    );
    return null;
  }
  const next = last.finished ? new Date(last.hour.getTime() + MS_PER_HOUR) : last.hour;
  return next <= now ? next : null;
}

/** Starts an hour, or takes it over from a leader that did not finish it. */
export async function startHour(
  sql: Transaction,
  { hour, term, now }: { hour: Date; term: number; now: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO hour_ticks (hour, term, started_at, runs_charged, amount) VALUES ($1, $2, $3, 0, 0)
     ON CONFLICT (hour) DO UPDATE SET term = EXCLUDED.term`,
    [hour, term, now],
  );
}

/** Counts runs' charges, in the transaction that made them. */
export async function countCharges(
  sql: Transaction,
  hour: Date,
  charged: { runs: number; amount: Points },
): Promise<void> {
  await sql.change(
    "UPDATE hour_ticks SET runs_charged = runs_charged + $2::int, amount = amount + $3::numeric WHERE hour = $1",
    [hour, charged.runs, formatPoints(charged.amount)],
  );
}

export async function finishHour(sql: Transaction, { hour, now }: { hour: Date; now: Date }): Promise<void> {
  await sql.change("UPDATE hour_ticks SET finished_at = $2 WHERE hour = $1", [hour, now]);
}
