import { describe, expect, test } from "vitest";
import type { Fleet, HostCapacity } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { UnsoundFleetError } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { placedInstances } from "@remotegpu/control-plane/server/core/placement/placement";
import { Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import { POLICIES } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { UnsoundRequestError } from "@remotegpu/control-plane/server/core/placement/fleet/sound-request";
import {
  CLOSED,
  aCountedShape,
  aGpu,
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
  gpusOf,
} from "../../../../../support/placement/fleet.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";

const OPTIONS = { policy: "best-fit", seed: 1, now: 1_000 } as const;

const placerOf = (...hosts: HostCapacity[]) => new Placer({ hosts }, OPTIONS);
const host = (id: string, gpus: number, change: Partial<HostCapacity> = {}) =>
  aHost({ id, gpus: gpusOf(id, gpus), ...change });

/** The hosts of a request's instances by rank, or null. */
function hostsOf(placer: Placer, request: Partial<PlacementRequest>): string[] | null {
  const places = placer.place(aRequest(request));
  return places === null ? null : placedInstances(placer.state, places).map(({ hostId }) => hostId);
}

function cardsOf(placer: Placer, request: Partial<PlacementRequest>): string[] {
  const places = placer.place(aRequest(request)) ?? [];
  return placedInstances(placer.state, places).flatMap(({ gpus }) => gpus.map(({ uuid }) => uuid));
}

/** Cards whose islands are given, those of another host numbered on. */
function linked(id: string, ...islands: (number | null)[]): HostCapacity {
  return aHost({
    id,
    gpus: islands.map((island, index) => aGpu({ uuid: `${id}-${index}`, index, island })),
  });
}

describe("one instance", () => {
  test.each<[string, HostCapacity[], Partial<PlacementRequest>, string[] | null]>([
    ["no host at all", [], {}, null],
    ["a host that is just large enough", [aHost({ freeCpuMilli: 1000 })], { cpuMilli: 1000 }, ["host-a"]],
    ["a host that lacks a thousandth", [aHost({ freeCpuMilli: 999 })], { cpuMilli: 1000 }, null],
    ["equal hosts: the first by id", [host("b", 1), host("a", 1)], { gpu: aWholeRequest(1) }, ["a"]],
    [
      "the image decides between equals",
      [host("a", 1), host("b", 1, { images: ["i"] })],
      { image: "i" },
      ["b"],
    ],
    ["an image that none has decides nothing", [host("a", 1), host("b", 1)], { image: "i" }, ["a"]],
    [
      "the policy goes before the image",
      [host("a", 8, { images: ["i"] }), host("b", 0)],
      { image: "i" },
      ["b"],
    ],
    [
      "a label that only one carries",
      [host("a", 1), host("b", 1, { labels: { zone: "x" } })],
      { labels: { zone: "x" } },
      ["b"],
    ],
    ["a label of another value", [host("a", 1, { labels: { zone: "y" } })], { labels: { zone: "x" } }, null],
    [
      "the pool of its files",
      [host("a", 1), host("b", 1, { storagePool: "p" })],
      { storagePool: "p" },
      ["b"],
    ],
    ["a closed host", [host("a", 1, { closed: CLOSED }), host("b", 8)], {}, ["b"]],
    [
      "a pool that is skipped",
      [host("a", 1), host("b", 8)],
      { skips: [{ storagePool: "pool-a", reason: asReported(""), untilMs: 1_001 }] },
      ["b"],
    ],
    [
      "a skip that has just passed",
      [host("a", 1), host("b", 8)],
      { skips: [{ storagePool: "pool-a", reason: asReported(""), untilMs: 1_000 }] },
      ["a"],
    ],
  ])("%s", (_what, hosts, request, places) => {
    expect(hostsOf(placerOf(...hosts), request)).toEqual(places);
  });

  test("what was given back is there again for the next", () => {
    const placer = placerOf(host("a", 1));
    const request = aRequest({ gpu: aWholeRequest(1) });
    const places = placer.place(request);
    expect(placer.place(request)).toBeNull();

    placer.release(request, places ?? []);

    expect(hostsOf(placer, request)).toEqual(["a"]);
  });

  test("of closed cards none is taken", () => {
    const gpus = [aGpu({ closed: CLOSED }), aGpu({ uuid: "good", index: 1 })];
    const placer = placerOf(aHost({ gpus }));

    expect(cardsOf(placer, { gpu: aWholeRequest(1) })).toEqual(["good"]);
    expect(placer.place(aRequest({ gpu: aSliceRequest({ shareThousandths: 1 }) }))).toBeNull();
  });

  test("slices never take more of a card's memory than it has, though its share would do", () => {
    const placer = placerOf(aHost({ gpus: [aGpu({ memoryMib: 1_000 })] }));
    const slice = { gpu: aSliceRequest({ memoryMib: 333, shareThousandths: 1 }) };

    expect([1, 2, 3, 4].map(() => hostsOf(placer, slice) !== null)).toEqual([true, true, true, false]);
  });
});

describe("NVLink", () => {
  const pair = { gpu: aWholeRequest(2) };

  test.each<[string, HostCapacity[], Partial<PlacementRequest>, string[]]>([
    [
      "a host with an island goes before a tighter one without",
      [linked("a", 0, 1), linked("b", 0, 0, 1)],
      pair,
      ["b"],
    ],
    ["of hosts with islands the policy chooses", [linked("a", 0, 0, 0), linked("b", 0, 0)], pair, ["b"]],
    ["unknown islands count as one", [linked("a", null, null), linked("b", 0, 0)], pair, ["a"]],
    ["a host without an island is better than none", [linked("a", 0, 1)], pair, ["a"]],
    [
      "for one card islands are no matter",
      [linked("a", 0, 1), linked("b", 0, 0, 0)],
      { gpu: aWholeRequest(1) },
      ["a"],
    ],
  ])("%s", (_what, hosts, request, places) => {
    expect(hostsOf(placerOf(...hosts), request)).toEqual(places);
  });

  test("an instance stays in the tightest island of its host", () => {
    expect(cardsOf(placerOf(linked("a", 0, 0, 0, 1, 1)), pair)).toEqual(["a-3", "a-4"]);
  });

  test("islands are checked again when cards of them are taken", () => {
    const placer = placerOf(linked("a", 0, 0, 1, 1), linked("b", 2, 2));
    placer.place(aRequest({ gpu: aWholeRequest(1) }));

    // The single card came from b, the tightest; only a has whole islands left, two of them.
    expect([1, 2, 3].map(() => hostsOf(placer, pair))).toEqual([["a"], ["a"], null]);
  });
});

describe("gangs", () => {
  const gang = (instances: number, change: Partial<PlacementRequest> = {}): PlacementRequest =>
    aRequest({ instances, distinctHosts: true, gpu: aWholeRequest(1), ...change });
  const inRack = (id: string, rack: string, gpus: number) => host(id, gpus, { labels: { rack } });

  test.each([
    { instances: 3, hosts: ["a", "b", "c"] },
    { instances: 4, hosts: null },
  ])("$instances on three distinct hosts", ({ instances, hosts }) => {
    const placer = placerOf(host("a", 8), host("b", 8), host("c", 8));

    expect(hostsOf(placer, gang(instances))?.toSorted() ?? null).toEqual(hosts);
  });

  test.each([
    { instances: 4, hosts: ["a", "a", "a", "b"] },
    { instances: 5, hosts: null },
  ])("$instances anywhere, with four cards on two hosts", ({ instances, hosts }) => {
    const placer = placerOf(host("a", 3), host("b", 1));

    expect(hostsOf(placer, gang(instances, { distinctHosts: false }))?.toSorted() ?? null).toEqual(hosts);
  });

  test.each(POLICIES)("one short: with %s nothing is taken, not even a check's worth", (policy) => {
    const placer = new Placer({ hosts: [host("a", 8), host("b", 8)] }, { ...OPTIONS, policy });
    const before = JSON.stringify(placer.state.toFleet());

    expect(placer.place(gang(3))).toBeNull();

    expect(JSON.stringify(placer.state.toFleet())).toBe(before);
    expect(placer.state.changes).toBe(0);
    expect(placer.fitting(gang(3))).toBe(2);
    expect(placer.hasRoom(gang(3))).toBe(false);
    expect(placer.hasRoom(gang(2))).toBe(true);
  });

  test("the tightest rack that takes them all is taken, though others have better hosts", () => {
    const placer = placerOf(
      inRack("a", "r1", 1),
      inRack("b", "r2", 4),
      inRack("c", "r2", 4),
      inRack("d", "r3", 4),
      inRack("e", "r3", 4),
      inRack("f", "r3", 4),
    );

    expect(hostsOf(placer, gang(2))).toEqual(["b", "c"]);
  });

  test("where no rack takes them all, as few as possible do", () => {
    const placer = placerOf(
      inRack("a", "r1", 1),
      inRack("b", "r2", 2),
      inRack("c", "r3", 3),
      inRack("d", "r4", 1),
    );

    expect(hostsOf(placer, gang(5, { distinctHosts: false }))).toEqual(["c", "c", "c", "b", "b"]);
  });

  test("slices of a gang share cards", () => {
    const placer = placerOf(host("a", 1));
    const slices = (instances: number) =>
      gang(instances, { distinctHosts: false, gpu: aSliceRequest({ memoryMib: 8_192 }) });

    expect(placer.place(slices(4))).toBeNull();
    expect(hostsOf(placer, slices(3))).toEqual(["a", "a", "a"]);
    expect(placer.state.capacityOf(0).gpus[0]).toMatchObject({ use: "shared", freeMemoryMib: 0 });
  });

  test("instances of several cards each stay in an island while there is one", () => {
    const placer = placerOf(linked("a", 0, 1, 1, 0, 2, 3));

    expect(cardsOf(placer, gang(2, { distinctHosts: false, gpu: aWholeRequest(2) }))).toEqual([
      "a-0",
      "a-3",
      "a-1",
      "a-2",
    ]);
  });

  test("a gang that was refused is tried again once something was given back, and a smaller one at once", () => {
    const placer = placerOf(host("a", 1), host("b", 1), host("c", 1));
    const single = aRequest({ gpu: aWholeRequest(1) });
    const places = placer.place(single);
    expect(placer.place(gang(3))).toBeNull();
    expect(placer.place(gang(4))).toBeNull();

    const two = placer.place(gang(2));
    expect(two).toHaveLength(2);

    placer.release(gang(2), two ?? []);
    placer.release(single, places ?? []);
    expect(placer.place(gang(3))).toHaveLength(3);
  });

  test("a gang refused on distinct hosts may fit where they need not be", () => {
    const placer = placerOf(host("a", 2));

    expect(placer.place(gang(2))).toBeNull();
    expect(hostsOf(placer, gang(2, { distinctHosts: false }))).toEqual(["a", "a"]);
  });
});

describe("random", () => {
  const manyHosts: Fleet = { hosts: Array.from({ length: 20 }, (_, index) => host(`h${index}`, 8)) };
  const drawn = (seed: number) => {
    const placer = new Placer(manyHosts, { ...OPTIONS, policy: "random", seed });
    return Array.from({ length: 20 }, () => hostsOf(placer, { gpu: aWholeRequest(1) }));
  };

  test("the same seed draws the same places, another seed others", () => {
    expect(drawn(7)).toEqual(drawn(7));
    expect(drawn(7)).not.toEqual(drawn(8));
  });

  test("draws among those that fit alone", () => {
    const hosts = [host("a", 1, { closed: CLOSED }), host("b", 1), host("c", 0)];
    const placer = new Placer({ hosts }, { ...OPTIONS, policy: "random" });

    expect([1, 2].map(() => hostsOf(placer, { gpu: aWholeRequest(1) }))).toEqual([["b"], null]);
  });
});

test("more shapes than indexes are cached answer as ever", () => {
  const placer = placerOf(host("a", 0, { freeCpuMilli: 1_000_000 }));
  const shapes = Array.from({ length: 300 }, (_, index) => aRequest({ cpuMilli: index + 1, memoryMib: 0 }));

  for (let round = 0; round < 3; round += 1)
    for (const shape of shapes) expect(hostsOf(placer, shape)).toEqual(["a"]);

  expect(placer.state.freeCpuMilli[0]).toBe(1_000_000 - (3 * 300 * 301) / 2);
});

test("whether a host takes a request is checked without taking anything", () => {
  const placer = placerOf(host("a", 0), host("b", 1));
  const request = aRequest({ gpu: aWholeRequest(1) });

  expect([0, 1].map((ordinal) => placer.fitsOn(request, ordinal))).toEqual([false, true]);
  expect([placer.fitting(request), placer.hasRoom(request)]).toEqual([1, true]);
  expect(placer.state.changes).toBe(0);
});

test("a fleet that contradicts itself is not even checked", () => {
  expect(() => placerOf(host("a", 1), host("a", 1))).toThrow(UnsoundFleetError);
});

test.each<Partial<PlacementRequest>>([
  { instances: 0 },
  { instances: -1 },
  { instances: 0.5 },
  { instances: Number.NaN },
  { cpuMilli: Number.NaN },
  { memoryMib: -1 },
  { tempStorageMib: 0.5 },
  { gpu: aWholeRequest(0) },
  { gpu: aSliceRequest({ shareThousandths: Number.NaN }) },
])("a request of %o is an error of ours, and nothing is taken", (change) => {
  const placer = placerOf(host("a", 8));
  const before = JSON.stringify(placer.state.toFleet());

  const request = aRequest(change);
  for (const attempt of [
    () => placer.place(request),
    () => placer.fitting(request),
    () => placer.hasRoom(request),
    () => placer.fitsOn(request, 0),
  ])
    expect(attempt).toThrow(UnsoundRequestError);

  expect(JSON.stringify(placer.state.toFleet())).toBe(before);
});

describe("work that may use any card, by default", () => {
  const ofModel = (id: string, model: string) => aHost({ id, gpus: gpusOf(id, 2, { model }) });
  const placerBy = (...typical: Parameters<typeof aCountedShape>[0][]) =>
    new Placer(
      { hosts: [ofModel("a", "A"), ofModel("b", "B"), ofModel("c", "A")] },
      { ...OPTIONS, policy: "default", typical: typical.map(aCountedShape) },
    );

  test("leaves the model that others need, though its host is the first", () => {
    const placer = placerBy({ count: 2 }, { models: ["A"], count: 2 });

    expect(hostsOf(placer, { gpu: aWholeRequest(2) })).toEqual(["b"]);
  });

  test("takes even that when nothing else is left", () => {
    const placer = placerBy({ count: 2 }, { models: ["A"], count: 2 });

    const hosts = [1, 2, 3, 4].map(() => hostsOf(placer, { gpu: aWholeRequest(2) }));

    expect(hosts).toEqual([["b"], ["a"], ["c"], null]);
  });

  test("follows what is free: the more of a model is taken, the more the rest of it is left", () => {
    const placer = placerBy({ models: ["A"], count: 3 }, { models: ["B"], count: 2 });

    const hosts = [1, 2, 3].map(() => hostsOf(placer, { gpu: aWholeRequest(2) }));

    expect(hosts).toEqual([["a"], ["b"], ["c"]]);
  });

  test("gangs follow it too, rank by rank", () => {
    const placer = placerBy({ models: ["A"], count: 3 }, { models: ["B"], count: 2 });

    expect(hostsOf(placer, { gpu: aWholeRequest(2), instances: 3 })).toEqual(["a", "b", "c"]);
  });
});

describe("instances of one workload that start one by one", () => {
  const spread = (held: [string, number][] = []) => ({ over: "inference svc", held: new Map(held) });

  test.each(POLICIES)("go where fewer of them are, with those placed meanwhile, by %s", (policy) => {
    const placer = new Placer({ hosts: ["a", "b", "c"].map((id) => host(id, 4)) }, { ...OPTIONS, policy });
    const given = { gpu: aWholeRequest(1), spread: spread([["a", 1]]) };

    const placed = [1, 2, 3, 4, 5].map(() => hostsOf(placer, given)?.[0] ?? "");

    expect(new Set(placed.slice(0, 2))).toEqual(new Set(["b", "c"]));
    expect(new Set(placed.slice(2))).toEqual(new Set(["a", "b", "c"]));
  });

  test("share a host where there is no other, and what is given back counts no more", () => {
    const placer = placerOf(host("a", 2), host("b", 1));
    const request = aRequest({ gpu: aWholeRequest(1), spread: spread() });
    for (const _ of [1, 2, 3]) expect(placer.place(request)).not.toBeNull();
    expect(placer.place(request)).toBeNull();

    placer.release(request, [{ host: 1, cards: [{ card: 2, memoryMib: null, shareThousandths: 1_000 }] }]);

    expect(hostsOf(placer, { gpu: aWholeRequest(1), spread: spread() })).toEqual(["b"]);
  });
});
