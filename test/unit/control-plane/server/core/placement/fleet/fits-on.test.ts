import { expect, test } from "vitest";
import type { HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import {
  describeObstacle,
  type Obstacle,
  obstaclesOn,
  type PlacementRequest,
  sliceShare,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { aGpu, aHost, aRequest, gpusOf } from "../../../../../../support/placement/fleet.ts";

const NOW = 1_000_000;
const twoGpus = aHost({ gpus: gpusOf("host-a", 2) });
const whole = (count: number, leastMemoryMib = 0, models: string[] | null = null) =>
  ({ kind: "whole", count, leastMemoryMib, models }) as const;

test.each<[string, HostCapacity, Partial<PlacementRequest>, Obstacle["kind"][]]>([
  ["exactly the CPU that is free", aHost({ freeCpuMilli: 1000 }), { cpuMilli: 1000 }, []],
  ["one thousandth more CPU", aHost({ freeCpuMilli: 1000 }), { cpuMilli: 1001 }, ["cpu"]],
  ["exactly the memory that is free", aHost({ freeMemoryMib: 512 }), { memoryMib: 512 }, []],
  ["one MiB more memory", aHost({ freeMemoryMib: 512 }), { memoryMib: 513 }, ["memory"]],
  ["one MiB more disk", aHost({ freeTempStorageMib: 10 }), { tempStorageMib: 11 }, ["temp-storage"]],
  ["a cordoned host", aHost({ closed: "cordoned" }), {}, ["host-closed"]],
  ["a host that anybody shares", aHost(), { payer: 7 }, []],
  ["a host that is kept to one payer, and empty", aHost({ payers: new Map() }), { payer: 7 }, []],
  ["a host that is kept to the same payer", aHost({ payers: new Map([[7, 2]]) }), { payer: 7 }, []],
  [
    "a host that is kept to another payer",
    aHost({ payers: new Map([[8, 1]]) }),
    { payer: 7 },
    ["other-payer"],
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
    ["other-payer"],
  ],
  [
    "a host that is kept to one payer, whoever asks",
    aHost({ payers: new Map([[8, 1]]) }),
    {},
    ["other-payer"],
  ],
  ["the pool of its files", aHost({ storagePool: "p1" }), { storagePool: "p1" }, []],
  ["another pool", aHost({ storagePool: "p1" }), { storagePool: "p2" }, ["other-pool"]],
  [
    "a pool that is skipped",
    aHost({ storagePool: "p1" }),
    { skips: [{ storagePool: "p1", reason: "mount missing", untilMs: NOW + 1 }] },
    ["pool-skipped"],
  ],
  [
    "a host that is skipped",
    aHost({ id: "h-bad" }),
    { skips: [{ hostId: "h-bad", reason: "its card failed", untilMs: NOW + 1 }] },
    ["host-skipped"],
  ],
  [
    "a host beside one that is skipped, and one whose skip has passed",
    aHost({ id: "h-good" }),
    {
      skips: [
        { hostId: "h-bad", reason: "", untilMs: NOW + 1 },
        { hostId: "h-good", reason: "", untilMs: NOW },
      ],
    },
    [],
  ],
  [
    "a pool whose skip has just passed",
    aHost({ storagePool: "p1" }),
    { skips: [{ storagePool: "p1", reason: "mount missing", untilMs: NOW }] },
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
    ["agent-too-old"],
  ],
  ["all GPUs of the host", twoGpus, { gpu: whole(2) }, []],
  ["more GPUs than the host has", twoGpus, { gpu: whole(3) }, ["no-such-gpu"]],
  ["a GPU of just the memory", twoGpus, { gpu: whole(1, 24_576) }, []],
  ["a GPU of more memory", twoGpus, { gpu: whole(1, 24_577) }, ["no-such-gpu"]],
  ["a GPU of another model", twoGpus, { gpu: whole(1, 0, ["NVIDIA H100"]) }, ["no-such-gpu"]],
  [
    "a GPU where all are held",
    aHost({ gpus: [aGpu({ use: "exclusive" })] }),
    { gpu: whole(1) },
    ["gpu-busy"],
  ],
  [
    "a whole GPU where one is cut",
    aHost({ gpus: [aGpu({ use: "shared" })] }),
    { gpu: whole(1) },
    ["gpu-busy"],
  ],
  [
    "a GPU that is cordoned",
    aHost({ gpus: [aGpu({ closed: "is cordoned" })] }),
    { gpu: whole(1) },
    ["gpu-busy", "gpu-closed"],
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
    ["gpu-busy"],
  ],
  [
    "a slice of a card held whole",
    aHost({ gpus: [aGpu({ use: "exclusive", freeMemoryMib: 0 })] }),
    { gpu: { kind: "slice", memoryMib: 1, shareThousandths: 0, models: null } },
    ["gpu-busy"],
  ],
  ["two things at once", aHost({ freeCpuMilli: 0, freeMemoryMib: 0 }), {}, ["cpu", "memory"]],
])("asking for %s", (_what, host, request, kinds) => {
  const obstacles = obstaclesOn(host, aRequest(request), NOW);

  expect(obstacles.map(({ kind }) => kind)).toEqual(kinds);
  for (const obstacle of obstacles) expect(describeObstacle(obstacle)).not.toBe("");
});

test("an agent that is too old is named with what it cannot do", () => {
  expect(describeObstacle({ kind: "agent-too-old", lacks: "gangs" })).toBe(
    "its agent is too old: it cannot join the ranks of a gang over several hosts",
  );
  expect(describeObstacle({ kind: "agent-too-old", lacks: "teleport" })).toBe(
    "its agent is too old: it cannot do what is called teleport",
  );
});

test("an obstacle names both numbers", () => {
  expect(describeObstacle({ kind: "cpu", requestedMilli: 1500, freeMilli: 500 })).toBe(
    "1.5 CPU cores asked, 0.5 free",
  );
  expect(describeObstacle({ kind: "cpu", requestedMilli: 1000, freeMilli: 0 })).toBe(
    "1 CPU core asked, 0 free",
  );
  expect(describeObstacle({ kind: "no-such-gpu", request: "2 × GPU", cards: 1 })).toBe(
    "asked for 2 × GPU, the host has 1 such",
  );
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
