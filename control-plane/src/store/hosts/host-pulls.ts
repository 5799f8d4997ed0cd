/**
 * What hosts tell of the images that they pull: taken over whole from a report, and shown to administrators. Nothing is
 * decided by a report itself (controllers/image-fetches.ts).
 */
import type { ObservedPull, PullProblem } from "@remotegpu/shared/image-fetch";
import { PROGRESS_EVERY_MS } from "../../core/image-fetch.ts";
import type { Connection } from "../database.ts";

/**
 * In place of what the host told before. A row that says the same is left as it is, and so is one whose numbers alone
 * have moved since a moment ago: what people are told follows these rows. The host's row is locked by the caller.
 */
export async function putHostPulls(
  sql: Connection,
  { hostId, pulls, now }: { hostId: string; pulls: readonly ObservedPull[]; now: Date },
): Promise<void> {
  await sql.query(
    `WITH told AS (
       SELECT DISTINCT ON (image, "fetchId") *
         FROM jsonb_to_recordset($2::jsonb) AS t(image text, "fetchId" text, state text, "layersDone" bigint,
                layers bigint, "bytesDone" bigint, bytes bigint, problem text, "operatorDetail" text)
        ORDER BY image, "fetchId"),
     gone AS (
       DELETE FROM host_pulls p
        WHERE p.host_id = $1
          AND NOT EXISTS (SELECT FROM told t WHERE t.image = p.image AND t."fetchId" IS NOT DISTINCT FROM p.fetch_id))
     INSERT INTO host_pulls AS p (host_id, image, fetch_id, state, layers_done, layers, bytes_done, bytes, problem,
            operator_detail, told_at)
     SELECT $1, image, "fetchId", state, "layersDone", layers, "bytesDone", bytes, problem, "operatorDetail", $3
       FROM told
     ON CONFLICT (host_id, image, fetch_id) DO UPDATE
        SET state = excluded.state, layers_done = excluded.layers_done, layers = excluded.layers,
            bytes_done = excluded.bytes_done, bytes = excluded.bytes, problem = excluded.problem,
            operator_detail = excluded.operator_detail, told_at = excluded.told_at
      WHERE (p.state, p.problem) IS DISTINCT FROM (excluded.state, excluded.problem)
         OR p.told_at <= $4
            AND (p.layers_done, p.layers, p.bytes_done, p.bytes, p.operator_detail) IS DISTINCT FROM
                (excluded.layers_done, excluded.layers, excluded.bytes_done, excluded.bytes, excluded.operator_detail)`,
    [hostId, JSON.stringify(pulls), now, new Date(now.getTime() - PROGRESS_EVERY_MS)],
  );
}

export interface HostPullRow {
  image: string;
  fetch_id: string | null;
  state: ObservedPull["state"];
  layers_done: number | null;
  layers: number | null;
  bytes_done: number | null;
  bytes: number | null;
  problem: PullProblem | null;
  operator_detail: string | null;
  told_at: Date;
}

export async function pullsOfHost(sql: Connection, hostId: string): Promise<HostPullRow[]> {
  const { rows } = await sql.query<HostPullRow>(
    `SELECT image, fetch_id, state, layers_done, layers, bytes_done, bytes, problem, operator_detail, told_at
       FROM host_pulls WHERE host_id = $1 ORDER BY image, fetch_id`,
    [hostId],
  );
  return rows;
}

/** The host has left the fleet: it pulls nothing for us any more. */
export async function forgetPulls(sql: Connection, hostId: string): Promise<void> {
  await sql.query("DELETE FROM host_pulls WHERE host_id = $1", [hostId]);
}
