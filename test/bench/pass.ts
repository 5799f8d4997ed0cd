/**
 * One pass of the scheduler's core over 100,000 waiting orders on a fleet of 10,000 GPUs that is full: nothing fits but
 * little, the head's place is kept, and everyone is told why. Beside it a plain sort of the same orders by age.
 */
import { drawFrom } from "@remotegpu/control-plane/core/placement/scoring/draw";
import type { PlacementRequest } from "@remotegpu/control-plane/core/placement/fleet/fits-on";
import { Placer } from "@remotegpu/control-plane/core/placement/placer";
import { placedInstances } from "@remotegpu/control-plane/core/placement/placement";
import type { QueuedOrder } from "@remotegpu/control-plane/core/queue/fleet-room";
import { planPass } from "@remotegpu/control-plane/core/queue/pass-plan";
import type { Waiting } from "@remotegpu/control-plane/core/queue/queue";
import type { RunningWork } from "@remotegpu/control-plane/core/queue/reservation";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";
import { fleetOf, orders, usual } from "./published-mix.ts";

const ROUNDS = 5;
const WAITING = 100_000;
const WORKSPACES = 1_000;
const GPUS = 10_000;
const NOW = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

type Order = Waiting & QueuedOrder;

export async function measurePass(say: (line: string) => void): Promise<void> {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => measureOnce(round + 1));
  say(headLine(`A pass over ${WAITING} waiting orders, ${GPUS} GPUs (${ROUNDS} rounds)`));
  say(
    ratioLine(
      "the pass, to a plain sort of the orders by age",
      rounds.map(({ passMs, sortMs }) => ({ ours: passMs, bare: sortMs })),
    ),
  );
  say(
    valuesLine(
      "the pass",
      rounds.map(({ passMs }) => passMs),
      "ms",
    ),
  );
  const started = rounds.map((round) => round.started);
  say(`  started in it: ${Math.min(...started)} to ${Math.max(...started)} orders`);
}

function measureOnce(seed: number): { passMs: number; sortMs: number; started: number } {
  const draw = drawFrom(seed);
  const options = { policy: "default", seed, now: NOW, typical: usual() } as const;
  const placer = new Placer(fleetOf(GPUS, draw), options);
  const next = orders(draw);
  const running: RunningWork[] = [];
  for (let refused = 0; refused < 2_000;) {
    const request = next();
    const places = placer.place(request);
    if (places === null) refused += 1;
    else {
      const endsAtMs = draw(2) === 0 ? null : NOW + draw(24) * HOUR_MS;
      for (const { hostId, gpus } of placedInstances(placer.state, places))
        running.push({ ...request, hostId, gpus, endsAtMs });
    }
  }
  const waiting = Array.from({ length: WAITING }, (_, index) => anOrder(index, next(), draw));
  const fleet = placer.state.toFleet();
  const sorted = msOf(() => waiting.toSorted((a, b) => a.orderedAtMs - b.orderedAtMs));
  const { ms, value } = msOf(() =>
    planPass({
      fleet,
      running,
      orders: waiting,
      sharers: { payers: new Map(), workspaces: new Map(), head: null },
      options,
    }),
  );
  return { passMs: ms, sortMs: sorted.ms, started: value.placed.length };
}

function anOrder(index: number, request: PlacementRequest, draw: (below: number) => number): Order {
  const id = `order-${String(index).padStart(6, "0")}`;
  const workspace = draw(WORKSPACES);
  return {
    id,
    request: { ...request, id },
    payer: `p${workspace}`,
    workspace: `w${workspace}`,
    priority: 0,
    orderedAtMs: NOW - draw(24) * HOUR_MS,
    demand: { cpuMilli: request.cpuMilli, memoryMib: request.memoryMib, gpuThousandths: 1000 },
    limitSeconds: draw(2) === 0 ? null : 3600 * (1 + draw(24)),
    heldBack: null,
  };
}

function msOf<T>(work: () => T): { ms: number; value: T } {
  const began = performance.now();
  const value = work();
  return { ms: performance.now() - began, value };
}
