import { describe, expect, test } from "vitest";
import { POLICIES } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { recordedHosts, recordedTasks } from "../../bench/replay/cluster-lists.ts";
import { replayDepartures } from "../../bench/replay/placement-departures.ts";
import { PlacementLine } from "../../bench/replay/placement-line.ts";
import { requestOf } from "../../bench/replay/placement-scene.ts";
import { Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import { aHost, gpusOf } from "../../support/placement/fleet.ts";
import { hostsCsv, tasksCsv } from "../../support/placement/recorded-cluster.ts";

const clusterOf = (hosts: Parameters<typeof hostsCsv>[0], tasks: Parameters<typeof tasksCsv>[0]) => ({
  hosts: recordedHosts(hostsCsv(hosts)),
  tasks: recordedTasks(tasksCsv(tasks)),
});

/** So many that chance evens out: at 30 % to a point and a half, at 80 % to two or three. */
const thousandCards = Array.from({ length: 125 }, (_, index) => ({ name: `${index}`, gpu: 8 }));
const LOOSE = { policy: "best-fit", seed: 1 } as const;

describe("figures that can be worked out", () => {
  const wholeCards = clusterOf(thousandCards, [{ name: "task", cpu: 1 }]);

  test.each([
    { loadPercent: 30, least: 27, most: 33 },
    { loadPercent: 80, least: 75, most: 85 },
  ])("at a load of $loadPercent % so much is in use, and nobody waits", ({ loadPercent, least, most }) => {
    const { allocated, meanWait, p95Wait } = replayDepartures(wholeCards, { ...LOOSE, loadPercent });

    expect(allocated).toBeGreaterThan(least);
    expect(allocated).toBeLessThan(most);
    expect({ meanWait, p95Wait }).toEqual({ meanWait: 0, p95Wait: 0 });
  });

  test("beyond 100 % all is in use, and the line grows by what is too much", () => {
    const { allocated, meanWait, p95Wait } = replayDepartures(wholeCards, { ...LOOSE, loadPercent: 150 });

    // Who comes at the time t has t ÷ 2 of the fleet's work before it: 1.75 on average over 2 to 5, 2.5 at most.
    expect(allocated).toBeGreaterThan(99.5);
    expect(meanWait).toBeGreaterThan(1.5);
    expect(meanWait).toBeLessThan(2);
    expect(p95Wait).toBeGreaterThan(2.1);
    expect(p95Wait).toBeLessThan(2.7);
  });

  test("no more is allocated than the tasks can use", () => {
    const slices = clusterOf(thousandCards, [{ name: "slice", cpu: 1, share: 600 }]);

    const { allocated } = replayDepartures(slices, { ...LOOSE, loadPercent: 130 });

    expect(allocated).toBeGreaterThan(59.5);
    expect(allocated).toBeLessThanOrEqual(60.000001);
  });

  test("tasks that no host could ever take are left out, and not waited for", () => {
    const tasks = [
      { name: "task", cpu: 1 },
      { name: "none", models: "B" },
      { name: "large", cpu: 9_000 },
    ];

    const { allocated } = replayDepartures(clusterOf(thousandCards, tasks), { ...LOOSE, loadPercent: 80 });

    expect(allocated).toBeGreaterThan(75);
    expect(allocated).toBeLessThan(85);
  });

  test("where no task can be placed, nothing is", () => {
    const cluster = clusterOf(thousandCards, [{ name: "none", models: "B" }]);

    expect(replayDepartures(cluster, { ...LOOSE, loadPercent: 100 })).toEqual({
      allocated: 0,
      meanWait: 0,
      p95Wait: 0,
    });
  });
});

test.each(POLICIES)("%s: the same seed gives the same figures, another seed others", (policy) => {
  const hosts = [
    { name: "a", gpu: 4 },
    { name: "b", gpu: 2 },
  ];
  const cluster = clusterOf(hosts, [{ name: "1", share: 400 }, { name: "2" }, { name: "3", gpus: 2 }]);
  const figures = (seed: number) => replayDepartures(cluster, { policy, seed, loadPercent: 100 });

  expect(figures(7)).toEqual(figures(7));
  expect(figures(7)).not.toEqual(figures(8));
});

describe("the line", () => {
  const [small, large, other] = recordedTasks(
    tasksCsv([{ name: "small", share: 300 }, { name: "large" }, { name: "other", share: 500 }]),
  ) as [
    ReturnType<typeof recordedTasks>[number],
    ReturnType<typeof recordedTasks>[number],
    ReturnType<typeof recordedTasks>[number],
  ];
  const fullHost = () => {
    const host = aHost({ id: "a", gpus: gpusOf("a", 1, { model: "A" }) });
    const placer = new Placer({ hosts: [host] }, { ...LOOSE, now: 0 });
    const places = placer.place(requestOf(large)) ?? [];
    return { placer, line: new PlacementLine(placer), free: () => placer.release(requestOf(large), places) };
  };
  const namesOf = (started: ReturnType<PlacementLine["startOn"]>) => started.map(({ task }) => task.name);

  test("who came first is tried first, and who does not fit any more waits on", () => {
    const { line, free } = fullHost();
    for (const [at, task] of [other, large, small, small, other].entries()) line.add(task, at);
    free();

    const started = line.startOn(0);

    expect(namesOf(started)).toEqual(["other", "small"]);
    expect(started.map(({ arrivedAt }) => arrivedAt)).toEqual([0, 2]);
    expect(line.isWaiting()).toBe(true);
  });

  test("a large one that came first is placed, and then nobody else", () => {
    const { line, free } = fullHost();
    line.add(large, 0);
    line.add(small, 1);
    free();

    expect(namesOf(line.startOn(0))).toEqual(["large"]);
    expect(namesOf(line.startOn(0))).toEqual([]);
  });

  test("is empty when all have started", () => {
    const { line, free } = fullHost();
    expect(line.isWaiting()).toBe(false);
    line.add(small, 0);
    expect(line.isWaiting()).toBe(true);
    free();

    line.startOn(0);

    expect(line.isWaiting()).toBe(false);
  });
});
