import { expect, test } from "vitest";
import {
  assertSound,
  byId,
  type Fleet,
  type GpuCapacity,
  type GpuUse,
  UnsoundFleetError,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { aGpu, aHost } from "../../../../../../support/placement/fleet.ts";

const fleetOf = (...hosts: Fleet["hosts"]): Fleet => ({ hosts });

test("a snapshot whose numbers can be is sound, an empty fleet too", () => {
  expect(() => assertSound(fleetOf())).not.toThrow();
  expect(() => assertSound(fleetOf(aHost({ gpus: [aGpu()] }), aHost({ id: "host-b" })))).not.toThrow();
});

const withGpu = (change: Partial<GpuCapacity>) => fleetOf(aHost({ gpus: [aGpu(change)] }));

test.each<[Fleet, string]>([
  [fleetOf(aHost(), aHost()), "host host-a is listed twice"],
  [
    fleetOf(aHost({ gpus: [aGpu()] }), aHost({ id: "host-b", gpus: [aGpu()] })),
    "GPU GPU-00000000-a is listed twice",
  ],
  [fleetOf(aHost({ gpus: [aGpu(), aGpu({ uuid: "b" })] })), "card 0 of host host-a is listed twice"],
  [fleetOf(aHost({ freeCpuMilli: -1 })), "free CPU thousandths of host host-a is -1"],
  [fleetOf(aHost({ freeMemoryMib: -1 })), "free memory of host host-a is -1"],
  [fleetOf(aHost({ freeMemoryMib: Number.NaN })), "free memory of host host-a is NaN of NaN"],
  [fleetOf(aHost({ freeMemoryMib: Number.NaN, totalMemoryMib: 5 })), "free memory of host host-a is NaN"],
  [fleetOf(aHost({ freeTempStorageMib: 0.5, totalTempStorageMib: 1 })), "free disk of host host-a is 0.5"],
  [
    fleetOf(aHost({ freeCpuMilli: 1001, totalCpuMilli: 1000 })),
    "free CPU thousandths of host host-a is 1001 of 1000",
  ],
  [fleetOf(aHost({ freeMemoryMib: 2, totalMemoryMib: 1 })), "free memory of host host-a is 2 of 1"],
  [fleetOf(aHost({ freeTempStorageMib: 2, totalTempStorageMib: 1 })), "free disk of host host-a is 2 of 1"],
  [fleetOf(aHost({ totalMemoryMib: 0.5 })), "free memory of host host-a is 65536 of 0.5"],
  [withGpu({ memoryMib: Number.NaN }), "memory of GPU GPU-00000000-a is NaN"],
  [withGpu({ memoryMib: -1 }), "memory of GPU GPU-00000000-a is -1"],
  [withGpu({ index: 0.5 }), "index of GPU GPU-00000000-a is 0.5"],
  [withGpu({ island: Number.NaN }), "NVLink island of GPU GPU-00000000-a is NaN"],
  [withGpu({ freeShareThousandths: -1 }), "free share of GPU GPU-00000000-a is -1"],
  [withGpu({ freeShareThousandths: 1001 }), "free share of GPU GPU-00000000-a is 1001 of 1000"],
  [withGpu({ memoryMib: 10, freeMemoryMib: 11 }), "free memory of GPU GPU-00000000-a is 11 of 10"],
  [
    withGpu({ freeShareThousandths: 999 }),
    "GPU GPU-00000000-a is idle, but 999 thousandths and 24576 of 24576 MiB are free",
  ],
  [
    withGpu({ freeMemoryMib: 24_575 }),
    "GPU GPU-00000000-a is idle, but 1000 thousandths and 24575 of 24576 MiB are free",
  ],
  [
    withGpu({ use: "exclusive", freeShareThousandths: 1 }),
    "GPU GPU-00000000-a is exclusive, but 1 thousandths and 0 of 24576 MiB are free",
  ],
  [
    withGpu({ use: "exclusive", freeMemoryMib: 1 }),
    "GPU GPU-00000000-a is exclusive, but 0 thousandths and 1 of 24576 MiB are free",
  ],
  [
    withGpu({ use: "shared", freeShareThousandths: 1000, freeMemoryMib: 24_576 }),
    "GPU GPU-00000000-a is shared, but 1000 thousandths and 24576 of 24576 MiB are free",
  ],
  [
    fleetOf(aHost({ gpus: [{ ...aGpu(), use: "borrowed" as GpuUse }] })),
    "GPU GPU-00000000-a is borrowed, but 1000 thousandths and 24576 of 24576 MiB are free",
  ],
])("a snapshot that cannot be is refused %#: $1", (fleet, message) => {
  expect(() => assertSound(fleet)).toThrow(new UnsoundFleetError(message));
});

test.each<[string, Fleet]>([
  ["all of a host is free", fleetOf(aHost({ freeCpuMilli: 1000, totalCpuMilli: 1000 }))],
  ["nothing of a host is free", fleetOf(aHost({ freeCpuMilli: 0, freeMemoryMib: 0, freeTempStorageMib: 0 }))],
  [
    "a host says that it has less than nothing, and gives nothing",
    fleetOf(aHost({ totalMemoryMib: -5, freeMemoryMib: 0 })),
  ],
  ["a card is of unknown size", withGpu({ memoryMib: 0 })],
  ["a card is held whole", withGpu({ use: "exclusive" })],
  ["a card's share is all given", withGpu({ use: "shared", freeShareThousandths: 0, freeMemoryMib: 7 })],
  ["a card's memory is all given", withGpu({ use: "shared", freeMemoryMib: 0 })],
  ["a card has given one thousandth", withGpu({ use: "shared", freeShareThousandths: 999 })],
])("%s: that can be", (_what, fleet) => {
  expect(() => assertSound(fleet)).not.toThrow();
});

test("ids are ordered by code units, whatever the locale", () => {
  expect([{ id: "b" }, { id: "B" }, { id: "a" }].sort(byId)).toEqual([{ id: "B" }, { id: "a" }, { id: "b" }]);
});
