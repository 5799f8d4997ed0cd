import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import {
  asReported,
  type Reason,
  type ReasonCode,
} from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";
import type { HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import {
  obstaclesOn,
  type PlacementRequest,
  sliceShare,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { CLOSED, aGpu, aHost, aRequest, gpusOf } from "../../../../../../support/placement/fleet.ts";

const NOW = 1_000_000;
const UNDRILLED: Reason = { code: "host-undrilled", params: {} };
const twoGpus = aHost({ gpus: gpusOf("host-a", 2) });
const whole = (count: number, leastMemoryMib = 0, models: string[] | null = null) =>
  ({ kind: "whole", count, leastMemoryMib, models }) as const;

test.each<[string, HostCapacity, Partial<PlacementRequest>, ReasonCode[]]>([
  ["exactly the CPU that is free", aHost({ freeCpuMilli: 1000 }), { cpuMilli: 1000 }, []],
  ["one thousandth more CPU", aHost({ freeCpuMilli: 1000 }), { cpuMilli: 1001 }, ["cpu-short"]],
  ["exactly the memory that is free", aHost({ freeMemoryMib: 512 }), { memoryMib: 512 }, []],
  ["one MiB more memory", aHost({ freeMemoryMib: 512 }), { memoryMib: 513 }, ["memory-short"]],
  ["one MiB more disk", aHost({ freeTempStorageMib: 10 }), { tempStorageMib: 11 }, ["temp-storage-short"]],
  ["a cordoned host", aHost({ closed: CLOSED }), {}, ["host-cordoned"]],
  ["a host without a drill", aHost({ undrilled: UNDRILLED }), {}, ["host-undrilled"]],
  [
    "a host without a drill, for a drill's canary",
    aHost({ undrilled: UNDRILLED, labels: { drill: "1" } }),
    { labels: { drill: "1" } },
    [],
  ],
  ["a host that anybody shares", aHost(), { payer: 7 }, []],
  ["a host that is kept to one payer, and empty", aHost({ payers: new Map() }), { payer: 7 }, []],
  ["a host that is kept to the same payer", aHost({ payers: new Map([[7, 2]]) }), { payer: 7 }, []],
  [
    "a host that is kept to another payer",
    aHost({ payers: new Map([[8, 1]]) }),
    { payer: 7 },
    ["host-shared-with-nobody"],
  ],
  [
    "a host that is kept to one payer, and had two before",
    aHost({
      payers: new Map([
        [7, 1],
        [8, 1],
      ]),
    }),
    { payer: 7 },
    ["host-shared-with-nobody"],
  ],
  [
    "a host that is kept to one payer, whoever asks",
    aHost({ payers: new Map([[8, 1]]) }),
    {},
    ["host-shared-with-nobody"],
  ],
  ["the pool of its files", aHost({ storagePool: "p1" }), { storagePool: "p1" }, []],
  ["another pool", aHost({ storagePool: "p1" }), { storagePool: "p2" }, ["other-storage-pool"]],
  [
    "a pool that is skipped",
    aHost({ storagePool: "p1" }),
    { skips: [{ storagePool: "p1", reason: asReported("mount missing"), untilMs: NOW + 1 }] },
    ["storage-pool-skipped"],
  ],
  [
    "a host that is skipped",
    aHost({ id: "h-bad" }),
    { skips: [{ hostId: "h-bad", reason: asReported("its card failed"), untilMs: NOW + 1 }] },
    ["host-skipped"],
  ],
  [
    "a host beside one that is skipped, and one whose skip has passed",
    aHost({ id: "h-good" }),
    {
      skips: [
        { hostId: "h-bad", reason: asReported(""), untilMs: NOW + 1 },
        { hostId: "h-good", reason: asReported(""), untilMs: NOW },
      ],
    },
    [],
  ],
  [
    "a pool whose skip has just passed",
    aHost({ storagePool: "p1" }),
    { skips: [{ storagePool: "p1", reason: asReported("mount missing"), untilMs: NOW }] },
    [],
  ],
  [
    "what its agent can do",
    aHost({ features: ["other", "image-fetches"] }),
    { features: ["image-fetches"] },
    [],
  ],
  [
    "what its agent cannot do",
    aHost({ features: ["other"] }),
    { features: ["image-fetches"] },
    ["agent-lacks-feature"],
  ],
  ["all GPUs of the host", twoGpus, { gpu: whole(2) }, []],
  ["more GPUs than the host has", twoGpus, { gpu: whole(3) }, ["gpu-not-on-host"]],
  ["a GPU of just the memory", twoGpus, { gpu: whole(1, 24_576) }, []],
  ["a GPU of more memory", twoGpus, { gpu: whole(1, 24_577) }, ["gpu-not-on-host"]],
  ["a GPU of another model", twoGpus, { gpu: whole(1, 0, ["NVIDIA H100"]) }, ["gpu-not-on-host"]],
  [
    "a GPU where all are held",
    aHost({ gpus: [aGpu({ use: "exclusive" })] }),
    { gpu: whole(1) },
    ["gpus-busy"],
  ],
  [
    "a whole GPU where one is cut",
    aHost({ gpus: [aGpu({ use: "shared" })] }),
    { gpu: whole(1) },
    ["gpus-busy"],
  ],
  [
    "a GPU that is cordoned",
    aHost({ gpus: [aGpu({ closed: CLOSED })] }),
    { gpu: whole(1) },
    ["gpus-busy", "host-cordoned"],
  ],
  [
    "a slice of just what is free",
    aHost({ gpus: [aGpu({ use: "shared", freeMemoryMib: 100 })] }),
    { gpu: { kind: "slice", memoryMib: 100, shareThousandths: 0, models: null } },
    [],
  ],
  [
    "a slice of one MiB more",
    aHost({ gpus: [aGpu({ use: "shared", freeMemoryMib: 100 })] }),
    { gpu: { kind: "slice", memoryMib: 101, shareThousandths: 0, models: null } },
    ["gpus-busy"],
  ],
  [
    "a slice of a card held whole",
    aHost({ gpus: [aGpu({ use: "exclusive", freeMemoryMib: 0 })] }),
    { gpu: { kind: "slice", memoryMib: 1, shareThousandths: 0, models: null } },
    ["gpus-busy"],
  ],
  ["two things at once", aHost({ freeCpuMilli: 0, freeMemoryMib: 0 }), {}, ["cpu-short", "memory-short"]],
])("requesting %s", (_what, host, request, kinds) => {
  const obstacles = obstaclesOn(host, aRequest(request), NOW);

  expect(obstacles.map(({ code }) => code)).toEqual(kinds);
});

const worded = (host: Partial<HostCapacity>, request: Partial<PlacementRequest>) =>
  obstaclesOn(aHost(host), aRequest(request), NOW).map(inEnglish);

test("an agent that is too old is named with what it cannot do", () => {
  expect(worded({}, { features: ["gangs", "teleport"] })).toEqual([
    "its agent is too old: it cannot join the ranks of a gang over several hosts",
    "its agent is too old: it cannot do what is called teleport",
  ]);
});

test("an obstacle names both numbers", () => {
  expect(worded({ freeCpuMilli: 500 }, { cpuMilli: 1500 })).toEqual(["1.5 CPU cores asked, 0.5 free"]);
  expect(worded({ freeCpuMilli: 0 }, { cpuMilli: 1000 })).toEqual(["1 CPU core asked, 0 free"]);
  expect(worded({ freeMemoryMib: 1 }, { memoryMib: 2 })).toEqual(["2 MiB of memory asked, 1 MiB free"]);
  expect(worded({ freeTempStorageMib: 1 }, { tempStorageMib: 2 })).toEqual([
    "2 MiB of temporary storage asked, 1 MiB free",
  ]);
});

test("a label is named with what is wanted and what is there", () => {
  expect(worded({ labels: { rack: "a" } }, { labels: { rack: "b", zone: "c" } })).toEqual([
    "its label rack is a, b is wanted",
    "it has no label zone, c is wanted",
  ]);
});

test("slices that fill a card's memory never exceed its share", () => {
  for (const [sliceMib, cardMib] of [
    [1, 3],
    [7, 49],
    [8192, 24_576],
    [24_576, 24_576],
  ] as const)
    expect(
      sliceShare({ memoryMib: sliceMib, shareThousandths: 0 }, cardMib) * Math.floor(cardMib / sliceMib),
    ).toBeLessThanOrEqual(1000);
});
