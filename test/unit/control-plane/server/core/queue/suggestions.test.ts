import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { describe, expect, test } from "vitest";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { type Leeway, suggestions } from "@remotegpu/control-plane/server/core/queue/suggestions";
import type { NamedWork } from "@remotegpu/control-plane/server/core/queue/turn";
import { aHost, gpusOf } from "../../../../../support/placement/fleet.ts";
import {
  anOrder,
  NO_SHARERS,
  OPTIONS,
  type TestOrder,
  work,
} from "../../../../../support/placement/queued-orders.ts";
import { HELD_WHOLE } from "../../../../../support/placement/whole-gpus.ts";

const gpus = (count: number, change: object = {}): GpuRequest => ({
  kind: "whole",
  count,
  leastMemoryMib: 0,
  models: null,
  ...change,
});
const NO_LEEWAY: Leeway = { otherModels: [], mayLimit: false };

interface Question {
  running?: NamedWork[];
  ahead?: TestOrder[];
  leeway?: Partial<Leeway>;
  order?: Partial<TestOrder>;
}

function suggested(
  fleet: Fleet,
  request: Partial<PlacementRequest>,
  { running = [], ahead = [], leeway = {}, order = {} }: Question = {},
) {
  const requesting = anOrder("asking", request, order);
  const scene = { fleet, running, orders: [...ahead, requesting], sharers: NO_SHARERS, options: OPTIONS };
  return suggestions(scene, requesting, { ...NO_LEEWAY, ...leeway });
}

const hosts = (...changes: Parameters<typeof aHost>[0][]): Fleet => ({
  hosts: changes.map((change, index) => aHost({ id: `h${index}`, ...change })),
});

describe("the largest that would start", () => {
  test.each<[string, Fleet, Partial<PlacementRequest>, object[]]>([
    [
      "CPU, in whole cores",
      hosts({ freeCpuMilli: 3500 }, { freeCpuMilli: 2000 }),
      { cpuMilli: 4000 },
      [{ change: "cpu", cpuMilli: 3000 }],
    ],
    ["no CPU where not even a core is free", hosts({ freeCpuMilli: 999 }), { cpuMilli: 4000 }, []],
    ["memory, to the MiB", hosts({ freeMemoryMib: 777 }), {}, [{ change: "memory", memoryMib: 777 }]],
    [
      "temporary storage",
      hosts({ freeTempStorageMib: 5 }),
      { tempStorageMib: 6 },
      [{ change: "temp-storage", tempStorageMib: 5 }],
    ],
    ["GPUs", hosts({ gpus: gpusOf("h0", 2) }), { gpu: gpus(3) }, [{ change: "gpu", count: 2 }]],
    [
      "memory of each GPU",
      hosts({ gpus: gpusOf("h0", 1) }),
      { gpu: gpus(1, { leastMemoryMib: 30_000 }) },
      [{ change: "gpu-memory", memoryMib: 24_576 }],
    ],
    [
      "a slice",
      hosts({ gpus: gpusOf("h0", 1, { use: "shared", freeShareThousandths: 500, freeMemoryMib: 1000 }) }),
      { gpu: { kind: "slice", memoryMib: 2000, shareThousandths: 0, models: null } },
      [{ change: "gpu-memory", memoryMib: 1000 }],
    ],
    [
      "number of instances",
      hosts({ gpus: gpusOf("h0", 2) }, { gpus: gpusOf("h1", 1) }),
      { gpu: gpus(1), instances: 5 },
      [{ change: "instances", count: 3 }],
    ],
    [
      "order without a label",
      hosts({ labels: { zone: "a" } }),
      { labels: { zone: "a", disk: "nvme" } },
      [{ change: "label", without: "disk" }],
    ],
  ])("%s", (_what, fleet, request, expected) => {
    expect(suggested(fleet, request)).toEqual(expected);
  });
});

test("another model is the first that would do", () => {
  const fleet = hosts({ gpus: gpusOf("h0", 1, { model: "B" }) }, { gpus: gpusOf("h1", 1, { model: "C" }) });

  expect(
    suggested(fleet, { gpu: gpus(1, { models: ["A"] }) }, { leeway: { otherModels: ["D", "C", "B"] } }),
  ).toEqual([{ change: "gpu-model", model: "C" }]);
});

test("a time limit is suggested to what is blocked by a head's place alone, where it may have one", () => {
  const [first, second] = gpusOf("h0", 2);
  const fleet = hosts({ gpus: [{ ...first!, ...HELD_WHOLE }, second!] });
  const running = [work("x", { hostId: "h0", cards: ["GPU-h0-0"], endsIn: 600 })];
  const ahead = [anOrder("head", { gpu: gpus(2) }, { age: 1 })];
  const request = (mayLimit: boolean) =>
    suggested(fleet, { gpu: gpus(1) }, { running, ahead, leeway: { mayLimit } }).filter(
      ({ change }) => change === "limit",
    );

  expect(request(true)).toEqual([{ change: "limit", seconds: 540 }]);
  expect(request(false)).toEqual([]);
});

test("the work to wait for is the last of them", () => {
  const running = [work("x", { hostId: "h0", cards: ["GPU-h0-0"] })];

  expect(suggested(hosts({ gpus: gpusOf("h0", 1, HELD_WHOLE) }), { gpu: gpus(1) }, { running })).toEqual([
    { change: "wait", workload: "x", endsAtMs: null },
  ]);
});

test("nothing is suggested to what is held back", () => {
  expect(
    suggested(
      hosts({ freeCpuMilli: 1000 }),
      { cpuMilli: 2000 },
      { order: { heldBack: asReported("Waiting.") } },
    ),
  ).toEqual([]);
});
