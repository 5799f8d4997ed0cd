import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { INFERENCE_SERVICE_STATUSES } from "@remotegpu/shared/values/workload";
import {
  MAX_REPLICAS,
  scalesByItself,
  type ReplicaRequests,
  wantedReplicas,
} from "@remotegpu/control-plane/server/core/inference/wanted-replicas";

const requests = (change: Partial<ReplicaRequests>): ReplicaRequests => ({
  status: "running",
  min: 1,
  max: 3,
  people: null,
  load: null,
  ...change,
});

const anyLoad = fc.option(fc.record({ replicas: fc.option(fc.nat(MAX_REPLICAS)), isWoken: fc.boolean() }));

describe("the number of replicas", () => {
  test.each([
    ["nobody requested any", {}, 1],
    ["it may go to zero and nobody said so", { min: 0 }, 1],
    ["people requested none", { min: 0, people: 0 }, 0],
    ["it has to have two", { min: 2 }, 2],
    ["people requested as many as there may be", { people: 3 }, 3],
    ["people requested more before the bound came down", { people: 9 }, 3],
    ["people requested fewer before the bound went up", { min: 2, people: 1 }, 2],
    ["it is stopped", { status: "stopped", people: 3 }, 0],
    ["it stops", { status: "stopping", people: 3 }, 0],
    ["it is in error", { status: "error", people: 3 }, 0],
    ["it is being made", { status: "creating", people: 2 }, 2],
    ["its load says so", { people: 1, load: { replicas: 2, isWoken: false } }, 2],
    ["its load has said nothing yet", { people: 2, load: { replicas: null, isWoken: false } }, 2],
    ["its load says more than there may be", { load: { replicas: 9, isWoken: false } }, 3],
    ["it sleeps", { min: 0, load: { replicas: 0, isWoken: false } }, 0],
    ["a request woke it", { min: 0, load: { replicas: 0, isWoken: true } }, 1],
    ["a request came, and its load says more", { load: { replicas: 3, isWoken: true } }, 3],
    ["a request came before it was stopped", { status: "stopped", load: { replicas: 0, isWoken: true } }, 0],
  ] as const)("where %s", (_, change, number) => {
    expect(wantedReplicas(requests(change))).toBe(number);
  });

  test("is 0 or within the bounds, whatever was desired", () => {
    const bounds = fc
      .tuple(fc.nat(MAX_REPLICAS), fc.integer({ min: 1, max: MAX_REPLICAS }))
      .map(([one, other]) => ({ min: Math.min(one, other), max: Math.max(one, other) }));
    fc.assert(
      fc.property(
        bounds,
        fc.constantFrom(...INFERENCE_SERVICE_STATUSES),
        fc.option(fc.nat(MAX_REPLICAS)),
        anyLoad,
        ({ min, max }, status, people, load) => {
          const number = wantedReplicas({ status, min, max, people, load });

          expect(number === 0 || (number >= min && number <= max)).toBe(true);
        },
      ),
    );
  });
});

type Request =
  | { kind: "people"; people: number }
  | { kind: "status"; status: "running" | "stopped" }
  | { kind: "max"; max: number }
  | { kind: "load"; replicas: number }
  | { kind: "waking"; isWoken: boolean };

const request = fc.oneof(
  fc.nat(10).map((people): Request => ({ kind: "people", people })),
  fc
    .constantFrom("running" as const, "stopped" as const)
    .map((status): Request => ({ kind: "status", status })),
  fc.integer({ min: 1, max: 10 }).map((max): Request => ({ kind: "max", max })),
  fc.nat(10).map((replicas): Request => ({ kind: "load", replicas })),
  fc.boolean().map((isWoken): Request => ({ kind: "waking", isWoken })),
);

function withRequest(sum: ReplicaRequests, { kind, ...change }: Request): ReplicaRequests {
  if (kind !== "load" && kind !== "waking") return { ...sum, ...change };
  return { ...sum, load: { replicas: null, isWoken: false, ...sum.load, ...change } };
}

test("orders of people, the load and requests come to the same number in whatever order they come", () => {
  const scaled = requests({ min: 0, load: { replicas: null, isWoken: false } });
  const after = (given: readonly Request[]) => wantedReplicas(given.reduce(withRequest, scaled));
  const oneOfEach = fc.uniqueArray(request, { selector: ({ kind }) => kind, maxLength: 5 });
  fc.assert(
    fc.property(
      oneOfEach.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
      ),
      ([all, shuffled]) => {
        expect(after(shuffled)).toBe(after(all));
      },
    ),
  );
});

test.each([
  [true, false, false, true],
  [false, false, false, false],
  [true, true, false, false],
  [true, false, true, false],
])("enabled %s, paused %s, dry %s: it scales by itself: %s", (isEnabled, isPaused, isDryRun, does) => {
  expect(scalesByItself({ isEnabled, isPaused, isDryRun })).toBe(does);
});
