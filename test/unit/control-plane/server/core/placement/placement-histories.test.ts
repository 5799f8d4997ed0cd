/**
 * Any fleet, any history: at every step the placer answers as a plain scan of all hosts does, and both know the same of
 * what is free. More of them: npm run proof:placement.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  assertSound,
  type Fleet,
  type HostCapacity,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import {
  placedInstances,
  type PlacedInstance,
} from "@remotegpu/control-plane/server/core/placement/placement";
import { type Place, Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import { POLICIES } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { anyFleet, anyRequest, anyTypicalShapes } from "../../../../../support/placement/any-fleet.ts";
import { SlowPlacement } from "../../../../../support/placement/slow-placement.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const NOW = 1_000;

/** Requests come back, so that an index is asked again; of what runs one in the given place ends, if any runs. */
type Step = { kind: "place"; request: number } | { kind: "release"; which: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("place" as const), request: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat() }) },
);
const anyHistory = fc.record({
  fleet: anyFleet,
  typical: anyTypicalShapes,
  requests: fc.array(anyRequest, { minLength: 1, maxLength: 5 }),
  steps: fc.array(anyStep, { maxLength: 30 }),
});

interface Running {
  request: PlacementRequest;
  places: Place[];
  instances: PlacedInstance[];
}

/** Plays the steps; `check` sees each request with the answer, and everything that runs after each step. */
function play(
  { requests, steps }: { requests: PlacementRequest[]; steps: Step[] },
  placer: Placer,
  check: {
    placed: (request: PlacementRequest, instances: PlacedInstance[] | null) => void;
    released: (ended: Running) => void;
    step: (running: Running[]) => void;
  },
): Running[] {
  const running: Running[] = [];
  for (const step of steps) {
    if (step.kind === "place") {
      const request = requests[step.request % requests.length] as PlacementRequest;
      const places = placer.place(request);
      const instances = places === null ? null : placedInstances(placer.state, places);
      check.placed(request, instances);
      if (places !== null && instances !== null) running.push({ request, places, instances });
    } else if (running.length > 0) {
      const [ended] = running.splice(step.which % running.length, 1);
      if (ended === undefined) continue;
      placer.release(ended.request, ended.places);
      check.released(ended);
    }
    check.step(running);
  }
  return running;
}

const unchecked = { placed: () => {}, released: () => {}, step: () => {} };

describe.each(POLICIES.filter((policy) => policy !== "random"))("%s", (policy) => {
  test("the index answers as the scan does, at every step", () => {
    fc.assert(
      fc.property(anyHistory, ({ fleet, typical, requests, steps }) => {
        const placer = new Placer(fleet, { policy, seed: 1, now: NOW, typical });
        const slow = new SlowPlacement(fleet, { policy, now: NOW, typical });

        play({ requests, steps }, placer, {
          placed: (request, instances) => {
            expect(instances).toEqual(slow.place(request));
            expect(placer.fitting(request)).toBe(slow.fitting(request));
          },
          released: ({ request, instances }) => slow.release(request, instances),
          step: () => expect(placer.state.toFleet()).toEqual({ hosts: slow.hosts }),
        });
      }),
      { numRuns: RUNS },
    );
  });
});

test("random: what fits is placed where it fits, and what does not is not", () => {
  fc.assert(
    fc.property(anyHistory, fc.nat(), ({ fleet, requests, steps }, seed) => {
      const placer = new Placer(fleet, { policy: "random", seed, now: NOW });
      const slow = new SlowPlacement(fleet, { policy: "best-fit", now: NOW, typical: [] });

      play({ requests, steps }, placer, {
        placed: (request, instances) => {
          expect(instances !== null).toBe(slow.fitting(request) === request.instances);
          for (const instance of instances ?? []) {
            const host = slow.hosts.find(({ id }) => id === instance.hostId) as HostCapacity;
            expect(slow.fits(host, request)).toBe(true);
            slow.take(request, [instance]);
          }
        },
        released: ({ request, instances }) => slow.release(request, instances),
        step: () => expect(placer.state.toFleet()).toEqual({ hosts: slow.hosts }),
      });
    }),
    { numRuns: RUNS },
  );
});

/** All that there is to give, as one list of numbers; closed cards too. */
function freeOf(fleet: Fleet): number[] {
  return fleet.hosts.flatMap((host) => [
    host.freeCpuMilli,
    host.freeMemoryMib,
    host.freeTempStorageMib,
    ...host.gpus.flatMap(({ freeShareThousandths, freeMemoryMib }) => [freeShareThousandths, freeMemoryMib]),
  ]);
}

/** What the instances hold, in the same places. */
function heldBy(running: Running[], { hosts }: Fleet): number[] {
  const held = running.flatMap(({ request, instances }) =>
    instances.map((instance) => ({ request, instance })),
  );
  const total = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);
  return hosts.flatMap((host) => {
    const here = held.filter(({ instance }) => instance.hostId === host.id);
    return [
      total(here.map(({ request }) => request.cpuMilli)),
      total(here.map(({ request }) => request.memoryMib)),
      total(here.map(({ request }) => request.tempStorageMib)),
      ...host.gpus.flatMap((gpu) => {
        const grants = here.flatMap(({ instance }) => instance.gpus).filter(({ uuid }) => uuid === gpu.uuid);
        return [
          total(grants.map(({ shareThousandths }) => shareThousandths)),
          total(grants.map(({ memoryMib }) => memoryMib ?? gpu.memoryMib)),
        ];
      }),
    ];
  });
}

describe.each(POLICIES)("with %s", (policy) => {
  test("what is held and what is free are what there was, and nothing of it is ever negative", () => {
    fc.assert(
      fc.property(anyHistory, fc.nat(), ({ fleet, typical, requests, steps }, seed) => {
        const placer = new Placer(fleet, { policy, seed, now: NOW, typical });
        const start = freeOf(placer.state.toFleet());

        play({ requests, steps }, placer, {
          ...unchecked,
          step: (running) => {
            const now = placer.state.toFleet();
            const free = freeOf(now);
            assertSound(now);
            expect(Math.min(0, ...free)).toBe(0);
            expect(heldBy(running, now).map((held, index) => held + (free[index] ?? 0))).toEqual(start);
          },
        });
      }),
    );
  });

  test("when all has ended, the first state is there again, byte for byte", () => {
    fc.assert(
      fc.property(anyHistory, fc.nat(), ({ fleet, typical, requests, steps }, seed) => {
        const placer = new Placer(fleet, { policy, seed, now: NOW, typical });
        const start = JSON.stringify(placer.state.toFleet());

        const running = play({ requests, steps }, placer, unchecked);
        for (const { request, places } of running) placer.release(request, places);

        expect(JSON.stringify(placer.state.toFleet())).toBe(start);
        expect([...placer.state.freeGpu]).toEqual([
          ...new Placer(fleet, { policy, seed, now: NOW }).state.freeGpu,
        ]);
      }),
    );
  });
});

test("a gang has all of its instances or none, on distinct hosts where it requests them", () => {
  fc.assert(
    fc.property(anyHistory, ({ fleet, requests, steps }) => {
      const placer = new Placer(fleet, { policy: "best-fit", seed: 1, now: NOW });

      play({ requests, steps }, placer, {
        ...unchecked,
        placed: (request, instances) => {
          if (instances === null) return;
          const hosts = new Set(instances.map(({ hostId }) => hostId));
          expect(instances).toHaveLength(request.instances);
          expect(hosts.size).toBeGreaterThanOrEqual(request.distinctHosts ? request.instances : 1);
        },
      });
    }),
  );
});
