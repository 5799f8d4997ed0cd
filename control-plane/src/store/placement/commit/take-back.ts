/**
 * Placements whose image is still on its way to their host: which have waited long enough, and taking one back. The
 * order waits again from where it was in the line, its host fetches the image all the same, and what the placement
 * holds is free once the host has said that nothing of it is there, as after any removal.
 */
import type { ObservedPull } from "@remotegpu/shared/image-fetch";
import { MS_PER_DAY } from "@remotegpu/shared/units";
import type { InstanceState } from "@remotegpu/shared/workload";
import { fetchSentence, type PlacedForImage } from "../../../core/hosts/images/image-fetch.ts";
import { lockRun, waiveRun } from "../../billing/runs/runs.ts";
import type { Connection } from "../../database/database.ts";
import { type EnvironmentRow, moveEnvironment } from "../../environments/environments.ts";
import { FOLLOWS_FETCHES } from "../../hosts/host-features.ts";
import { raiseGeneration } from "../../hosts/hosts.ts";
import { awaitedFetches, fetchCounts, orderFetch } from "../../hosts/images/image-fetches.ts";
import { nameKey } from "../../../core/workloads/workload-name.ts";

export interface PlacementForImage extends PlacedForImage {
  environmentId: string;
  instanceId: string;
  epoch: number;
  runId: string;
  hostId: string;
  hostName: string;
  image: string;
  payerId: number;
}

/**
 * Those of hosts that pull for us, the longest placed first. A pull that names its orders is theirs alone: another order
 * of the same image may have it already, or get it with another credential.
 */
export async function placementsForImages(
  sql: Connection,
  { limit, environmentId = null }: { limit: number; environmentId?: string | null },
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
    placed_at: Date;
    payer_id: number;
    pull: ObservedPull["state"];
    fetches_of_host: number;
    fetches_of_customer: number;
  }>(
    `SELECT e.id AS environment_id, p.instance_id, p.epoch, p.run_id, p.host_id, h.name AS host_name, pulls.image,
            p.state, p.problem, p.container_id, r.first_proven_at, r.customer_id AS payer_id,
            greatest(p.created_at, r.ordered_at) AS placed_at, pull.state AS pull,
            ${fetchCounts("r.customer_id")}
       FROM (SELECT DISTINCT host_id, image FROM host_pulls WHERE state IN ('waiting', 'pulling')) pulls
       JOIN hosts h ON h.id = pulls.host_id AND h.connection = 'connected' AND ${FOLLOWS_FETCHES}
       JOIN placements p ON p.host_id = h.id AND p.spec ->> 'image' = pulls.image AND p.gone_at IS NULL
        AND p.resources_released_at IS NULL AND p.want = 'running'
       JOIN LATERAL (SELECT t.state FROM host_pulls t
              WHERE t.host_id = pulls.host_id AND t.image = pulls.image AND t.state IN ('waiting', 'pulling')
                AND (t.instance_ids IS NULL OR p.instance_id = ANY(t.instance_ids))
              ORDER BY t.state LIMIT 1) pull ON true
       JOIN instances i ON i.id = p.instance_id AND i.current_epoch = p.epoch AND i.workload_kind = 'environment'
       JOIN environments e ON e.id = i.workload_id AND e.status IN ('creating', 'restarting') AND e.deleted_at IS NULL
       JOIN runs r ON r.id = p.run_id
      WHERE $2::text IS NULL OR e.id = $2
      ORDER BY placed_at, e.id LIMIT $1`,
    [limit, environmentId],
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
    placedAtMs: row.placed_at.getTime(),
    payerId: row.payer_id,
    pull: row.pull,
    fetchesOfHost: row.fetches_of_host,
    fetchesOfCustomer: row.fetches_of_customer,
  }));
}

/**
 * Its container may begin in this very moment: then the removal ends it, and nothing of its time is charged, wherever
 * the host's clock puts it. A clock may be wrong by hours after a year, so the waiver begins well before the order.
 */
const BEFORE_ANY_CLOCK_MS = MS_PER_DAY;

export interface TakenBack {
  environment: EnvironmentRow;
  placement: PlacementForImage;
  now: Date;
}

/** Call with environment and host held. */
export async function takeBackToFetch(
  sql: Connection,
  { fetchId, ...taken }: TakenBack & { fetchId: string },
): Promise<void> {
  const { hostId, hostName, image, payerId } = taken.placement;
  const workload = { kind: "environment", id: taken.environment.id } as const;
  await orderFetch(sql, { id: fetchId, workload, hostId, image, payerId, now: taken.now });
  const pull = (await awaitedFetches(sql, [workload])).get(nameKey(workload))?.pull ?? null;
  await takeBack(sql, taken, fetchSentence(hostName, pull, true));
}

/** Call with environment and host held. */
export async function takeBack(
  sql: Connection,
  { environment, placement, now }: TakenBack,
  reason: string,
): Promise<void> {
  const { instanceId, epoch, runId, hostId } = placement;
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
  await moveEnvironment(sql, {
    environment,
    to: "queued",
    reason,
    actor: "control-plane",
    now,
    hostId,
  });
  await raiseGeneration(sql, hostId);
}
