/**
 * Placements whose image is still on its way to their host: which have waited long enough, and taking one back. The
 * order waits again from where it was in the line, its host fetches the image all the same, and what the placement
 * holds is free once the host has said that nothing of it is there, as after any removal.
 */
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../../core/reasons/reason.ts";
import { fetchReason, type PlacedForImage } from "../../../core/hosts/images/image-fetch.ts";
import { lockRun, waiveRun } from "../../billing/runs/runs.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { FOLLOWS_FETCHES } from "../../hosts/host-features.ts";
import { raiseGenerations } from "../../hosts/hosts.ts";
import { awaitedFetches, fetchCounts, orderFetch } from "../../workloads/image-fetches.ts";
import { rulesOf, type WorkloadStatus } from "../../../core/workloads/kinds.ts";
import { startKey } from "../../../core/workloads/start.ts";
import type { LockedWorkload } from "../../../core/workloads/workload-move.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import { storeOf } from "../../workloads/kinds.ts";
import { placementsNotGone } from "../../workloads/instances/workload-placements.ts";

export interface PlacementForImage extends PlacedForImage {
  workload: WorkloadName;
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
  { limit, workload = null }: { limit: number; workload?: WorkloadName | null },
): Promise<PlacementForImage[]> {
  const { rows } = await sql.query<{
    kind: WorkloadName["kind"];
    workload_id: string;
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
    is_of_gang: boolean;
    pull: ObservedPull["state"];
    fetches_of_host: number;
    fetches_of_customer: number;
  }>(
    `SELECT o.kind, o.id AS workload_id, p.instance_id, p.epoch, p.run_id, p.host_id, h.name AS host_name, pulls.image,
            p.state, p.problem, p.container_id, r.first_proven_at, r.customer_id AS payer_id,
            greatest(p.created_at, r.ordered_at) AS placed_at, pull.state AS pull,
            p.gang_network IS NOT NULL AS is_of_gang,
            ${fetchCounts("r.customer_id")}
       FROM (SELECT DISTINCT host_id, image FROM host_pulls WHERE state IN ('waiting', 'pulling')) pulls
       JOIN hosts h ON h.id = pulls.host_id AND h.connection = 'connected' AND ${FOLLOWS_FETCHES}
       JOIN placements p ON p.host_id = h.id AND p.spec ->> 'image' = pulls.image AND p.gone_at IS NULL
        AND p.resources_released_at IS NULL AND p.want = 'running'
       JOIN LATERAL (SELECT t.state FROM host_pulls t
              WHERE t.host_id = pulls.host_id AND t.image = pulls.image AND t.state IN ('waiting', 'pulling')
                AND (t.instance_ids IS NULL OR p.instance_id = ANY(t.instance_ids))
              ORDER BY t.state LIMIT 1) pull ON true
       JOIN instances i ON i.id = p.instance_id AND i.current_epoch = p.epoch
       JOIN workloads o ON o.kind = i.workload_kind AND o.id = i.workload_id AND o.is_starting AND o.deleted_at IS NULL
       JOIN runs r ON r.id = p.run_id
      WHERE $2::text IS NULL OR (o.kind = $2 AND o.id = $3)
      ORDER BY placed_at, o.kind, o.id, i.rank LIMIT $1`,
    [limit, workload?.kind ?? null, workload?.id ?? null],
  );
  return rows.map((row) => ({
    workload: { kind: row.kind, id: row.workload_id },
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
    isOfGang: row.is_of_gang,
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
  /** Held. */
  workload: LockedWorkload<WorkloadStatus>;
  placement: PlacementForImage;
  now: Date;
}

/** Call with workload and host held. */
export async function takeBackToFetch(
  sql: Transaction,
  { fetchId, ...taken }: TakenBack & { fetchId: string },
): Promise<void> {
  const { hostId, hostName, image, payerId, workload } = taken.placement;
  const start = { ...workload, firstRank: 0 };
  await orderFetch(sql, { id: fetchId, start, hostId, image, payerId, now: taken.now });
  const pull = (await awaitedFetches(sql, [start])).get(startKey(start))?.pull ?? null;
  await takeBack(sql, taken, fetchReason(hostName, pull, true));
}

/** All that is placed of the start, of which nothing has begun. Call with workload and host held. */
export async function takeBack(
  sql: Transaction,
  { workload, placement, now }: TakenBack,
  reason: Reason,
): Promise<void> {
  const { kind } = placement.workload;
  for (const { run_id: runId, is_held, want } of await placementsNotGone(sql, placement.workload)) {
    // An earlier start of it that is not gone yet has run, and is paid for.
    if (runId === null || !is_held || want !== "running") continue;
    const run = await lockRun(sql, runId);
    await waiveRun(sql, {
      runId,
      from: new Date((run?.orderedAt ?? now).getTime() - BEFORE_ANY_CLOCK_MS),
      reason: "host-stop: taken back while its image was being fetched",
    });
  }
  const { rows } = await sql.change<{ host_id: string }>(
    `UPDATE placements p SET want = 'removed', ordered_by = coalesce(p.ordered_by, 'control-plane')
       FROM instances i WHERE i.id = p.instance_id AND i.workload_kind = $1 AND i.workload_id = $2
        AND p.resources_released_at IS NULL AND p.want = 'running' RETURNING p.host_id`,
    [kind, placement.workload.id],
  );
  await storeOf(kind).move(sql, [
    { workload, to: rulesOf(kind).waiting, reason, actor: "control-plane", now, hostId: placement.hostId },
  ]);
  await raiseGenerations(
    sql,
    rows.map(({ host_id }) => host_id),
  );
}
