import * as fc from "fast-check";
import { expect, test } from "vitest";
import { assertSound, type Fleet } from "@remotegpu/control-plane/core/placement/fleet";
import { FleetState } from "@remotegpu/control-plane/core/placement/fleet-state";
import type { GpuWish, PlacementRequest } from "@remotegpu/control-plane/core/placement/fits-on";
import { obstaclesOn } from "@remotegpu/control-plane/core/placement/fits-on";
import {
  place,
  type PlacementResult,
  waitingSentence,
} from "@remotegpu/control-plane/core/placement/placement";
import { aGpu, aHost, aRequest, gpusOf } from "../../support/fleet.ts";

const OPTIONS = { policy: "best-fit", seed: 42, now: 0 } as const;
const oneGpu: GpuWish = { kind: "whole", count: 1, leastMemoryMib: 0, models: null };
const placeOn = (fleet: Fleet, ...requests: PlacementRequest[]) => place(fleet, requests, OPTIONS);
const hostsOf = ({ decisions }: PlacementResult) =>
  decisions.map((decision) => (decision.placed ? (decision.instances[0]?.hostId ?? null) : null));

test("work without GPU goes where no GPU would be left beside it", () => {
  const fleet = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 4) }), aHost({ id: "b" })] };

  expect(hostsOf(placeOn(fleet, aRequest()))).toEqual(["b"]);
});

test("a GPU is taken where the fewest stay free, so that whole hosts stay whole", () => {
  const fleet = {
    hosts: [aHost({ id: "a", gpus: gpusOf("a", 4) }), aHost({ id: "b", gpus: gpusOf("b", 1) })],
  };

  expect(hostsOf(placeOn(fleet, aRequest({ gpu: oneGpu }), aRequest({ gpu: oneGpu })))).toEqual(["b", "a"]);
});

test("equal hosts are taken in the order of their ids", () => {
  const fleet = { hosts: [aHost({ id: "b" }), aHost({ id: "a" })] };

  expect(hostsOf(placeOn(fleet, aRequest()))).toEqual(["a"]);
});

test("the smallest card that has the memory is taken", () => {
  const gpus = [
    aGpu({ uuid: "GPU-big", index: 0, memoryMib: 80_000 }),
    aGpu({ uuid: "GPU-small", index: 1 }),
  ];

  const { decisions } = placeOn({ hosts: [aHost({ gpus })] }, aRequest({ gpu: oneGpu }));

  expect(decisions[0]).toMatchObject({
    placed: true,
    instances: [{ hostId: "host-a", gpus: [{ uuid: "GPU-small", memoryMib: null, shareThousandths: 1000 }] }],
  });
});

test("slices fill a card that is cut already before they cut an idle one", () => {
  const slice = aRequest({ gpu: { kind: "slice", memoryMib: 8192, shareThousandths: 0, models: null } });
  const fleet = { hosts: [aHost({ gpus: gpusOf("a", 2) })] };

  const { decisions, fleet: left } = placeOn(fleet, slice, slice, slice, slice);

  expect(decisions.map((decision) => decision.placed && decision.instances[0]?.gpus[0]?.uuid)).toEqual([
    "GPU-a-0",
    "GPU-a-0",
    "GPU-a-0",
    "GPU-a-1",
  ]);
  expect(left.hosts[0]?.gpus[0]).toMatchObject({ use: "shared", freeMemoryMib: 0 });
});

test("a second request for the last GPU waits and is told why, host by host", () => {
  const fleet = {
    hosts: [aHost({ id: "a", gpus: gpusOf("a", 1) }), aHost({ id: "b", closed: "is cordoned" })],
  };

  const { decisions } = placeOn(fleet, aRequest({ gpu: oneGpu }), aRequest({ gpu: oneGpu }));

  expect(decisions[1]).toEqual({
    placed: false,
    requestId: "ins-1",
    fitting: 0,
    hosts: [
      { hostId: "a", hostName: "a", obstacles: [{ kind: "gpu-busy", asked: 1, free: 0 }] },
      {
        hostId: "b",
        hostName: "b",
        obstacles: [
          { kind: "host-closed", reason: "is cordoned" },
          { kind: "no-such-gpu", wish: "1 × GPU", cards: 0 },
        ],
      },
    ],
  });
});

