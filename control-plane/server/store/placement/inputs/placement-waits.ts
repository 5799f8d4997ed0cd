/** Since when placements wait for their hosts, by the rules of core/instances/placement-wait.ts, and which wait for too long. */
import { type PlacementWait, WAIT_RULES } from "../../../core/instances/placement-wait.ts";
import type { Connection } from "../../database/database.ts";

const RULES = JSON.stringify(
  WAIT_RULES.flatMap(({ states, ...rule }) => states.map((state) => ({ ...rule, state }))),
);

/** A wait that has begun gets its deadline, one that is over loses it. */
export async function noteWaits(sql: Connection, now: Date): Promise<void> {
  await sql.change(
    `UPDATE placements p SET waits_for = w."waitsFor",
            deadline_at = $2::timestamptz + make_interval(secs => w."limitMs" / 1000.0)
       FROM placements q LEFT JOIN jsonb_to_recordset($1::jsonb)
              AS w(want text, state text, "waitsFor" text, "limitMs" float8) ON w.want = q.want AND w.state = q.state
      WHERE q.gone_at IS NULL AND q.waits_for IS DISTINCT FROM w."waitsFor"
        AND p.instance_id = q.instance_id AND p.epoch = q.epoch`,
    [RULES, now],
  );
}

export interface OverduePlacement {
  instance_id: string;
  epoch: number;
  host_name: string;
  waits_for: PlacementWait;
}

/** The most overdue first. */
export async function overduePlacements(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<OverduePlacement[]> {
  const { rows } = await sql.query<OverduePlacement>(
    `SELECT p.instance_id, p.epoch, h.name AS host_name, p.waits_for FROM placements p JOIN hosts h ON h.id = p.host_id
      WHERE p.gone_at IS NULL AND p.waits_for IS NOT NULL AND p.deadline_at <= $1
      ORDER BY p.deadline_at, p.instance_id, p.epoch LIMIT $2`,
    [now, limit],
  );
  return rows;
}
