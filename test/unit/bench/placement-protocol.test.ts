import { describe, expect, test } from "vitest";
import { drawFrom, shuffled } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import { POLICIES, type Policy } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { recordedHosts, recordedTasks } from "../../bench/replay/cluster-lists.ts";
import { replayPlacement } from "../../bench/replay/placement-protocol.ts";
import type { Cluster } from "../../bench/replay/placement-scene.ts";
import { hostsCsv, tasksCsv } from "../../support/placement/recorded-cluster.ts";

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 42);

function clusterOf(hosts: Parameters<typeof hostsCsv>[0], tasks: Parameters<typeof tasksCsv>[0]): Cluster {
  return { hosts: recordedHosts(hostsCsv(hosts)), tasks: recordedTasks(tasksCsv(tasks)) };
}

const allocatedOf = (cluster: Cluster, policy: Policy) =>
  SEEDS.map((seed) => replayPlacement(cluster, { policy, seed }));
const at130Of = (cluster: Cluster, policy: Policy) =>
  new Set(allocatedOf(cluster, policy).map(({ at130 }) => at130));

const many = (count: number, models: string) =>
  Array.from({ length: count }, (_, index) => ({ name: `${models}-${index}`, models }));
const twentyCards = [{ name: "a", gpu: 20 }];

describe.each(POLICIES)("%s", (policy) => {
  test("what is left of a card too small for anything stays free", () => {
    const cluster = clusterOf([{ name: "a", gpu: 2 }], [{ name: "slice", share: 600 }]);

    expect(at130Of(cluster, policy)).toEqual(new Set([60]));
  });

  test("CPU that is used up leaves GPU free", () => {
    const cluster = clusterOf([{ name: "a", cpu: 1_000, gpu: 4 }], [{ name: "task", cpu: 400 }]);

    expect(at130Of(cluster, policy)).toEqual(new Set([50]));
  });

  test("a task that may only use another model is dropped", () => {
    const cluster = clusterOf(
      [
        { name: "a", gpu: 1 },
        { name: "b", gpu: 3, model: "B" },
      ],
      many(1, "B"),
    );

    expect(at130Of(cluster, policy)).toEqual(new Set([75]));
  });

  test("a short list is drawn from until 130 % are requested", () => {
    expect(at130Of(clusterOf(twentyCards, many(1, "A")), policy)).toEqual(new Set([100]));
  });

  test("hosts without GPU take nothing, so that work without GPU blocks GPU", () => {
    const hosts = [
      { name: "a", cpu: 1_000, gpu: 1 },
      { name: "b", cpu: 64_000, gpu: 0 },
    ];
    const cluster = clusterOf(hosts, [
      { name: "with", cpu: 1_000 },
      { name: "without", cpu: 1, gpus: 0, share: 0 },
    ]);

    // Whichever comes first has the CPU.
    expect(at130Of(cluster, policy)).toEqual(new Set([0, 100]));
  });
});

describe("how many tasks arrive", () => {
  /** Of 20 cards; the others ask for a model that is not there. */
  const requesting = (fitting: number, others: number) =>
    clusterOf(twentyCards, [...many(fitting, "A"), ...many(others, "none")]);

  test("a list that requests exactly 130 % is replayed to its end", () => {
    expect(at130Of(requesting(13, 13), "best-fit")).toEqual(new Set([65]));
  });

  test("of one task more, one does not arrive", () => {
    expect(at130Of(requesting(13, 14), "best-fit")).toEqual(new Set([60, 65]));
  });

  test("of one task less, one is drawn once more", () => {
    expect(at130Of(requesting(13, 12), "best-fit")).toEqual(new Set([65, 70]));
  });

  test("at 100 % stands what was allocated by then", () => {
    // 20 of 26 have come, at most six of those that fit not yet.
    for (const { at100, at130 } of allocatedOf(requesting(13, 13), "best-fit")) {
      expect(at100).toBeGreaterThanOrEqual(35);
      expect(at100).toBeLessThanOrEqual(at130);
    }
    expect(
      new Set(allocatedOf(requesting(13, 13), "best-fit").map(({ at100 }) => at100)).size,
    ).toBeGreaterThan(2);
  });
});

describe("one task for any card, one for the last of its model", () => {
  const hosts = [
    { name: "b", gpu: 1, model: "B" },
    { name: "none", gpu: 0 },
    { name: "a", gpu: 1 },
  ];
  const tasks = [{ name: "any" }, { name: "only-b", models: "B" }];
  const cluster = clusterOf(hosts, tasks);

  test.each(["fgd", "default"] as const)("%s keeps the card that the other needs", (policy) => {
    expect(at130Of(cluster, policy)).toEqual(new Set([100]));
  });

  test.each(["best-fit", "packing", "spread"] as const)(
    "%s takes the first, by the seed's order",
    (policy) => {
      const expected = SEEDS.map((seed) => {
        const draw = drawFrom(seed);
        const hostOrder = shuffled(["a", "b", "none"], draw).filter((name) => name !== "none");
        const [firstTask] = shuffled(["any", "only-b"], draw);
        return firstTask === "any" && hostOrder[0] === "b" ? 50 : 100;
      });

      expect(allocatedOf(cluster, policy).map(({ at100 }) => at100)).toEqual(expected);
      expect(new Set(expected)).toEqual(new Set([50, 100]));
    },
  );

  test("the order of the lists is no matter", () => {
    const turned = clusterOf(hosts.toReversed(), tasks.toReversed());

    expect(allocatedOf(turned, "random")).toEqual(allocatedOf(cluster, "random"));
  });
});

test("two halves share a card with every policy that packs", () => {
  const halves = [{ name: "1", share: 500 }, { name: "2", share: 500 }, { name: "3" }];
  const cluster = clusterOf(
    [
      { name: "a", gpu: 1 },
      { name: "b", gpu: 1 },
    ],
    halves,
  );

  for (const policy of ["best-fit", "packing", "fgd", "default"] as const)
    expect(new Set(allocatedOf(cluster, policy).map(({ at100 }) => at100))).toEqual(new Set([100]));
  expect(allocatedOf(cluster, "spread").map(({ at100 }) => at100)).toContain(50);
});
