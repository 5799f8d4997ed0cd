/**
 * Decisions of the scheduler's core per second: a fleet kept full while work comes and goes. Each step one of what runs
 * ends and new work is placed until something does not fit. Sizes and orders are made up in the proportions of a
 * published cluster (Weng et al., ATC 2023): mostly hosts of eight cards, a third of the orders on part of a card.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Fleet, HostCapacity } from "@remotegpu/control-plane/core/placement/fleet";
import type { GpuWish, PlacementRequest } from "@remotegpu/control-plane/core/placement/fits-on";
import { type Draw, drawFrom } from "@remotegpu/control-plane/core/placement/draw";
import { type Place, Placer } from "@remotegpu/control-plane/core/placement/placer";
import type { Policy } from "@remotegpu/control-plane/core/placement/policies";
import { fitsNow, requestShape } from "@remotegpu/control-plane/core/placement/request-shape";
import { type CountedShape, typicalShapes } from "@remotegpu/control-plane/core/placement/typical-shapes";
import { THOUSANDTHS } from "@remotegpu/shared/units";

const GPUS = [1_000, 10_000, 100_000];
const POLICIES: readonly Policy[] = ["best-fit", "default"];
const DECISIONS = 200_000;
const SCANS = 1_000;
const CARD_MIB = 40_960;

/** Of 100 hosts. */
const HOST_KINDS = [
  { hosts: 55, gpus: 8, model: "A", cpuMilli: 96_000, memoryMib: 393_216 },
  { hosts: 33, gpus: 2, model: "B", cpuMilli: 104_000, memoryMib: 524_288 },
  { hosts: 9, gpus: 2, model: "C", cpuMilli: 16_000, memoryMib: 122_880 },
  { hosts: 3, gpus: 4, model: "D", cpuMilli: 32_000, memoryMib: 131_072 },
];

/** Cores, cards, thousandths of a card, of 1000 orders. */
const ORDERS: readonly (readonly [cores: number, gpus: number, share: number, orders: number])[] = [
  [3, 1, 810, 128],
  [11, 1, 1000, 200],
  [12, 1, 1000, 110],
  [3, 1, 1000, 60],
  [12, 1, 470, 90],
  [8, 1, 470, 45],
  [12, 0, 0, 45],
  [32, 0, 0, 35],
  [19, 1, 1000, 40],
  [12, 1, 650, 30],
  [4, 1, 320, 40],
  [10, 1, 1000, 30],
  [8, 0, 0, 30],
  [8, 1, 1000, 30],
  [4, 1, 230, 20],
  [6, 1, 460, 20],
  [16, 0, 0, 20],
  [4, 1, 160, 10],
  [16, 2, 1000, 7],
  [32, 4, 1000, 5],
  [64, 8, 1000, 5],
];

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

setFlagsFromString("--expose-gc");
const collectGarbage: unknown = runInNewContext("gc");

function memoryNow(): number {
  if (typeof collectGarbage === "function") collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fleetOf(gpus: number, draw: Draw): Fleet {
  const hosts: HostCapacity[] = [];
  for (let made = 0; made < gpus;) {
    let at = draw(100);
    const kind = HOST_KINDS.find(({ hosts: part }) => (at -= part) < 0) ?? HOST_KINDS[0];
    if (kind === undefined) break;
    hosts.push(hostOf(String(hosts.length).padStart(6, "0"), kind));
    made += kind.gpus;
  }
  return { hosts };
}

function hostOf(id: string, { gpus, model, cpuMilli, memoryMib }: (typeof HOST_KINDS)[number]): HostCapacity {
  const size = { cpuMilli, memoryMib, tempStorageMib: 1_000_000 };
  return {
    id,
    name: id,
    storagePool: id,
    closed: null,
    labels: {},
    images: [],
    totalCpuMilli: size.cpuMilli,
    totalMemoryMib: size.memoryMib,
    totalTempStorageMib: size.tempStorageMib,
    freeCpuMilli: size.cpuMilli,
    freeMemoryMib: size.memoryMib,
    freeTempStorageMib: size.tempStorageMib,
    gpus: Array.from({ length: gpus }, (_, index) => ({
      uuid: `${id}-${index}`,
      index,
      model,
      memoryMib: CARD_MIB,
      island: 0,
      closed: null,
      use: "idle",
      freeShareThousandths: THOUSANDTHS,
      freeMemoryMib: CARD_MIB,
    })),
  };
}

function usual(): CountedShape[] {
  return typicalShapes(
    ORDERS.map(([cores, gpuCount, shareThousandths, count]) => ({
      cpuMilli: cores * THOUSANDTHS,
      gpuCount,
      shareThousandths,
      models: null,
      leastMemoryMib: 0,
      count,
    })),
  );
}

function orders(draw: Draw): () => PlacementRequest {
  const total = ORDERS.reduce((sum, [, , , count]) => sum + count, 0);
  let made = 0;
  return () => {
    let at = draw(total);
    const [cores, count, share] = ORDERS.find(([, , , orders]) => (at -= orders) < 0) ?? [1, 0, 0];
    made += 1;
    return {
      id: `ins-${made}`,
      instances: 1,
      distinctHosts: false,
      cpuMilli: cores * THOUSANDTHS,
      memoryMib: 4096 * cores,
      tempStorageMib: 0,
      gpu: wishOf(count, share),
      labels: {},
      image: null,
      storagePool: null,
      skips: [],
    };
  };
}

function wishOf(count: number, share: number): GpuWish {
  if (count === 0) return { kind: "none" };
  if (share === THOUSANDTHS) return { kind: "whole", count, leastMemoryMib: 0, models: null };
  return { kind: "slice", memoryMib: 0, shareThousandths: share, models: null };
}
