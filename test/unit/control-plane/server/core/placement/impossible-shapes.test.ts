import { expect, test } from "vitest";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { impossibility } from "@remotegpu/control-plane/server/core/placement/impossibility";
import { ImpossibleShapes } from "@remotegpu/control-plane/server/core/placement/impossible-shapes";
import { aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";

const fleet = {
  hosts: [
    aHost({ id: "a", gpus: gpusOf("a", 2), labels: { rack: "1" }, storagePool: "near" }),
    aHost({ id: "b", gpus: gpusOf("b", 4), storagePool: "far" }),
  ],
};
const gpus = (count: number): Partial<PlacementRequest> => ({
  gpu: { kind: "whole", count, leastMemoryMib: 0, models: null },
});
const shapes: Partial<PlacementRequest>[] = [
  gpus(4),
  gpus(5),
  { ...gpus(4), labels: { rack: "1" } },
  { ...gpus(4), storagePool: "near" },
  { ...gpus(4), storagePool: "far" },
  { ...gpus(4), instances: 2 },
  { ...gpus(1), instances: 3 },
  { ...gpus(1), instances: 3, distinctHosts: true },
  { gpu: { kind: "whole", count: 1, leastMemoryMib: 10_000_000, models: null } },
  { gpu: { kind: "whole", count: 1, leastMemoryMib: 0, models: ["none such"] } },
  { cpuMilli: 1_000_000_000 },
  { memoryMib: 1_000_000_000 },
  { tempStorageMib: 1_000_000_000 },
  {},
];

test("each shape is answered as alone, whichever were requested before", () => {
  const known = new ImpossibleShapes(fleet);
  const requests = shapes.map((shape) => aRequest({ id: "one", ...shape }));
  const alone = requests.map((request) => impossibility(fleet, request));

  expect(requests.map((request) => known.of(request))).toEqual(alone);
  expect(requests.toReversed().map((request) => known.of(request))).toEqual(alone.toReversed());
  expect(alone.filter((found) => found === null)).not.toHaveLength(0);
  expect(alone.filter((found) => found !== null)).not.toHaveLength(0);
});
