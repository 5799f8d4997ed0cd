/** What of the fleet is no sum of hosts: what waits, usage on its way, alarms, and what this hour has earned so far. */
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import { fullHour } from "../billing/ledger/hour-ticks.ts";
import type { Connection } from "../database/database.ts";
import { accruedOf } from "../spending/accrued.ts";
import { Cached } from "../fleet/cached.ts";
import { ofAllKinds } from "../workloads/kinds.ts";

interface FleetFigures {
  queued: number;
  /** Null where nothing waits. */
  oldest_wait_seconds: number | null;
  pending_usage_rows: number;
  /** The longest time since anything was taken of a journal that has more; null where none has. */
  pending_usage_age_seconds: number | null;
  alarms_open: number;
  /** Charged since the last full hour, less what was given back, and proven time that no charge has counted yet. */
  earned_this_hour: string;
}

const QUEUED = ofAllKinds(
  (_kind, { waitingStarts, orderOfStart }) =>
    `SELECT coalesce(o.queued_at, o.created_at) AS since FROM (${waitingStarts}) s JOIN ${orderOfStart}`,
);

/** What people look at and nothing is decided by. */
const LISTED_MS = 1_000;
/** The pause per read: what many thousand open runs have earned takes seconds to sum up. */
const REST_PER_READ = 5;

export class CachedFigures extends Cached<FleetFigures> {
  constructor({ db, now }: { db: Connection; now: () => Date }) {
    super(async (at) => await fleetFigures(db, at), { now, storedMs: LISTED_MS, restPerRead: REST_PER_READ });
  }
}

async function fleetFigures(sql: Connection, now: Date): Promise<FleetFigures> {
  const [counted, earned] = await Promise.all([
    sql.query<Omit<FleetFigures, "earned_this_hour">>(
      `WITH waiting AS (${QUEUED}),
            pending AS (SELECT head_seq - watermark AS rows, coalesce(last_batch_at, first_seen_at) AS since
                          FROM host_journals WHERE head_seq > watermark)
       SELECT (SELECT count(*) FROM waiting) AS queued,
              (SELECT ${secondsSince("min(since)")} FROM waiting) AS oldest_wait_seconds,
              (SELECT coalesce(sum(rows), 0)::int8 FROM pending) AS pending_usage_rows,
              (SELECT ${secondsSince("min(since)")} FROM pending) AS pending_usage_age_seconds,
              (SELECT count(*) FROM alarms WHERE cleared_at IS NULL) AS alarms_open`,
      [now],
    ),
    earnedSince(sql, fullHour(now)),
  ]);
  return { ...(counted.rows[0] as (typeof counted.rows)[number]), earned_this_hour: earned };
}

/** Null without a moment: greatest() alone would make a 0 of it. */
function secondsSince(moment: string): string {
  return `CASE WHEN ${moment} IS NOT NULL THEN floor(greatest(extract(epoch FROM $1::timestamptz - ${moment}), 0))::int8 END`;
}

/** The charge of a full hour is posted at that very moment, and belongs to the hour before. */
async function earnedSince(sql: Connection, hour: Date): Promise<string> {
  const [posted, uncharged] = await Promise.all([
    sql.query<{ revenue: string }>(
      `SELECT coalesce(sum(e.amount), 0)::numeric(38,4) AS revenue
         FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'revenue'
        WHERE t.at > $1`,
      [hour],
    ),
    sql.query<{ customer_id: number }>("SELECT DISTINCT customer_id FROM runs WHERE uncharged"),
  ]);
  const accrued = await accruedOf(
    sql,
    uncharged.rows.map(({ customer_id: id }) => id),
  );
  const revenue = parsePoints(posted.rows[0]?.revenue ?? "0");
  return formatPoints([...accrued.values()].reduce((sum, points) => sum + points, revenue));
}
