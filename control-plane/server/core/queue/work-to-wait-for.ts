/** The running work whose end would start a waiting order: the first that promised to end, else what frees least. */
import type { Fleet } from "../placement/fleet/fleet.ts";
import { FleetState } from "../placement/fleet/fleet-state.ts";
import type { FleetRoom, QueuedOrder } from "./fleet-room.ts";
import { cardDemands } from "./reservation.ts";
import type { Waiting } from "./queue.ts";
import { type NamedWork, roomAtTurn, type WaitingInputs } from "./turn.ts";

/** Work whose end would leave enough on its hosts is tried in a pass of its own; so much of it at most. */
const MAX_TRIED = 8;

export function workToWaitFor<Order extends Waiting & QueuedOrder>(
  scene: WaitingInputs<Order>,
  requesting: Order,
  room: FleetRoom,
): { change: "wait"; workload: string; endsAtMs: number | null } | null {
  const promising = [...Map.groupBy(scene.running, ({ workload }) => workload)]
    .map(([workload, parts]) => ({ workload, parts, ...whenAndHowMuch(parts) }))
    .filter(({ parts }) => room.wouldStartAfter(requesting, parts))
    .sort((a, b) => byEnd(a.endsAtMs, b.endsAtMs) || a.freed - b.freed || (a.workload < b.workload ? -1 : 1));
  const found = promising.slice(0, MAX_TRIED).find(({ workload }) => {
    const running = scene.running.filter((work) => work.workload !== workload);
    const fleet = fleetWithout(scene, workload);
    return roomAtTurn({ ...scene, fleet, running }, requesting).wouldStart(requesting);
  });
  return found === undefined ? null : { change: "wait", workload: found.workload, endsAtMs: found.endsAtMs };
}

function whenAndHowMuch(parts: readonly NamedWork[]): { endsAtMs: number | null; freed: number } {
  let endsAtMs: number | null = 0;
  let freed = 0;
  for (const part of parts) {
    endsAtMs = endsAtMs === null || part.endsAtMs === null ? null : Math.max(endsAtMs, part.endsAtMs);
    freed += part.gpus.reduce((sum, { shareThousandths }) => sum + shareThousandths, 0);
  }
  return { endsAtMs, freed };
}

function byEnd(one: number | null, other: number | null): number {
  if (one === null || other === null) return Number(one === null) - Number(other === null);
  return one - other;
}

/** The fleet as it would be had the work ended. */
export function fleetWithout(
  { fleet, running }: { fleet: Fleet; running: readonly NamedWork[] },
  workload: string,
): Fleet {
  const state = new FleetState(fleet);
  for (const work of running) {
    const host = state.ordinalOf(work.hostId);
    if (work.workload === workload && host !== null) state.give(host, work, cardDemands(state, work.gpus));
  }
  return state.toFleet();
}
