/** What hosts tell of the ranks of gangs beside their phases: taken over with their reports, and read for the rules. */
import type { Finding, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { HostConnection } from "@remotegpu/shared/values/workload";
import type { RankState } from "../../../core/instances/rank-state.ts";
import type { Connection } from "../../database/database.ts";

/** As it is now. What is held is so since it was first told so, in the time of this side. */
export async function noteRankStates(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  const reported = observed.map(({ instanceId, placementEpoch, runId, phase, held, cutOff }) => ({
    instanceId,
    placementEpoch,
    runId,
    findings: phase === "starting" ? (held?.findings ?? null) : null,
    cutOff: cutOff === undefined || cutOff.length === 0 ? null : cutOff,
  }));
  if (reported.length === 0) return;
  await sql.change(
    `UPDATE placements p SET held_at = CASE WHEN v.findings IS NULL THEN NULL ELSE coalesce(p.held_at, $3) END,
            findings = v.findings, cut_off = v."cutOff"
       FROM (SELECT "instanceId", "placementEpoch", "runId", nullif(findings, 'null') AS findings, "cutOff"
               FROM jsonb_to_recordset($2::jsonb) AS t("instanceId" text, "placementEpoch" int, "runId" text,
                      findings jsonb, "cutOff" text[])) v
      WHERE p.instance_id = v."instanceId" AND p.epoch = v."placementEpoch" AND p.run_id = v."runId" AND p.host_id = $1
        AND p.gang_network IS NOT NULL AND (p.findings, p.cut_off) IS DISTINCT FROM (v.findings, v."cutOff")`,
    [hostId, JSON.stringify(reported), now],
  );
}

export interface RankStateRow {
  address: string;
  connection: HostConnection;
  last_heartbeat: string | null;
  is_fetching: boolean;
  placed_at: string;
  held_at: string | null;
  released_at: string | null;
  image_id: string | null;
  findings: Finding[] | null;
  cut_off: string[] | null;
  is_lost: boolean;
  follows: boolean;
}

/** SQL: a RankStateRow of the placement `p` on the host `h`; null where it is of no gang. */
export const RANK_STATE = `CASE WHEN p.gang_network IS NOT NULL THEN jsonb_build_object(
    'address', p.spec #>> '{network,address}', 'connection', h.connection, 'last_heartbeat', h.last_heartbeat,
    'placed_at', p.created_at, 'held_at', p.held_at,
    'released_at', p.released_at, 'image_id', p.image_id, 'findings', p.findings, 'cut_off', p.cut_off,
    'is_lost', p.lost_since IS NOT NULL,
    'follows', coalesce(p.spec #>> '{launch,role}', '') = 'follows', 'is_fetching', p.container_id IS NULL AND EXISTS (
      SELECT FROM host_pulls t WHERE t.host_id = p.host_id AND t.image = p.spec ->> 'image'
         AND t.state IN ('waiting', 'pulling'))) END`;

export function rankState(
  row: RankStateRow,
  { host_id: hostId, host_name: hostName }: { host_id: string; host_name: string },
  now: Date,
): RankState {
  const since = (at: string) => now.getTime() - new Date(at).getTime();
  return {
    address: row.address,
    hostId,
    hostName,
    isHeard: row.connection === "connected",
    silentForMs: row.last_heartbeat === null ? 0 : since(row.last_heartbeat),
    isUnreachable: row.connection === "unreachable",
    isFetching: row.is_fetching,
    placedForMs: since(row.placed_at),
    heldForMs: row.held_at === null ? null : since(row.held_at),
    releasedForMs: row.released_at === null ? null : since(row.released_at),
    imageId: row.image_id,
    findings: row.findings ?? [],
    cutOff: row.cut_off ?? [],
    isLost: row.is_lost,
    follows: row.follows,
  };
}
