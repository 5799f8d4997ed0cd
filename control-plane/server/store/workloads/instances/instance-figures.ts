/**
 * What running containers have used so far, as heartbeats tell it: the latest of each instance. For people and for
 * decisions; nothing of it is charged. A host speaks for the runs that are placed on it.
 */
import type { InstanceFigures } from "@remotegpu/shared/instance/instance-figures";
import type { Connection } from "../../database/database.ts";

/** Figures that stand still are written again after so long: who decides by them must know that they are not old. */
const REPORTED_AGAIN = "interval '90 seconds'";
/** Those of a replica, by which its service scales. */
const REPORTED_AGAIN_OF_REPLICAS = "interval '5 seconds'";
/** A last line's age is told by two clocks; less than this is the same line. */
const SAME_LINE = "interval '3 seconds'";

export interface ReportedFigures {
  cpu_ms: number | null;
  network_in_bytes: number | null;
  network_out_bytes: number | null;
  /** RFC 3339. */
  last_output_at: string | null;
  /** RFC 3339. */
  reported_at: string;
}

/** Of the instance `i` in the run of its placement `p`: ReportedFigures as JSON, or null. */
export const FIGURES_NOW = `(SELECT jsonb_build_object('cpu_ms', f.cpu_ms, 'network_in_bytes', f.network_in_bytes,
    'network_out_bytes', f.network_out_bytes, 'last_output_at', f.last_output_at, 'reported_at', f.reported_at)
   FROM instance_figures f WHERE f.instance_id = i.id AND f.run_id = p.run_id)`;

/** Of many hosts in one statement. What is as it was is not written, and what nobody placed there is left out. */
export async function noteFigures(
  sql: Connection,
  reported: readonly { hostId: string; figures: readonly InstanceFigures[] }[],
  now: Date,
): Promise<void> {
  const all = reported.flatMap(({ hostId, figures }) => figures.map((figure) => ({ hostId, ...figure })));
  if (all.length === 0) return;
  await sql.change(
    `INSERT INTO instance_figures AS f
            (instance_id, run_id, cpu_ms, network_in_bytes, network_out_bytes, last_output_at, reported_at)
     SELECT DISTINCT ON (p.instance_id) p.instance_id, p.run_id, v."cpuMs", v."networkInBytes", v."networkOutBytes",
            $2::timestamptz - make_interval(secs => v."lastOutputAgeMs" / 1000.0), $2
       FROM jsonb_to_recordset($1::jsonb) AS v("hostId" text, "instanceId" text, "placementEpoch" int, "runId" text,
              "cpuMs" bigint, "networkInBytes" bigint, "networkOutBytes" bigint, "lastOutputAgeMs" bigint)
       JOIN placements p ON p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.host_id = v."hostId"
        AND p.run_id = v."runId"
       JOIN instances i ON i.id = p.instance_id AND i.current_epoch = p.epoch
      ORDER BY p.instance_id
     ON CONFLICT (instance_id) DO UPDATE
        SET run_id = excluded.run_id, cpu_ms = excluded.cpu_ms, network_in_bytes = excluded.network_in_bytes,
            network_out_bytes = excluded.network_out_bytes, last_output_at = excluded.last_output_at,
            reported_at = excluded.reported_at
      WHERE (f.run_id, f.cpu_ms, f.network_in_bytes, f.network_out_bytes)
            IS DISTINCT FROM (excluded.run_id, excluded.cpu_ms, excluded.network_in_bytes, excluded.network_out_bytes)
         OR f.reported_at < excluded.reported_at - CASE
              WHEN EXISTS (SELECT FROM instances i WHERE i.id = f.instance_id AND i.revision IS NOT NULL)
              THEN ${REPORTED_AGAIN_OF_REPLICAS} ELSE ${REPORTED_AGAIN} END
         OR (f.last_output_at IS NULL) <> (excluded.last_output_at IS NULL)
         OR f.last_output_at < excluded.last_output_at - ${SAME_LINE}
         OR f.last_output_at > excluded.last_output_at + ${SAME_LINE}`,
    [JSON.stringify(all), now],
  );
}
