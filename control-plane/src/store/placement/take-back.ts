/**
 * Placements whose image is still on its way to their host: which have waited long enough, and taking one back. The
 * order waits again from where it was in the line, its host fetches the image all the same, and what the placement
 * holds is free once the host has said that nothing of it is there, as after any removal.
 */
import type { ObservedPull } from "@remotegpu/shared/image-fetch";
import { MS_PER_DAY } from "@remotegpu/shared/units";
import type { InstanceState } from "@remotegpu/shared/workload";
import { fetchSentence, HELD_WHILE_PULLED_MS, type PlacedForImage } from "../../core/image-fetch.ts";
import { lockRun, waiveRun } from "../billing/runs.ts";
import type { Connection } from "../database.ts";
import { type EnvironmentRow, moveEnvironment } from "../environments/environments.ts";
import { FOLLOWS_FETCHES } from "../hosts/host-features.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import { awaitedFetches, orderFetch } from "./image-fetches.ts";

export interface PlacementForImage extends PlacedForImage {
  environmentId: string;
  instanceId: string;
  epoch: number;
  runId: string;
  hostId: string;
  hostName: string;
  image: string;
}

/** Those that have been placed for so long on a host that pulls for us, the longest first. */
export async function placementsForImages(
  sql: Connection,
  { now, limit, environmentId = null }: { now: Date; limit: number; environmentId?: string | null },
): Promise<PlacementForImage[]> {
  const { rows } = await sql.query<{
    environment_id: string;
    instance_id: string;
    epoch: number;
    run_id: string;
    host_id: string;
    host_name: string;
    image: string;
    state: InstanceState;
    problem: string | null;
    container_id: string | null;
    first_proven_at: Date | null;
    created_at: Date;
    pull: ObservedPull["state"];
    open_fetches: number;
  }>(
    `SELECT e.id AS environment_id, p.instance_id, p.epoch, p.run_id, p.host_id, h.name AS host_name, pulls.image,
            p.state, p.problem, p.container_id, r.first_proven_at, p.created_at, pulls.state AS pull,
            (SELECT count(*) FROM image_fetches f WHERE f.host_id = h.id AND f.ended_at IS NULL) AS open_fetches
       FROM (SELECT DISTINCT ON (host_id, image) host_id, image, state FROM host_pulls
              WHERE state IN ('waiting', 'pulling') ORDER BY host_id, image, state) pulls
       JOIN hosts h ON h.id = pulls.host_id AND h.connection = 'connected' AND ${FOLLOWS_FETCHES}
       JOIN placements p ON p.host_id = h.id AND p.spec ->> 'image' = pulls.image AND p.gone_at IS NULL
        AND p.resources_released_at IS NULL AND p.want = 'running' AND p.created_at <= $1
       JOIN instances i ON i.id = p.instance_id AND i.current_epoch = p.epoch AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id AND e.status = 'creating' AND e.deleted_at IS NULL
       JOIN runs r ON r.id = p.run_id
      WHERE $3::text IS NULL OR e.id = $3
      ORDER BY p.created_at, e.id LIMIT $2`,
    [new Date(now.getTime() - HELD_WHILE_PULLED_MS), limit, environmentId],
  );
  return rows.map((row) => ({
    environmentId: row.environment_id,
    instanceId: row.instance_id,
    epoch: row.epoch,
    runId: row.run_id,
    hostId: row.host_id,
    hostName: row.host_name,
    image: row.image,
    state: row.state,
    problem: row.problem,
    hasContainer: row.container_id !== null,
    hasBegun: row.first_proven_at !== null,
    placedAtMs: row.created_at.getTime(),
    pull: row.pull,
    openFetchesOfHost: row.open_fetches,
  }));
}

/**
 * Its container may begin in this very moment: then the removal ends it, and nothing of its time is charged, wherever
 * the host's clock puts it. A clock may be wrong by hours after a year, so the waiver begins well before the order.
 */
const BEFORE_ANY_CLOCK_MS = MS_PER_DAY;

/** Call with environment and host held. */
export async function takeBack(
  sql: Connection,
  {
    environment,
    placement,
    fetchId,
    now,
  }: { environment: EnvironmentRow; placement: PlacementForImage; fetchId: string; now: Date },
): Promise<void> {
  const { instanceId, epoch, runId, hostId, hostName, image } = placement;
  const workload = { kind: "environment", id: environment.id } as const;
  const run = await lockRun(sql, runId);
  await waiveRun(sql, {
    runId,
    from: new Date((run?.orderedAt ?? now).getTime() - BEFORE_ANY_CLOCK_MS),
    reason: "taken back while its image was being fetched",
  });
  await sql.query(
    `UPDATE placements SET want = 'removed', ordered_by = coalesce(ordered_by, 'control-plane')
      WHERE instance_id = $1 AND epoch = $2`,
    [instanceId, epoch],
  );
  await orderFetch(sql, { id: fetchId, workload, hostId, image, now });
  const pull = [...(await awaitedFetches(sql, [workload])).values()].at(0)?.pull ?? null;
  await moveEnvironment(sql, {
    environment,
    to: "queued",
    reason: fetchSentence(hostName, pull, true),
    actor: "control-plane",
    now,
    hostId,
  });
  await raiseGeneration(sql, hostId);
}
