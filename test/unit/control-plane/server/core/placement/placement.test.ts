import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import type { Reason } from "@remotegpu/control-plane/server/core/reasons/reason";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assertSound,
  type Fleet,
  type HostCapacity,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type {
  GpuRequest,
  PlacementRequest,
} from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { obstaclesOn } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  place,
  type PlacementResult,
  waitingReason,
} from "@remotegpu/control-plane/server/core/placement/placement";
import { POLICIES } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { UnsoundRequestError } from "@remotegpu/control-plane/server/core/placement/fleet/sound-request";
import { anyFleet, anyRequest, anyTypicalShapes } from "../../../../../support/placement/any-fleet.ts";
import { CLOSED, aGpu, aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";

const OPTIONS = { policy: "best-fit", seed: 42, now: 0 } as const;
const oneGpu: GpuRequest = { kind: "whole", count: 1, leastMemoryMib: 0, models: null };
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

test("a second request for the last GPU waits and gets the reason, host by host", () => {
  const fleet = {
    hosts: [aHost({ id: "a", gpus: gpusOf("a", 1) }), aHost({ id: "b", closed: CLOSED })],
  };

  const { decisions } = placeOn(fleet, aRequest({ gpu: oneGpu }), aRequest({ gpu: oneGpu }));

  expect(decisions[1]).toEqual({
    placed: false,
    requestId: "ins-1",
    fitting: 0,
    hosts: [
      { hostId: "a", hostName: "a", obstacles: [{ code: "gpus-busy", params: { requested: 1, free: 0 } }] },
      {
        hostId: "b",
        hostName: "b",
        obstacles: [
          CLOSED,
          {
            code: "gpu-not-on-host",
            params: {
              wanted: { code: "whole-gpus", params: { count: 1, model: { code: "any-gpu", params: {} } } },
              found: 0,
            },
          },
        ],
      },
    ],
  });
});

test("a snapshot that contradicts itself places nothing", () => {
  expect(() => placeOn({ hosts: [aHost({ freeCpuMilli: -1 })] }, aRequest())).toThrow(/host-a is -1/);
});

test("the sentence names the first hosts and states how many more there are", () => {
  const sentence = (ids: string[], change: Partial<PlacementRequest> = {}) =>
    inEnglish(
      waitingReason(
        new FleetState({
          hosts: ids.map((id) => aHost({ id, gpus: gpusOf(id, 1, { closed: CLOSED }) })),
        }),
        aRequest({ gpu: oneGpu, ...change }),
        { now: 0, fitting: 0 },
      ),
    );

  expect(sentence([])).toBe("Waiting for a place: no host has joined yet.");
  expect(sentence(["a", "b", "c", "d"])).toMatch(
    /^Waiting for a place\. a: 1 GPU asked, 0 free.*; b: .*; c: .*; and 1 more hosts\.$/,
  );
  expect(sentence(["a"], { instances: 2 })).toMatch(/^Waiting for 2 places at once, 0 are free now\. a: /);
});

function noted(note: string): Reason {
  return { code: "host-cordoned-with-note", params: { note } };
}

describe("a sentence with words of others in it ends with one full stop", () => {
  const skip = { storagePool: "pool-1", reason: "A mount is missing on host a.", untilMs: 1 };
  const closed = noted("Xid 79: the GPU fell off the bus.");

  test.each([
    ["a host closed by a person", { closed: noted("Maintenance.") }, {}],
    ["a card closed by its host", {}, { gpu: oneGpu }],
    ["a storage pool that is skipped", { storagePool: "pool-1" }, { skips: [skip] }],
  ] as [string, Partial<HostCapacity>, Partial<PlacementRequest>][])("%s", (_name, host, requestedGpu) => {
    const gpus = (id: string) => gpusOf(id, 1, { closed });
    const hosts = ["a", "b"].map((id) => aHost({ id, gpus: gpus(id), ...host }));
    const state = new FleetState({ hosts });
    const sentences = [1, 2].map((instances) =>
      inEnglish(waitingReason(state, aRequest({ ...requestedGpu, instances }), { now: 0, fitting: 0 })),
    );

    for (const sentence of sentences) {
      expect(sentence).toMatch(/[^.]\.$/);
      expect(sentence).not.toMatch(/\.\.|\.[;,:]/);
    }
  });
});

const NOW = 1_000;
const anyPolicy = fc.constantFrom(...POLICIES);
const anyOptions = fc.record({
  policy: anyPolicy,
  seed: fc.nat(),
  now: fc.constant(NOW),
  typical: anyTypicalShapes,
});

/** Some of them alike but for their names. */
const anyRequests = fc
  .tuple(fc.array(anyRequest, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(), { maxLength: 15 }))
  .map(([shapes, drawn]) =>
    drawn.map((shape, index) => ({
      ...(shapes[shape % shapes.length] as PlacementRequest),
      id: `ins-${index}`,
    })),
  );

test("nothing is oversold, what waits really fits nowhere, and the input is left alone", () => {
  fc.assert(
    fc.property(anyFleet, anyRequests, anyOptions, (fleet, requests, options) => {
      const before = structuredClone({ fleet, requests });

      const { decisions, fleet: left } = place(fleet, requests, options);

      expect({ fleet, requests }).toEqual(before);
      expect(() => assertSound(left)).not.toThrow();
      const wholeCards = decisions
        .flatMap((decision) => (decision.placed ? decision.instances : []))
        .flatMap(({ gpus }) => gpus.filter(({ memoryMib }) => memoryMib === null))
        .map(({ uuid }) => uuid);
      expect(new Set(wholeCards).size).toBe(wholeCards.length);
      // Room only shrinks within a pass, so whoever fits at its end would have fitted before.
      for (const [index, decision] of decisions.entries()) {
        const request = requests[index] as PlacementRequest;
        if (decision.placed || request.instances > 1) continue;
        expect(left.hosts.every((host) => obstaclesOn(host, request, NOW).length > 0)).toBe(true);
        expect(decision.hosts).toHaveLength(fleet.hosts.length);
      }
    }),
  );
});

test("the same input gives the same answer byte for byte, in whatever order hosts and their cards are listed", () => {
  fc.assert(
    fc.property(anyFleet, anyRequests, anyOptions, (fleet, requests, options) => {
      const reversed = {
        hosts: fleet.hosts.toReversed().map((host) => ({ ...host, gpus: host.gpus.toReversed() })),
      };

      const answer = JSON.stringify(place(fleet, requests, options));

      expect(JSON.stringify(place(fleet, requests, options))).toBe(answer);
      expect(JSON.stringify(place(reversed, requests, options))).toBe(answer);
    }),
  );
});

test("requests that are alike may change their places in the line: only the names change theirs", () => {
  fc.assert(
    fc.property(
      anyFleet,
      anyRequest,
      fc.integer({ min: 2, max: 8 }),
      anyOptions,
      (fleet, request, count, options) => {
        const line = Array.from({ length: count }, (_, index) => ({ ...request, id: `ins-${index}` }));
        const unnamed = (requests: PlacementRequest[]) => {
          const { decisions, fleet: left } = place(fleet, requests, options);
          expect(decisions.map(({ requestId }) => requestId)).toEqual(requests.map(({ id }) => id));
          return JSON.stringify([decisions.map((decision) => ({ ...decision, requestId: "" })), left]);
        };

        expect(unnamed(line.toReversed())).toBe(unnamed(line));
      },
    ),
  );
});

test.each<[string, Partial<PlacementRequest>]>([
  ["no instances", { instances: 0 }],
  ["less than nothing", { cpuMilli: -1 }],
  ["no number", { memoryMib: Number.NaN }],
])("a request of %s among others stops the pass, and nothing is placed", (_what, change) => {
  const fleet = { hosts: [aHost()] };

  expect(() => placeOn(fleet, aRequest(), aRequest(change))).toThrow(UnsoundRequestError);
  expect(fleet).toEqual({ hosts: [aHost()] });
});

test("a gang that waits reports how many of its instances would fit", () => {
  const fleet = {
    hosts: [aHost({ id: "a", gpus: gpusOf("a", 3) }), aHost({ id: "b", gpus: gpusOf("b", 2) })],
  };
  const gang = { instances: 6, gpu: oneGpu };

  const fittingOf = (change: Partial<PlacementRequest>) => {
    const [decision] = placeOn(fleet, aRequest({ ...gang, ...change })).decisions;
    return decision?.placed === false ? decision.fitting : null;
  };

  expect(fittingOf({ distinctHosts: false })).toBe(5);
  expect(fittingOf({ distinctHosts: true })).toBe(2);
  expect(fittingOf({ instances: 5, distinctHosts: false })).toBeNull();
});
