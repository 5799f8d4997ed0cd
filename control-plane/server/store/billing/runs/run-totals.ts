/**
 * What stands on a run's row of its time and money: sums of what other tables have, kept by whoever changed those. They
 * are written once for each run of a transaction, since Postgres checks all foreign keys of a row anew that the same
 * transaction updates a second time.
 */
import { formatPoints, type Points } from "@remotegpu/shared/values/money";
import { type ProvenTime, totalMs } from "../../../core/billing/proven-time.ts";
import type { Transaction } from "../../database/database.ts";

export interface RunTotals {
  readonly runId: string;
  /** All that is proven by now. */
  readonly proven: ProvenTime;
  /** Once its end is known; one that is known already stays. */
  readonly closedAt: Date | null;
  /** Null where the run was not rated. */
  readonly bill: {
    readonly minutes: number;
    readonly waivedMs: number;
    /** What was posted now. */
    readonly amount: Points;
    /** Proven time that the charge did not look at waits for the next one. */
    readonly leavesTime: boolean;
  } | null;
}

/** Hold the runs. */
export async function writeRunTotals(sql: Transaction, totals: readonly RunTotals[]): Promise<void> {
  if (totals.length === 0) return;
  const [firsts, lasts] = [
    totals.map(({ proven }) => proven.at(0)),
    totals.map(({ proven }) => proven.at(-1)),
  ];
  await sql.change(
    `UPDATE runs r SET proven_ms = d.proven_ms, first_proven_at = d.first_at, last_proven_at = d.last_at,
            closed_at = coalesce(r.closed_at, d.closed_at), billed_minutes = coalesce(d.minutes, r.billed_minutes),
            waived_ms = coalesce(d.waived_ms, r.waived_ms), posted_amount = r.posted_amount + d.amount,
            uncharged = coalesce(d.leaves_time, r.uncharged OR r.proven_ms <> d.proven_ms)
       FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::int[],
                   $7::bigint[], $8::numeric[], $9::boolean[])
         d (id, proven_ms, first_at, last_at, closed_at, minutes, waived_ms, amount, leaves_time)
      WHERE r.id = d.id`,
    [
      totals.map(({ runId }) => runId),
      totals.map(({ proven }) => totalMs(proven)),
      // As text: the driver writes moments in its own time zone, part by part.
      firsts.map((first) => (first === undefined ? null : new Date(first.fromMs).toISOString())),
      lasts.map((last) => (last === undefined ? null : new Date(last.toMs).toISOString())),
      totals.map(({ closedAt }) => closedAt),
      totals.map(({ bill }) => bill?.minutes ?? null),
      totals.map(({ bill }) => bill?.waivedMs ?? null),
      totals.map(({ bill }) => formatPoints(bill?.amount ?? 0n)),
      totals.map(({ bill }) => bill?.leavesTime ?? null),
    ],
  );
}
