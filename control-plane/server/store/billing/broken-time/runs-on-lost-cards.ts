/** Whose time the outages of cards make free: the runs that held a card then, and what is known of the outages of each. */
import type { Cause } from "./waived-spans.ts";
import { outageSpan } from "../../../core/billing/broken-time/broken-spans.ts";
import { outageSentence } from "../../../core/billing/broken-time/broken-sentence.ts";
import type { Connection } from "../../database/database.ts";

/** Of a card that is cut, every holder's. A run is whole: with one of its cards out, all of it is of no use. */
const HELD = `gpu_outages o
  JOIN gpu_allocations a ON a.gpu_uuid = o.gpu_uuid AND a.allocated_at < coalesce(o.recovered_at, 'infinity')
   AND coalesce(a.released_at, 'infinity') > o.last_good_at
  JOIN runs r ON r.instance_id = a.instance_id AND r.epoch = a.epoch AND r.host_id = o.host_id
   AND r.ordered_at < coalesce(o.recovered_at, 'infinity') AND coalesce(r.closed_at, 'infinity') > o.last_good_at`;

/** Outages that are over and of which not every run has heard yet. Ask before `runsOfOutages`. */
export async function endedOutages(sql: Connection): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    "SELECT id FROM gpu_outages WHERE settled_at IS NULL AND recovered_at IS NOT NULL ORDER BY id",
  );
  return rows.map(({ id }) => id);
}

/** Runs that have something to hear, in the order of their ids. */
export async function runsOfOutages(sql: Connection): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT DISTINCT r.id FROM ${HELD}
      WHERE o.settled_at IS NULL AND (o.recovered_at IS NOT NULL OR NOT EXISTS (
              SELECT FROM run_waivers w WHERE w.run_id = r.id AND w.reason = 'gpu-lost' AND w.to_at IS NULL))
      ORDER BY r.id`,
  );
  return rows.map(({ id }) => id);
}

/** All outages under the run, settled ones too. */
export async function outagesOfRun(sql: Connection, runId: string): Promise<Cause[]> {
  const { rows } = await sql.query<{
    id: number;
    gpu_uuid: string;
    last_good_at: Date;
    noticed_at: Date;
    vanished_at: Date | null;
    recovered_at: Date | null;
    fault: string | null;
    fault_code: string | null;
    event_ids: number[];
  }>(
    `SELECT DISTINCT o.id, o.gpu_uuid, o.last_good_at, o.noticed_at, o.vanished_at, o.recovered_at, o.fault, o.fault_code,
            o.event_ids
       FROM ${HELD} WHERE r.id = $1 ORDER BY o.id`,
    [runId],
  );
  return rows.map((row) => ({
    ...outageSpan({
      lastGoodMs: row.last_good_at.getTime(),
      recoveredMs: row.recovered_at?.getTime() ?? null,
    }),
    sentence: outageSentence({
      gpuUuid: row.gpu_uuid,
      lastGoodAt: row.last_good_at,
      noticedAt: row.noticed_at,
      vanishedAt: row.vanished_at,
      recoveredAt: row.recovered_at,
      fault: row.fault,
      faultCode: row.fault_code,
    }),
    facts: row,
  }));
}

export async function settleOutages(sql: Connection, ids: readonly number[], now: Date): Promise<void> {
  await sql.change("UPDATE gpu_outages SET settled_at = $2 WHERE id = ANY($1::bigint[])", [ids, now]);
}
