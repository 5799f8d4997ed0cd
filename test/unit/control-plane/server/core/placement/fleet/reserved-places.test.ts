import { expect, test } from "vitest";
import type { Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { reservedPlaces } from "@remotegpu/control-plane/server/core/placement/fleet/reserved-places";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import { CLOSED, aHost, aRequest, gpusOf } from "../../../../../../support/placement/fleet.ts";
import { HELD_WHOLE, wholeGpus } from "../../../../../../support/placement/whole-gpus.ts";

const cut = { use: "shared", freeShareThousandths: 400, freeMemoryMib: 9000 } as const;

function stored(fleet: Fleet, change: Partial<PlacementRequest>) {
  const state = new FleetState(fleet);
  const request = aRequest(change);
  return reservedPlaces(state, requestShape(state, request, 0), request).map(({ host, taken, cards }) => ({
    host: state.hosts[host]?.id,
    cpuMilli: taken.cpuMilli,
    cards: cards.map(({ card, shareThousandths }) => [state.cards[card]?.uuid, shareThousandths]),
  }));
}

const cards = (id: string, ...changes: object[]) =>
  gpusOf(id, changes.length).map((gpu, index) => ({ ...gpu, ...changes[index] }));

test("the host that misses the fewest cards is reserved, then the one that misses the least CPU", () => {
  const fleet = {
    hosts: [
      aHost({ id: "a", gpus: cards("a", {}, HELD_WHOLE, HELD_WHOLE) }),
      aHost({ id: "b", gpus: cards("b", {}, {}, HELD_WHOLE), totalCpuMilli: 16_000, freeCpuMilli: 500 }),
      aHost({ id: "c", gpus: cards("c", {}, {}, HELD_WHOLE), totalCpuMilli: 16_000, freeCpuMilli: 700 }),
    ],
  };

  expect(stored(fleet, { gpu: wholeGpus(3), cpuMilli: 1000 })).toEqual([
    {
      host: "c",
      cpuMilli: 700,
      cards: [
        ["GPU-c-0", 1000],
        ["GPU-c-1", 1000],
      ],
    },
  ]);
});

test("the rest of a card that is cut is reserved too, once idle ones do not reach", () => {
  const fleet = { hosts: [aHost({ id: "a", gpus: cards("a", cut, {}, HELD_WHOLE) })] };

  expect(stored(fleet, { gpu: wholeGpus(1) })[0]?.cards).toEqual([["GPU-a-1", 1000]]);
  expect(stored(fleet, { gpu: wholeGpus(3) })[0]?.cards).toEqual([
    ["GPU-a-1", 1000],
    ["GPU-a-0", 400],
  ]);
});

test("a slice keeps its part of the freest card", () => {
  const fleet = { hosts: [aHost({ id: "a", gpus: cards("a", HELD_WHOLE, cut) })] };
  const gpu: GpuRequest = { kind: "slice", memoryMib: 0, shareThousandths: 500, models: null };

  expect(stored(fleet, { gpu })[0]?.cards).toEqual([["GPU-a-1", 400]]);
});

test("a gang keeps as many hosts as it needs, or nothing", () => {
  const hosts = ["a", "b"].map((id) => aHost({ id, gpus: cards(id, {}, HELD_WHOLE) }));

  expect(stored({ hosts }, { gpu: wholeGpus(2), instances: 2 }).map(({ host }) => host)).toEqual(["a", "b"]);
  expect(stored({ hosts }, { gpu: wholeGpus(2), instances: 3 })).toEqual([]);
});

test("hosts that are closed, too small, or of another label are not reserved", () => {
  const hosts = [
    aHost({ id: "a", closed: CLOSED, gpus: gpusOf("a", 2) }),
    aHost({ id: "b", gpus: gpusOf("b", 1) }),
    aHost({ id: "c", gpus: gpusOf("c", 2), labels: { zone: "x" } }),
  ];

  expect(stored({ hosts }, { gpu: wholeGpus(2), labels: { zone: "y" } })).toEqual([]);
  expect(stored({ hosts }, { gpu: wholeGpus(2) }).map(({ host }) => host)).toEqual(["c"]);
});

test("a host with another payer's placements is reserved, the one that has the fewest, where no other host is", () => {
  const payers = (count: number) => ({ payers: new Map([[1, count]]) });
  const hosts = [
    aHost({ id: "a", gpus: cards("a", {}, HELD_WHOLE), ...payers(2) }),
    aHost({ id: "b", gpus: cards("b", HELD_WHOLE, HELD_WHOLE), ...payers(1) }),
    aHost({ id: "c", gpus: cards("c", HELD_WHOLE, HELD_WHOLE), payers: new Map() }),
  ];

  expect(stored({ hosts }, { gpu: wholeGpus(1), payer: 2 }).map(({ host }) => host)).toEqual(["c"]);
  expect(
    stored({ hosts: hosts.slice(0, 2) }, { gpu: wholeGpus(1), payer: 2 }).map(({ host }) => host),
  ).toEqual(["b"]);
  expect(stored({ hosts }, { gpu: wholeGpus(1), payer: 1 }).map(({ host }) => host)).toEqual(["a"]);
});
