/**
 * Fleets and requests at random, small enough that hosts are often full, alike, or just too small: cards of several
 * sizes and models in one host, some closed, held or cut; islands known, unknown or known in part; labels, racks, images,
 * pools and old agents; some hosts kept to one payer.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import * as fc from "fast-check";
import type {
  Fleet,
  GpuCapacity,
  HostCapacity,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  type CountedShape,
  typicalShapes,
} from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import { CLOSED } from "./fleet.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const POOLS = ["pool-1", "pool-2"];
const IMAGES = ["image-1", "image-2"];
const FEATURE = "image-fetches";
const SIZES = [8_000, 16_000];
const PAYERS = [1, 2];

const anyModels = fc.constantFrom(null, null, null, ["A"], ["B"], ["A", "B"], []);
const rarely = (reason: typeof CLOSED) => fc.constantFrom(null, null, null, null, null, reason);

type Card = Omit<GpuCapacity, "uuid" | "index">;

const anyCard: fc.Arbitrary<Card> = fc
  .record({
    model: fc.constantFrom("A", "A", "A", "B"),
    memoryMib: fc.constantFrom(...SIZES, 16_000, 16_000),
    island: fc.constantFrom(null, 0, 0, 1, 1),
    closed: rarely(CLOSED),
    use: fc.constantFrom("idle", "idle", "idle", "idle", "exclusive", "shared"),
    freeShareThousandths: fc.integer({ min: 0, max: THOUSANDTHS - 1 }),
    freeMemoryMib: fc.integer({ min: 0, max: 8_000 }),
  })
  .map((card) => {
    if (card.use === "shared") return card;
    const isIdle = card.use === "idle";
    return {
      ...card,
      freeShareThousandths: isIdle ? THOUSANDTHS : 0,
      freeMemoryMib: isIdle ? card.memoryMib : 0,
    };
  });

/** Mostly alike, as they are in a host. */
const anyCards: fc.Arbitrary<Card[]> = fc.oneof(
  fc.array(anyCard, { maxLength: 5 }),
  fc.tuple(anyCard, fc.integer({ min: 1, max: 5 })).map(([card, count]) => Array(count).fill(card)),
);

const anyHost = fc
  .record({
    storagePool: fc.constantFrom(...POOLS),
    closed: rarely(CLOSED),
    rack: fc.constantFrom(undefined, "r1", "r2", "r3"),
    zone: fc.constantFrom("north", "south"),
    images: fc.subarray(IMAGES),
    features: fc.constantFrom([], [FEATURE], [FEATURE, "another"]),
    cpu: fc.constantFrom(4_000, 8_000, 8_000, 16_000),
    heldCpu: fc.constantFrom(0, 0, 500, 4_000),
    memory: fc.constantFrom(4_000, 8_000),
    disk: fc.constantFrom(100, 1_000),
    storedTo: fc.constantFrom(null, null, null, [], [1], [2], [1, 2]),
    cards: anyCards,
  })
  .map(
    ({
      rack,
      zone,
      cpu,
      heldCpu,
      memory,
      disk,
      storedTo,
      cards,
      ...rest
    }): Omit<HostCapacity, "id" | "name" | "gpus"> & { cards: Card[] } => ({
      ...rest,
      labels: rack === undefined ? { zone } : { zone, rack },
      totalCpuMilli: cpu,
      freeCpuMilli: cpu - heldCpu,
      totalMemoryMib: memory,
      freeMemoryMib: memory,
      totalTempStorageMib: disk,
      freeTempStorageMib: disk,
      ...(storedTo !== null && { payers: new Map(storedTo.map((payer) => [payer, 1])) }),
      cards,
    }),
  );

export const anyFleet: fc.Arbitrary<Fleet> = fc.array(anyHost, { maxLength: 7 }).map((hosts) => ({
  hosts: hosts.map(({ cards, ...host }, index) => {
    const id = `h${index}`;
    const gpus = cards.map((card, position) => ({ ...card, uuid: `${id}-${position}`, index: position }));
    return { id, name: id, ...host, gpus };
  }),
}));

const anyGpuRequest: fc.Arbitrary<GpuRequest> = fc.oneof(
  fc.constant<GpuRequest>({ kind: "none" }),
  fc.record({
    kind: fc.constant("whole" as const),
    count: fc.constantFrom(1, 1, 2, 2, 3, 4),
    leastMemoryMib: fc.constantFrom(0, 0, 8_001, 16_000, 16_001),
    models: anyModels,
  }),
  fc.record({
    kind: fc.constant("slice" as const),
    memoryMib: fc.constantFrom(0, 1, 2_000, 4_000, 8_000, 8_001),
    shareThousandths: fc.constantFrom(0, 1, 250, 470, 500, 1_000),
    models: anyModels,
  }),
);

const anybodysRequest: fc.Arbitrary<PlacementRequest> = fc.record({
  id: fc.constant("ins-1"),
  instances: fc.constantFrom(1, 1, 1, 1, 2, 3, 5),
  distinctHosts: fc.boolean(),
  cpuMilli: fc.constantFrom(0, 500, 1_000, 2_000, 4_000),
  memoryMib: fc.constantFrom(100, 500, 1_000, 4_000),
  tempStorageMib: fc.constantFrom(0, 0, 50, 100),
  gpu: anyGpuRequest,
  labels: fc.constantFrom({}, {}, {}, { zone: "north" }, { zone: "south", rack: "r1" }, { tier: "1" }),
  features: fc.constantFrom([], [], [], [FEATURE]),
  image: fc.constantFrom(null, ...IMAGES),
  storagePool: fc.constantFrom(null, null, null, ...POOLS),
  skips: fc.constantFrom(
    [],
    [],
    [],
    [{ storagePool: "pool-1", reason: asReported("mount missing"), untilMs: 1_001 }],
    [{ storagePool: "pool-2", reason: asReported("mount missing"), untilMs: 1_000 }],
    [{ hostId: "h0", reason: asReported("its card failed"), untilMs: 1_001 }],
    [{ hostId: "h1", reason: asReported("its card failed"), untilMs: 1_000 }],
  ),
  apart: fc.constant([]),
});

export const anyRequest: fc.Arbitrary<PlacementRequest> = fc
  .tuple(anybodysRequest, fc.constantFrom(null, ...PAYERS))
  .map(([request, payer]) => (payer === null ? request : { ...request, payer }));

export const anyTypicalShapes: fc.Arbitrary<CountedShape[]> = fc
  .array(
    fc.record({
      cpuMilli: fc.constantFrom(0, 500, 1_000, 4_000),
      gpuCount: fc.constantFrom(0, 1, 1, 1, 2, 3, 4),
      share: fc.constantFrom(1, 250, 470, 500, 810, 1_000),
      models: anyModels,
      leastMemoryMib: fc.constantFrom(0, 0, 8_001),
      count: fc.integer({ min: 1, max: 50 }),
      memoryMib: fc.constantFrom(0, 100, 1_000, 4_000),
    }),
    { maxLength: 6 },
  )
  .map((shapes) =>
    typicalShapes(
      shapes.map(({ share, memoryMib, ...shape }) => ({
        ...shape,
        totalMemoryMib: shape.count * memoryMib,
        shareThousandths: shape.gpuCount === 0 ? 0 : shape.gpuCount === 1 ? share : THOUSANDTHS,
      })),
    ),
  );
