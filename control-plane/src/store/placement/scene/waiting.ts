/**
 * What waits for a place: every queued environment and training job as the scheduler weighs it, from a few reads,
 * however many wait. Who of them may start is not asked here but at the commit.
 */
import {
  type OrderCircumstances,
  placementRequest,
  quotaShare,
  waitingOrder,
} from "../../../core/orders/order.ts";
import type { PlacementRequest } from "../../../core/placement/fleet/fits-on.ts";
import type { Standing, Waiting } from "../../../core/queue/queue.ts";
import type { Quota } from "../../../core/orders/quota-levels.ts";
import { gangRequest, gangShare } from "../../../core/training/training-order.ts";
import type { Connection } from "../../database/database.ts";
import { imageNeedsOf, imageUseOf } from "../../hosts/images/image-needs.ts";
import { registryListInForce } from "../../hosts/images/registry-list.ts";
import { holdersOfWaiting } from "./held-orders.ts";
import { type AwaitedFetch, awaitedFetches } from "../../hosts/images/image-fetches.ts";
import { poolSkipsInForce } from "../../workloads/pool-skips.ts";
import { type PricedModels, pricedModelsOf } from "../../orders/checks/priced-models.ts";
import { type WaitingRow, waitingRows } from "./waiting-rows.ts";
import { nameKey, type WorkloadName } from "../../../core/workloads/workload-name.ts";

export interface WaitingOrder {
  workload: WorkloadName;
  /** What the queue orders it by. */
  stand: Waiting;
  request: PlacementRequest;
  payerId: number;
  /** Null outside of every workspace that is there. */
  workspaceId: number | null;
  /** Of its workspace; 1 without one. */
  shareWeight: number;
  /** What all of it takes of the quotas. */
  quotaShare: Quota;
  /** Models that it could name in place of the one it names. */
  otherModels: readonly string[];
  /** Hosts that have not confirmed yet that its last placement is over: until then it can have no other. */
  heldBy: readonly string[];
  /** A host fetches its image: until that is over it holds nothing and is placed nowhere. */
  awaits: AwaitedFetch | null;
  /** Why its own maximum price keeps it from every model; null where it does not. */
  beyondMaximum: string | null;
  /** Why its image may not be used any more; null where it may. */
  imageRefusal: string | null;
}

export async function waitingOrders(sql: Connection, { now }: { now: Date }): Promise<WaitingOrder[]> {
  const rows = await waitingRows(sql);
  const priced = await pricedModelsOf(sql, rows, now);
  const skips = await poolSkipsInForce(sql, now);
  const holders = await holdersOfWaiting(sql);
  const needs = await imageNeedsOf(sql, rows.map(imageUseOf), await registryListInForce(sql));
  const fetches = await awaitedFetches(sql);
  return rows.map((row, index) => {
    const key = nameKey(row);
    return waitingOrderOf(row, {
      skips: skips.get(key) ?? [],
      pricedModels: priced.modelsOf(row),
      otherModels: otherModelsOf(row, priced),
      beyondMaximum: priced.beyondMaximum(row),
      heldBy: holders.get(key) ?? [],
      features: needs[index]?.features ?? [],
      imageRefusal: needs[index]?.refusal ?? null,
      awaits: fetches.get(key) ?? null,
    });
  });
}

/**
 * What those who wait have had lately, and what each is due: with this the queue puts them in order.
 * @param used the GPU time of each workspace
 */
export function standingOf(
  waiting: readonly WaitingOrder[],
  used: ReadonlyMap<string, number>,
  now: Date,
): Standing {
  const shares = new Map(
    waiting.map(({ stand: { workspace }, shareWeight }) => [
      workspace,
      { usedShareSeconds: used.get(workspace) ?? 0, weight: shareWeight },
    ]),
  );
  return { shares, now: now.getTime() };
}

function waitingOrderOf(
  row: WaitingRow,
  known: OrderCircumstances &
    Pick<WaitingOrder, "otherModels" | "heldBy" | "awaits" | "beyondMaximum" | "imageRefusal">,
): WaitingOrder {
  const { kind, id, customer_id, workspace_id, node_count } = row;
  const ordered = { id, customer_id, workspace_id, gpu: row.gpu * node_count };
  return {
    workload: { kind, id },
    stand: {
      ...waitingOrder(ordered, row.ordered_at),
      priority: row.priority,
      limitSeconds: row.limit_seconds,
    },
    request: kind === "training" ? gangRequest(row, known) : placementRequest(row, known),
    payerId: row.payer_id,
    workspaceId: workspace_id,
    shareWeight: row.share_weight,
    quotaShare: kind === "training" ? gangShare(row) : quotaShare(row),
    otherModels: known.otherModels,
    heldBy: known.heldBy,
    awaits: known.awaits,
    beyondMaximum: known.beyondMaximum,
    imageRefusal: known.imageRefusal,
  };
}

function otherModelsOf(row: WaitingRow, priced: PricedModels): string[] {
  const named = row.config.gpu_model;
  if (named === undefined) return [];
  const unnamed = priced.modelsOf({ ...row, config: { ...row.config, gpu_model: undefined } });
  return (unnamed ?? []).filter((model) => model !== named);
}
