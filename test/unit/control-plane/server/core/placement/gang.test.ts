import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { type Gang, gangRoom } from "@remotegpu/control-plane/server/core/placement/gang";
import type { GpuRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import {
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
  gpusOf,
} from "../../../../../support/placement/fleet.ts";

interface Stand {
  rack?: string;
  gpus: number;
}

/** Hosts h0, h1, … as they are given; racks as lists of their numbers. */
function roomFor(stands: Stand[], gang: Gang, requestedGpu: GpuRequest = aWholeRequest(1)) {
  const hosts = stands.map(({ rack, gpus }, index) =>
    aHost({ id: `h${index}`, gpus: gpusOf(`h${index}`, gpus), labels: rack === undefined ? {} : { rack } }),
  );
  const state = new FleetState({ hosts });
  return gangRoom(state, requestShape(state, aRequest({ gpu: requestedGpu }), 0), gang);
}

const spread = (instances: number): Gang => ({ instances, distinctHosts: true, apart: [] });
const anywhere = (instances: number): Gang => ({ instances, distinctHosts: false, apart: [] });
const rack = (name: string, ...gpus: number[]): Stand[] => gpus.map((count) => ({ rack: name, gpus: count }));

test.each<{
  what: string;
  stands: Stand[];
  gang: Gang;
  alone: string[];
  fitting: number;
  racks: number[][] | null;
}>([
  {
    what: "is left out where there is room without it",
    stands: rack("a", 1, 4, 1),
    gang: anywhere(2),
    alone: ["h1"],
    fitting: 2,
    racks: [[0, 2]],
  },
  {
    what: "has it whole where there is none",
    stands: rack("a", 1, 4),
    gang: anywhere(3),
    alone: ["h1"],
    fitting: 3,
    racks: [[1]],
  },
  {
    what: "has no part of it beside another one",
    stands: rack("a", 1, 2),
    gang: anywhere(3),
    alone: ["h1"],
    fitting: 2,
    racks: null,
  },
  {
    what: "never has it where each rank is on a host of its own",
    stands: rack("a", 1, 4),
    gang: spread(2),
    alone: ["h1"],
    fitting: 1,
    racks: null,
  },
])("of a host that others do not find, a gang $what", ({ stands, gang, alone, fitting, racks }) => {
  const named = new Map(alone.map((id) => [id, id]));

  expect(roomFor(stands, { ...gang, alone: named })).toEqual({ fitting, racks });
});

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
  const slice = aSliceRequest({ memoryMib: 8_192 });

  expect(roomFor([{ gpus: 2 }], anywhere(instances), slice)).toEqual({ fitting, racks });
});

const apart = (...pairs: [string, string][]): Gang["apart"] =>
  pairs.map((hosts) => ({ hosts, names: hosts.join(" and ") }));

test.each<{ what: string; gpus: number[]; gang: Gang; racks: number[][] | null }>([
  {
    what: "goes elsewhere where there is an elsewhere",
    gpus: [1, 1, 1],
    gang: { ...spread(2), apart: apart(["h0", "h1"]) },
    racks: [[0, 2]],
  },
  {
    what: "waits where only those two are",
    gpus: [1, 1],
    gang: { ...spread(2), apart: apart(["h0", "h1"]) },
    racks: null,
  },
  {
    what: "may have the larger of the two alone",
    gpus: [1, 2],
    gang: { ...anywhere(2), apart: apart(["h0", "h1"]) },
    racks: [[1]],
  },
  {
    what: "finds three that all reach each other",
    gpus: [1, 1, 1, 1, 1],
    gang: { ...spread(3), apart: apart(["h0", "h1"], ["h1", "h2"], ["h0", "h3"]) },
    racks: [[0, 2, 4]],
  },
  {
    what: "does not care for hosts that are gone",
    gpus: [1, 1],
    gang: { ...spread(2), apart: apart(["h0", "h9"]) },
    racks: [[0, 1]],
  },
])("a gang that two hosts may not have together $what", ({ gpus, gang, racks }) => {
  expect(roomFor(rack("a", ...gpus), gang).racks).toEqual(racks);
});

const HOSTS = 5;
const anyPair = fc
  .tuple(fc.nat(HOSTS - 1), fc.nat(HOSTS - 1))
  .filter(([one, other]) => one < other)
  .map(([one, other]): [string, string] => [`h${one}`, `h${other}`]);

/** Each set of hosts of which no two are apart, by trying all. */
function largestTogether(pairs: readonly [string, string][]): number {
  const sets = Array.from({ length: 2 ** HOSTS }, (_, bits) =>
    Array.from({ length: HOSTS }, (_host, host) => `h${host}`).filter(
      (_host, host) => (bits >> host) % 2 === 1,
    ),
  );
  const sound = sets.filter((set) => !pairs.some((pair) => pair.every((host) => set.includes(host))));
  return Math.max(...sound.map((set) => set.length));
}

test("whichever hosts may not be had together, a gang finds its hosts where there are any", () => {
  fc.assert(
    fc.property(
      fc.array(anyPair, { maxLength: 5 }),
      fc.integer({ min: 2, max: HOSTS }),
      (pairs, instances) => {
        const stands = rack("a", ...Array.from({ length: HOSTS }, () => 1));

        const { racks } = roomFor(stands, { ...spread(instances), apart: apart(...pairs) });

        expect(racks !== null).toBe(instances <= largestTogether(pairs));
        const chosen = new Set(racks?.flat().map((host) => `h${host}`));
        expect(pairs.some((pair) => pair.every((host) => chosen.has(host)))).toBe(false);
      },
    ),
  );
});
