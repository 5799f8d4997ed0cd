/**
 * Decisions of the scheduler's core per second: a fleet kept full while work comes and goes. Each step one of what runs
 * ends and new work is placed until something does not fit. Beside it a plain look at every host, without an index.
 */
import type { PlacementRequest } from "@remotegpu/control-plane/core/placement/fleet/fits-on";
import { type Draw, drawFrom } from "@remotegpu/control-plane/core/placement/scoring/draw";
import { type Place, Placer } from "@remotegpu/control-plane/core/placement/placer";
import type { Policy } from "@remotegpu/control-plane/core/placement/scoring/policies";
import { fitsNow, requestShape } from "@remotegpu/control-plane/core/placement/fleet/request-shape";
import { collectGarbage } from "./garbage.ts";
import { fleetOf, orders, usual } from "./published-mix.ts";

const GPUS = [1_000, 10_000, 100_000];
const POLICIES: readonly Policy[] = ["best-fit", "default"];
const DECISIONS = 200_000;
const SCANS = 1_000;

export async function measureDecisions(say: (line: string) => void): Promise<void> {
  for (const gpus of GPUS)
    for (const policy of POLICIES) {
      const { perSecond, p50, p99, bytes, scanRatio } = measure(gpus, policy);
      const mib = Math.round(((bytes / gpus) * 10_000) / 2 ** 20);
      say(
        `${gpus} GPUs, ${policy}: ${Math.round(perSecond)} decisions/s, ${scanRatio.toFixed(1)}× a look at every host; ` +
          `p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs; ${mib} MiB per 10,000 GPUs`,
      );
    }
}

function measure(gpus: number, policy: Policy) {
  const draw = drawFrom(1);
  const before = memoryNow();
  const placer = new Placer(fleetOf(gpus, draw), { policy, seed: 1, now: 0, typical: usual() });
  const running: { request: PlacementRequest; places: Place[] }[] = [];
  const next = orders(draw);
  const tryNext = () => {
    const request = next();
    const places = placer.place(request);
    if (places !== null) running.push({ request, places });
    return places !== null;
  };
  for (let refused = 0; refused < 50;) refused = tryNext() ? refused : refused + 1;
  const bytes = memoryNow() - before;
  const took = new Float64Array(DECISIONS);
  const began = performance.now();
  for (let decision = 0; decision < DECISIONS;) {
    endOne(placer, running, draw);
    for (let more = true; more && decision < DECISIONS; decision += 1) {
      const asked = performance.now();
      more = tryNext();
      took[decision] = (performance.now() - asked) * 1000;
    }
  }
  const seconds = (performance.now() - began) / 1000;
  took.sort();
  return {
    perSecond: DECISIONS / seconds,
    p50: took[DECISIONS / 2] ?? 0,
    p99: took[DECISIONS * 0.99] ?? 0,
    bytes,
    scanRatio: secondsOfScan(placer, next) / (seconds / DECISIONS),
  };
}

function endOne(placer: Placer, running: { request: PlacementRequest; places: Place[] }[], draw: Draw): void {
  const at = draw(running.length);
  const ended = running[at];
  const last = running.pop();
  if (ended === undefined || last === undefined) return;
  if (ended !== last) running[at] = last;
  placer.release(ended.request, ended.places);
}

/** One decision without any index: whether it fits, asked of every host. */
function secondsOfScan({ state }: Placer, next: () => PlacementRequest): number {
  let seconds = 0;
  let fitting = 0;
  for (let scan = 0; scan < SCANS; scan += 1) {
    const shape = requestShape(state, next(), 0);
    const began = performance.now();
    for (let host = 0; host < state.hosts.length; host += 1) fitting += Number(fitsNow(state, shape, host));
    seconds += (performance.now() - began) / 1000;
  }
  return fitting < 0 ? 0 : seconds / SCANS;
}

function memoryNow(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