test("a snapshot that contradicts itself places nothing", () => {
  expect(() => placeOn({ hosts: [aHost({ freeCpuMilli: -1 })] }, aRequest())).toThrow(/host-a is -1/);
});

test("the sentence names the first hosts and says how many more there are", () => {
  const sentence = (ids: string[], change: Partial<PlacementRequest> = {}) =>
    waitingSentence(
      new FleetState({
        hosts: ids.map((id) => aHost({ id, gpus: gpusOf(id, 1, { closed: "is cordoned" }) })),
      }),
      aRequest({ gpu: oneGpu, ...change }),
      { now: 0, fitting: 0 },
    );

  expect(sentence([])).toBe("Waiting for a place: no host has joined yet.");
  expect(sentence(["a", "b", "c", "d"])).toMatch(
    /^Waiting for a place\. a: 1 GPU asked, 0 free.*; b: .*; c: .*; and 1 more hosts\.$/,
  );
  expect(sentence(["a"], { instances: 2 })).toMatch(/^Waiting for 2 places at once, 0 are free now\. a: /);
});

const anyWish: fc.Arbitrary<GpuWish> = fc.oneof(
  fc.constant<GpuWish>({ kind: "none" }),
  fc.record({
    kind: fc.constant("whole" as const),
    count: fc.integer({ min: 1, max: 4 }),
    leastMemoryMib: fc.constantFrom(0, 16_000, 40_000),
    models: fc.constantFrom(null, ["NVIDIA L4"], ["NVIDIA H100"], []),
  }),
  fc.record({
    kind: fc.constant("slice" as const),
    memoryMib: fc.integer({ min: 1, max: 30_000 }),
    shareThousandths: fc.integer({ min: 0, max: 1000 }),
    models: fc.constant(null),
  }),
);
const anyRequests = fc.array(
  fc.record({
    cpuMilli: fc.integer({ min: 1, max: 8000 }),
    memoryMib: fc.integer({ min: 1, max: 20_000 }),
    gpu: anyWish,
  }),
  { maxLength: 30 },
);
const anyFleet = fc
  .array(
    fc.record({ gpus: fc.integer({ min: 0, max: 4 }), memoryMib: fc.constantFrom(16_384, 24_576, 81_920) }),
    {
      maxLength: 5,
    },
  )
  .map((hosts) => ({
    hosts: hosts.map(({ gpus, memoryMib }, index) => {
      const id = `h${index}`;
      return aHost({ id, gpus: gpusOf(id, gpus, { memoryMib, freeMemoryMib: memoryMib }) });
    }),
  }));

test("nothing is oversold, what waits really fits nowhere, and the input is left alone", () => {
  fc.assert(
    fc.property(anyFleet, anyRequests, (fleet, wishes) => {
      const before = structuredClone(fleet);
      const requests = wishes.map((wish, index) => aRequest({ id: `ins-${index}`, ...wish }));

      const { decisions, fleet: left } = place(fleet, requests, OPTIONS);

      expect(fleet).toEqual(before);
      expect(() => assertSound(left)).not.toThrow();
      const wholeCards = decisions.flatMap((decision) =>
        decision.placed
          ? decision.instances
              .flatMap(({ gpus }) => gpus)
              .filter(({ memoryMib }) => memoryMib === null)
              .map(({ uuid }) => uuid)
          : [],
      );
      expect(new Set(wholeCards).size).toBe(wholeCards.length);
      // Room only shrinks within a pass, so whoever fits at its end would have fitted before.
      for (const [index, decision] of decisions.entries()) {
        const request = requests[index];
        if (decision.placed || request === undefined) continue;
        expect(left.hosts.every((host) => obstaclesOn(host, request, 0).length > 0)).toBe(true);
      }
    }),
  );
});

test("the same input gives the same answer, in whatever order the hosts are listed", () => {
  fc.assert(
    fc.property(anyFleet, anyRequests, (fleet, wishes) => {
      const requests = wishes.map((wish, index) => aRequest({ id: `ins-${index}`, ...wish }));
      const reversed = { hosts: [...fleet.hosts].reverse() };

      expect(JSON.stringify(place(reversed, requests, OPTIONS))).toBe(
        JSON.stringify(place(fleet, requests, OPTIONS)),
      );
    }),
  );
});
