/**
 * Whose time the break of a gang makes free: every rank's, from the moment on at which one of them broke. Breaks are noted
 * when a gang has ended of one; that the broken rank was of no use even before may be found out later.
 */
import { asReported } from "../../../core/reasons/reason.ts";
import { storedReason, type StoredReason, storedReasonColumn } from "../../database/values/reason-columns.ts";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Connection } from "../../database/database.ts";
import type { Cause } from "./waived-spans.ts";

/** By then all is known of a card's or a host's end that will ever be. */
const CHECKED_MS = 2 * MS_PER_DAY;

/**
 * How far its journal proves the time of a rank that lost its card, or whose program ended under a fault of it: to the card's
 * last good sample, or to when it was last reached from inside. A rank of which no time is proven was of no use from its
 * start on. Null while the journal has not told its end, and of ranks that broke of something else: what is unproven there,
 * as while an agent is down, may have been good all the same.
 */
const PROVEN_TO = `(SELECT coalesce(max(hb.utc_at_zero + make_interval(secs => upper(t.proven) / 1000.0)), r.ordered_at)
   FROM runs r JOIN placements p ON p.run_id = r.id
    AND (p.problem IN ('gpu-missing', 'gpu-failed') OR p.problem = 'exited' AND b.has_card_fault)
   LEFT JOIN (run_time t JOIN host_boots hb ON hb.host_id = t.host_id AND hb.boot_id = t.boot_id) ON t.run_id = r.id
  WHERE r.id = b.broken_by AND r.closed_at IS NOT NULL GROUP BY r.id)`;

/** What made the broken rank useless may have begun before the rank was told to have failed. */
const FROM = `least(b.since, ${PROVEN_TO}, (SELECT min(w.from_at) FROM run_waivers w
   WHERE w.run_id = b.broken_by AND w.reason IN ('gpu-lost', 'host-died') AND coalesce(w.to_at, 'infinity') >= b.since))`;

/** Runs that have something to hear of a break, in the order of their ids. */
export async function runsOfBreaks(sql: Connection, now: Date): Promise<string[]> {
  const { rows } = await sql.query<{ run_id: string }>(
    `SELECT DISTINCT b.run_id FROM gang_breaks b
      WHERE b.noticed_at > $1 AND NOT EXISTS (
        SELECT FROM run_waivers w WHERE w.run_id = b.run_id AND w.reason = 'gang-broken' AND w.from_at <= ${FROM})
      ORDER BY b.run_id`,
    [new Date(now.getTime() - CHECKED_MS)],
  );
  return rows.map(({ run_id }) => run_id);
}

export async function breaksOfRun(sql: Connection, runId: string): Promise<Cause[]> {
  const { rows } = await sql.query<{
    broken_by: string;
    from_at: Date;
    noticed_at: Date;
    sentence: StoredReason;
  }>(
    `SELECT b.broken_by, ${FROM} AS from_at, b.noticed_at, ${storedReasonColumn("b", "sentence")} AS sentence FROM gang_breaks b
      WHERE b.run_id = $1 ORDER BY b.broken_by`,
    [runId],
  );
  return rows.map((row) => ({
    fromMs: row.from_at.getTime(),
    toMs: Infinity,
    sentence: {
      code: "rank-without-others" as const,
      params: { why: storedReason(row.sentence) ?? asReported("") },
    },
    facts: { broken_by: row.broken_by, from_at: row.from_at, noticed_at: row.noticed_at },
  }));
}
