/**
 * A fleet and orders in the proportions of a published cluster (Weng et al., ATC 2023): mostly hosts of eight cards, a
 * third of the orders on part of a card.
 */
import type { Fleet, HostCapacity } from "@remotegpu/control-plane/core/placement/fleet/fleet";
import type { GpuWish, PlacementRequest } from "@remotegpu/control-plane/core/placement/fleet/fits-on";
import type { Draw } from "@remotegpu/control-plane/core/placement/scoring/draw";
import {
  type CountedShape,
  typicalShapes,
} from "@remotegpu/control-plane/core/placement/scoring/typical-shapes";
import { THOUSANDTHS } from "@remotegpu/shared/units";

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

export function fleetOf(gpus: number, draw: Draw): Fleet {
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
    features: [],
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

export function usual(): CountedShape[] {
  return typicalShapes(
    ORDERS.map(([cores, gpuCount, shareThousandths, count]) => ({
      cpuMilli: cores * THOUSANDTHS,
      gpuCount,
      shareThousandths,
      models: null,
      leastMemoryMib: 0,
      count,
      totalMemoryMib: count * memoryOf(cores),
    })),
  );
}

export function orders(draw: Draw): () => PlacementRequest {
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
      memoryMib: memoryOf(cores),
      tempStorageMib: 0,
      gpu: wishOf(count, share),
      labels: {},
      features: [],
      image: null,
      storagePool: null,
      skips: [],
      apart: [],
    };
  };
}

function memoryOf(cores: number): number {
  return 4096 * cores;
}

function wishOf(count: number, share: number): GpuWish {
  if (count === 0) return { kind: "none" };
  if (share === THOUSANDTHS) return { kind: "whole", count, leastMemoryMib: 0, models: null };
  return { kind: "slice", memoryMib: 0, shareThousandths: share, models: null };
}
