import { expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/core/placement/fleet/fleet-state";
import { type Gang, gangRoom } from "@remotegpu/control-plane/core/placement/gang";
import type { GpuWish } from "@remotegpu/control-plane/core/placement/fleet/fits-on";
import { requestShape } from "@remotegpu/control-plane/core/placement/fleet/request-shape";
import { aHost, aRequest, aSliceWish, aWholeWish, gpusOf } from "../../../../support/placement/fleet.ts";

interface Stand {
  rack?: string;
  gpus: number;
}

/** Hosts h0, h1, … as they are given; racks as lists of their numbers. */
function roomFor(stands: Stand[], gang: Gang, wish: GpuWish = aWholeWish(1)) {
  const hosts = stands.map(({ rack, gpus }, index) =>
    aHost({ id: `h${index}`, gpus: gpusOf(`h${index}`, gpus), labels: rack === undefined ? {} : { rack } }),
  );
  const state = new FleetState({ hosts });
  return gangRoom(state, requestShape(state, aRequest({ gpu: wish }), 0), gang);
}

const spread = (instances: number): Gang => ({ instances, distinctHosts: true });
const anywhere = (instances: number): Gang => ({ instances, distinctHosts: false });
const rack = (name: string, ...gpus: number[]): Stand[] => gpus.map((count) => ({ rack: name, gpus: count }));

test.each<{ what: string; stands: Stand[]; gang: Gang; fitting: number; racks: number[][] | null }>([
  { what: "no hosts at all", stands: [], gang: anywhere(2), fitting: 0, racks: null },
  { what: "exactly as many hosts", stands: rack("a", 1, 1), gang: spread(2), fitting: 2, racks: [[0, 1]] },
  { what: "one host short", stands: rack("a", 8), gang: spread(2), fitting: 1, racks: null },
  { what: "exactly as many cards", stands: rack("a", 2, 1), gang: anywhere(3), fitting: 3, racks: [[0, 1]] },
  { what: "one card short", stands: rack("a", 2, 1), gang: anywhere(4), fitting: 3, racks: null },
  {
    what: "more than enough is counted no further",
    stands: rack("a", 8, 8),
    gang: anywhere(3),
    fitting: 3,
    racks: [[0, 1]],
  },
  {
    what: "the tightest rack that takes them all",
    stands: [...rack("a", 4), ...rack("b", 3), ...rack("c", 2)],
    gang: anywhere(3),
    fitting: 3,
    racks: [[1]],
  },
  {
    what: "of equal racks the first by name, not by host",
    stands: [...rack("b", 2), ...rack("a", 2)],
    gang: anywhere(2),
    fitting: 2,
    racks: [[1]],
  },
  {
    what: "the fewest racks where none takes them all",
    stands: [...rack("a", 1), ...rack("b", 3), ...rack("c", 2), ...rack("d", 1)],
    gang: anywhere(5),
    fitting: 5,
    racks: [[1], [2]],
  },
  {
    what: "of those the last as tight as can be",
    stands: [...rack("a", 5), ...rack("b", 4), ...rack("c", 2), ...rack("d", 2)],
    gang: anywhere(7),
    fitting: 7,
    racks: [[0], [2]],
  },
  {
    what: "hosts without the label are one rack",
    stands: [{ gpus: 1 }, ...rack("a", 1), { gpus: 1 }],
    gang: anywhere(2),
    fitting: 2,
    racks: [[0, 2]],
  },
  {
    what: "a host that takes none is not among them",
    stands: rack("a", 1, 0, 1),
    gang: spread(2),
    fitting: 2,
    racks: [[0, 2]],
  },
  {
    what: "on distinct hosts a host counts once, however large",
    stands: [...rack("a", 8, 8), ...rack("b", 1, 1, 1)],
    gang: spread(3),
    fitting: 3,
    racks: [[2, 3, 4]],
  },
])("$what", ({ stands, gang, fitting, racks }) => {
  expect(roomFor(stands, gang)).toEqual({ fitting, racks });
});

test.each([
  { instances: 6, fitting: 6, racks: [[0]] },
  { instances: 7, fitting: 6, racks: null },
])("slices: a card takes $fitting of $instances, three to a card", ({ instances, fitting, racks }) => {
  const slice = aSliceWish({ memoryMib: 8_192 });

  expect(roomFor([{ gpus: 2 }], anywhere(instances), slice)).toEqual({ fitting, racks });
});
