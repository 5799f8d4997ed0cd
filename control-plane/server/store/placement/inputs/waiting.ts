/**
 * What waits for a place: every start that waits, of whatever kind, as the scheduler weighs it, from a few reads, however
 * many wait. Who of them may start is not asked here but at the commit.
 */
import { type OrderCircumstances, placementRequest, waitingOrder } from "../../../core/orders/order.ts";
import type { Quota } from "../../../core/orders/quota-levels.ts";
import type { PlacementRequest } from "../../../core/placement/fleet/fits-on.ts";
import type { Sharer } from "../../../core/queue/fair-share.ts";
import type { QueueState } from "../../../core/queue/queue.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { needsOf, rulesOf } from "../../../core/workloads/kinds.ts";
import { type StartName, startKey } from "../../../core/workloads/start.ts";
import { nameKey } from "../../../core/workloads/workload-name.ts";
import type { Connection } from "../../database/database.ts";
import { inSlices } from "../../database/in-slices.ts";
import { type AwaitedFetch, awaitedFetches } from "../../workloads/image-fetches.ts";
import { hostsAlone } from "../../hosts/host-addresses.ts";
import { imageNeedsOf } from "../../hosts/images/image-needs.ts";
import { registryListInForce } from "../../hosts/images/registry-list.ts";
import { type PricedModels, pricedModelsOf } from "../../orders/checks/priced-models.ts";
import { withoutTurn } from "../../training/job-arrays.ts";
import { pairSkipsInForce, skipsInForce } from "../../workloads/place-skips.ts";
import { holdersOfWaiting } from "./held-orders.ts";
import { type HadByAll, type Had, combined } from "./held-shares.ts";
import { type ReservedHead } from "./queue-head.ts";
import { spreadOf } from "./spread.ts";
import { type WaitingStart, waitingStarts } from "./waiting-rows.ts";

export interface WaitingOrder {
  start: StartName;
  /** As it was ordered, of which each instance has that much. */
  requested: WaitingStart["order"];
  /** What the queue orders it by. */
  stand: ReturnType<typeof waitingOrder>;
  request: PlacementRequest;
  payerId: number;
  /** Null outside of every workspace that is there. */
  workspaceId: number | null;
  /** The weight of its workspace, 1 without one; and of its payer. */
  shareWeight: number;
  payerWeight: number;
  /** What all of it takes of the quotas. */
  quotaShare: Quota;
  /** Models that it could name in place of the one it names. */
  otherModels: readonly string[];
  /** Hosts that have not confirmed yet that its last placement is over: until then it can have no other. */
  heldBy: readonly string[];
  /** A host fetches its image: until that is over it holds nothing and is placed nowhere. */
  awaits: AwaitedFetch | null;
  /** Why it is not its turn among those of its array; null where it is. */
  withoutTurn: Reason | null;
  /** Why its own maximum price keeps it from every model; null where it does not. */
  beyondMaximum: Reason | null;
  /** Why its image may not be used any more; null where it may. */
  imageRefusal: Reason | null;
  /** Why its payer's account lets nothing start; null where it does. */
  withoutFunds: Reason | null;
}

/** @param starts what waits, where that is asked already */
export async function waitingOrders(
  sql: Connection,
  { now, starts: requested = waitingStarts(sql) }: { now: Date; starts?: Promise<WaitingStart[]> },
): Promise<WaitingOrder[]> {
  const [waiting, list, skips, apart, holders, fetches, turns] = await Promise.all([
    requested,
    registryListInForce(sql),
    skipsInForce(sql, now),
    pairSkipsInForce(sql, now),
    holdersOfWaiting(sql),
    awaitedFetches(sql),
    withoutTurn(sql),
  ]);
  const orders = waiting.map(({ order }) => order);
  const starts = waiting.map(({ start }) => start);
  const [priced, needs, spread, alone] = await Promise.all([
    pricedModelsOf(sql, orders, now),
    imageNeedsOf(sql, orders, list),
    spreadOf(sql, starts, now),
    orders.some(({ instances }) => instances > 1) ? hostsAlone(sql) : undefined,
  ]);
  return await inSlices(waiting, (one, index) => {
    const key = startKey(one.start);
    return waitingOrderOf(one, {
      skips: skips.get(key) ?? [],
      apart,
      alone,
      spread: spread.get(nameKey(one.start)),
      pricedModels: priced.modelsOf(one.order),
      otherModels: otherModelsOf(one, priced),
      beyondMaximum: priced.beyondMaximum(one.order),
      heldBy: holders.get(key) ?? [],
      features: [...(needs[index]?.features ?? []), ...needsOf(one.order)],
      imageRefusal: needs[index]?.refusal ?? null,
      awaits: fetches.get(key) ?? null,
      withoutTurn: turns.get(key) ?? null,
    });
  });
}

/**
 * What those who wait hold and lately held, what each is due, and whose place is kept: with this the queue puts them in
 * order.
 */
export function sharersOf(
  waiting: readonly WaitingOrder[],
  { held, lately, head }: { held: HadByAll; lately: HadByAll; head: ReservedHead | null },
): Pick<QueueState, "payers" | "workspaces" | "head"> {
  const payers = new Map<string, Sharer>();
  const workspaces = new Map<string, Sharer>();
  for (const { stand, shareWeight, payerWeight } of waiting) {
    const { payer, workspace } = stand;
    if (!payers.has(payer))
      payers.set(payer, sharer(held.payers.get(payer), lately.payers.get(payer), payerWeight));
    if (!workspaces.has(workspace))
      workspaces.set(
        workspace,
        sharer(held.workspaces.get(workspace), lately.workspaces.get(workspace), shareWeight),
      );
  }
  const headKey = head && startKey(head.start);
  const stored = waiting.find(
    ({ start, stand }) => startKey(start) === headKey && stand.orderedAtMs === head?.orderedAtMs,
  );
  return { payers, workspaces, head: stored === undefined ? null : stored.stand.id };
}

function sharer(held: Had | undefined, lately: Had | undefined, weight: number): Sharer {
  const { held: had, lastStartMs, lastTurnMs } = combined(held, lately);
  return { had, weight, lastStartMs, lastTurnMs };
}

function waitingOrderOf(
  { start, order, urgency, shareWeight, payerWeight, withoutFunds }: WaitingStart,
  known: OrderCircumstances &
    Pick<
      WaitingOrder,
      "otherModels" | "heldBy" | "awaits" | "withoutTurn" | "beyondMaximum" | "imageRefusal"
    >,
): WaitingOrder {
  const key = startKey(start);
  return {
    start,
    requested: order,
    stand: waitingOrder(order, key, urgency),
    request: placementRequest(order, key, known),
    payerId: order.payerId,
    workspaceId: order.workspaceId,
    shareWeight,
    payerWeight,
    quotaShare: rulesOf(start.kind).share({ ...order, datasets: [], models: [] }),
    otherModels: known.otherModels,
    heldBy: known.heldBy,
    awaits: known.awaits,
    withoutTurn: known.withoutTurn,
    beyondMaximum: known.beyondMaximum,
    imageRefusal: known.imageRefusal,
    withoutFunds,
  };
}

function otherModelsOf({ order }: WaitingStart, priced: PricedModels): string[] {
  const named = order.gpuModel;
  if (named === null) return [];
  const unnamed = priced.modelsOf({ ...order, gpuModel: null });
  return (unnamed ?? []).filter((model) => model !== named);
}
