/**
 * A fleet over time on paper: orders come, passes place them, what runs ends as it promised. One pass at each moment at
 * which something happens; what payers hold, and whose place is kept, goes from one to the next.
 */
import type { Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { PlacedInstance } from "@remotegpu/control-plane/server/core/placement/placement";
import type { Sharer } from "@remotegpu/control-plane/server/core/queue/fair-share";
import { NOTHING, plus } from "@remotegpu/control-plane/server/core/queue/share";
import { type PassPlan, planPass } from "@remotegpu/control-plane/server/core/queue/pass-plan";
import { cardDemands } from "@remotegpu/control-plane/server/core/queue/reservation";
import { fleetWithout } from "@remotegpu/control-plane/server/core/queue/work-to-wait-for";
import type { NamedWork } from "@remotegpu/control-plane/server/core/queue/turn";
import { NOW, OPTIONS, type TestOrder } from "./queued-orders.ts";

type QueueStateOfPass = Parameters<typeof planPass>[0]["sharers"];

export interface Pass {
  /** Milliseconds. */
  now: number;
  /** Before the pass. */
  fleet: Fleet;
  running: NamedWork[];
  orders: TestOrder[];
  payers: ReadonlyMap<string, Sharer>;
  plan: PassPlan<TestOrder>;
}

/** @param arrivals with the milliseconds at which they come as `orderedAtMs` */
export function historyOf(fleet: Fleet, arrivals: readonly TestOrder[]): Pass[] {
  const passes: Pass[] = [];
  const coming = arrivals.toSorted((a, b) => a.orderedAtMs - b.orderedAtMs);
  let running: NamedWork[] = [];
  let orders: TestOrder[] = [];
  let head: string | null = null;
  const known = new Map(arrivals.map((order) => [order.id, order]));
  const lastStarts = new Map<string, LastStart>();
  for (let now: number | null = NOW; now !== null; now = nextMoment(now, coming, running)) {
    for (const { workload } of running.filter(
      ({ endsAtMs }) => endsAtMs !== null && endsAtMs <= (now ?? 0),
    )) {
      fleet = fleetWithout({ fleet, running }, workload);
      running = running.filter((work) => work.workload !== workload);
    }
    orders = [
      ...orders,
      ...coming.splice(0, coming.filter(({ orderedAtMs }) => orderedAtMs <= (now ?? 0)).length),
    ];
    const payers = payersOf(running, { known, lastStarts });
    const sharers: QueueStateOfPass = { payers, workspaces: new Map(), head };
    const plan: PassPlan<TestOrder> = planPass({
      fleet,
      running,
      orders,
      sharers,
      options: { ...OPTIONS, now },
    });
    passes.push({ now, fleet, running, orders, payers, plan });
    head = plan.head?.job.id ?? null;
    for (const { order, instances, turn } of plan.placed) {
      const before = lastStarts.get(order.payer)?.turnMs ?? null;
      lastStarts.set(order.payer, { startMs: now, turnMs: turn.isPayers ? now : before });
      fleet = fleetWith(fleet, order, instances);
      running = [...running, ...workOf(order, instances, now)];
    }
    const placed = new Set(plan.placed.map(({ order }) => order));
    orders = orders.filter((order) => !placed.has(order));
  }
  return passes;
}

/** When a payer got a place last, and when that was the turn of what had waited longest; of it null where none was. */
type LastStart = { startMs: number; turnMs: number | null };

/** What each payer holds. */
function payersOf(
  running: readonly NamedWork[],
  {
    known,
    lastStarts,
  }: { known: ReadonlyMap<string, TestOrder>; lastStarts: ReadonlyMap<string, LastStart> },
): Map<string, Sharer> {
  const payers = new Map<string, Sharer>();
  for (const id of new Set(running.map(({ workload }) => workload))) {
    const order = known.get(id);
    if (order === undefined) continue;
    const { payer, demand } = order;
    const had = plus(payers.get(payer)?.had ?? NOTHING, demand);
    const last = lastStarts.get(payer);
    payers.set(payer, {
      had,
      weight: 1,
      lastStartMs: last?.startMs ?? null,
      lastTurnMs: last?.turnMs ?? null,
    });
  }
  return payers;
}

function nextMoment(now: number, coming: readonly TestOrder[], running: readonly NamedWork[]): number | null {
  const moments = [
    ...coming.map(({ orderedAtMs }) => orderedAtMs),
    ...running.flatMap(({ endsAtMs }) => endsAtMs ?? []),
  ].filter((moment) => moment > now);
  return moments.length === 0 ? null : Math.min(...moments);
}

export function fleetWith(fleet: Fleet, { request }: TestOrder, instances: readonly PlacedInstance[]): Fleet {
  const state = new FleetState(fleet);
  for (const { hostId, gpus } of instances) {
    const host = state.ordinalOf(hostId);
    if (host === null) throw new Error(`no host ${hostId}`);
    state.take(host, request, cardDemands(state, gpus));
  }
  return state.toFleet();
}

export function workOf(
  { id, request, limitSeconds }: TestOrder,
  instances: readonly PlacedInstance[],
  now: number,
): NamedWork[] {
  const { cpuMilli, memoryMib, tempStorageMib, payer } = request;
  const endsAtMs = limitSeconds === null ? null : now + limitSeconds * 1000;
  return instances.map(({ hostId, gpus }) => ({
    workload: id,
    hostId,
    gpus,
    cpuMilli,
    memoryMib,
    tempStorageMib,
    ...(payer !== undefined && { payer }),
    endsAtMs,
  }));
}
