/**
 * What hosts tell of the images that they pull: taken over whole from a report, and shown to administrators. Nothing is
 * decided by a report itself (controllers/hosts/image-fetches.ts).
 */
import type { ObservedPull, PullProblem } from "@remotegpu/shared/instance/image-fetch";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { PROGRESS_EVERY_MS } from "../../../core/hosts/images/image-fetch.ts";
import type { Connection } from "../../database/database.ts";

/** As the unique index has it. */
const FIRST_ORDER = "CASE WHEN fetch_id IS NULL THEN instance_ids[1] END";

/**
 * In place of what the host told before. A row that says the same is left as it is, and so is one whose numbers alone
 * have moved since a moment ago: what people are told follows these rows. The host's row is locked by the caller.
 */
export async function putHostPulls(
  sql: Connection,
  { hostId, pulls, now }: { hostId: string; pulls: readonly ObservedPull[]; now: Date },
): Promise<void> {
  const put = sql.change(
    `WITH told AS (
       SELECT DISTINCT ON (image, "fetchId", "firstOrder") *
         FROM (SELECT *, CASE WHEN "fetchId" IS NULL THEN "instanceIds"[1] END AS "firstOrder"
                 FROM jsonb_to_recordset($2::jsonb) AS t(image text, "fetchId" text, "instanceIds" text[], state text,
                        "layersDone" bigint, layers bigint, "bytesDone" bigint, bytes bigint, problem text,
                        "operatorDetail" text)) t
        -- Of what is said twice always the same counts, in whichever order it was said.
        ORDER BY image, "fetchId", "firstOrder", state, "instanceIds", problem, "bytesDone" DESC NULLS LAST,
                 "layersDone" DESC NULLS LAST, bytes, layers, "operatorDetail"),
     gone AS (
       DELETE FROM host_pulls p
        WHERE p.host_id = $1
          AND NOT EXISTS (SELECT FROM told t
                           WHERE t.image = p.image AND t."fetchId" IS NOT DISTINCT FROM p.fetch_id
                             AND t."firstOrder" IS NOT DISTINCT FROM ${FIRST_ORDER}))
     INSERT INTO host_pulls AS p (host_id, image, fetch_id, instance_ids, state, layers_done, layers, bytes_done, bytes,
            problem, operator_detail, reported_at)
     SELECT $1, image, "fetchId", "instanceIds", state, "layersDone", layers, "bytesDone", bytes, problem,
            "operatorDetail", $3
       FROM told
     ON CONFLICT (host_id, image, fetch_id, (${FIRST_ORDER})) DO UPDATE
        SET instance_ids = excluded.instance_ids, state = excluded.state, layers_done = excluded.layers_done, layers = excluded.layers,
            bytes_done = excluded.bytes_done, bytes = excluded.bytes, problem = excluded.problem,
            operator_detail = excluded.operator_detail, reported_at = excluded.reported_at
      WHERE (p.state, p.problem, p.instance_ids) IS DISTINCT FROM
            (excluded.state, excluded.problem, excluded.instance_ids)
         OR p.reported_at <= $4
            AND (p.layers_done, p.layers, p.bytes_done, p.bytes, p.operator_detail) IS DISTINCT FROM
                (excluded.layers_done, excluded.layers, excluded.bytes_done, excluded.bytes, excluded.operator_detail)`,
    [hostId, JSON.stringify(pulls.map(inOrder)), now, new Date(now.getTime() - PROGRESS_EVERY_MS)],
  );
  await Promise.all([put, noteWaiting(sql, { hostId, now }), countPulledTime(sql, { hostId, now })]);
}

/** The fetches that wait on are noted anew once a minute. */
async function noteWaiting(sql: Connection, { hostId, now }: { hostId: string; now: Date }): Promise<void> {
  await sql.change(
    `UPDATE placements p SET waited_for_image_at = $2 FROM host_pulls t
      WHERE p.host_id = $1 AND p.gone_at IS NULL AND p.want = 'running'
        AND (p.waited_for_image_at IS NULL OR p.waited_for_image_at <= $3) AND t.host_id = p.host_id
        AND t.image = p.spec ->> 'image' AND t.state IN ('waiting', 'pulling')
        AND (t.instance_ids IS NULL OR p.instance_id = ANY(t.instance_ids))`,
    [hostId, now, new Date(now.getTime() - MS_PER_MINUTE)],
  );
}

/** Its orders are a set, and the first of them tells it from other pulls of the image. */
function inOrder(pull: ObservedPull): ObservedPull {
  return { ...pull, ...(pull.instanceIds && { instanceIds: pull.instanceIds.toSorted() }) };
}

/** Only a change of what is told moves the count. */
async function countPulledTime(
  sql: Connection,
  { hostId, now }: { hostId: string; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE image_fetches f
        SET pulled_ms = f.pulled_ms
              + greatest(0, coalesce(extract(epoch FROM $2::timestamptz - f.pulling_since) * 1000, 0))::bigint,
            pulling_since = CASE WHEN f.pulling_since IS NULL THEN $2::timestamptz END
      WHERE f.host_id = $1 AND f.ended_at IS NULL AND (f.pulling_since IS NULL) = EXISTS (
              SELECT FROM host_pulls p
               WHERE p.host_id = f.host_id AND p.image = f.image AND p.fetch_id = f.id AND p.state = 'pulling')`,
    [hostId, now],
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
  reported_at: Date;
  /** The first order that waits for it; empty where a fetch tells it from other pulls of the image. */
  first_order: string;
}

/** Image, fetch and first order tell the pulls of a host apart; what a pull lacks of these is empty. */
type PullKey = readonly [image: string, fetchId: string, firstOrder: string];

const BEFORE_ALL: PullKey = ["", "", ""];

/** The pulls behind one, of each image those of fetches first; one more than the limit where there are more. */
export async function pullsOfHost(
  sql: Connection,
  { hostId, limit, after }: { hostId: string; limit: number; after: PullKey | null },
): Promise<HostPullRow[]> {
  const { rows } = await sql.query<HostPullRow>(
    `SELECT image, fetch_id, state, layers_done, layers, bytes_done, bytes, problem, operator_detail, reported_at, first_order
       FROM (SELECT *, coalesce(${FIRST_ORDER}, '') AS first_order FROM host_pulls WHERE host_id = $1) p
      WHERE (image, fetch_id IS NULL, coalesce(fetch_id, ''), first_order) > ($2, $3::text = '', $3, $4)
      ORDER BY image, fetch_id IS NULL, coalesce(fetch_id, ''), first_order LIMIT $5`,
    [hostId, ...(after ?? BEFORE_ALL), limit + 1],
  );
  return rows;
}

/** The host has left the fleet: it pulls nothing for us any more. */
export async function forgetPulls(sql: Connection, hostId: string): Promise<void> {
  await sql.change("DELETE FROM host_pulls WHERE host_id = $1", [hostId]);
}
