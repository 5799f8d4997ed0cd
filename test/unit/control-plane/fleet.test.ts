import { expect, test } from "vitest";
import {
  assertSound,
  byId,
  type Fleet,
  UnsoundFleetError,
} from "@remotegpu/control-plane/core/placement/fleet";
import { aGpu, aHost } from "../../support/fleet.ts";

const fleetOf = (...hosts: Fleet["hosts"]): Fleet => ({ hosts });

test("a snapshot whose numbers can be is sound, an empty fleet too", () => {
  expect(() => assertSound(fleetOf())).not.toThrow();
  expect(() => assertSound(fleetOf(aHost({ gpus: [aGpu()] }), aHost({ id: "host-b" })))).not.toThrow();
});

test.each<[string, Fleet]>([
  ["a host twice", fleetOf(aHost(), aHost())],
  ["a GPU on two hosts", fleetOf(aHost({ gpus: [aGpu()] }), aHost({ id: "host-b", gpus: [aGpu()] }))],
  ["negative free CPU", fleetOf(aHost({ freeCpuMilli: -1 }))],
  ["negative free memory", fleetOf(aHost({ freeMemoryMib: -1 }))],
  ["half a MiB of disk", fleetOf(aHost({ freeTempStorageMib: 0.5 }))],
  ["more than a whole card free", fleetOf(aHost({ gpus: [aGpu({ freeShareThousandths: 1001 })] }))],
  [
    "more memory free than the card has",
    fleetOf(aHost({ gpus: [aGpu({ memoryMib: 10, freeMemoryMib: 11 })] })),
  ],
  ["memory that is no number", fleetOf(aHost({ freeMemoryMib: Number.NaN }))],
])("a snapshot with %s is refused", (_what, fleet) => {
  expect(() => assertSound(fleet)).toThrow(UnsoundFleetError);
});

test("ids are ordered by code units, whatever the locale", () => {
  expect([{ id: "b" }, { id: "B" }, { id: "a" }].sort(byId)).toEqual([{ id: "B" }, { id: "a" }, { id: "b" }]);
});
