/**
 * The published cluster, replayed at two of the published seeds. The lists are not part of this repository; where they
 * lie beside the checkout, our figures must agree with the published ones, else these tests are left out and say so.
 */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { drawFrom } from "@remotegpu/control-plane/server/core/placement/scoring/draw";
import type { Policy } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { recordedHosts, type RecordedTask, recordedTasks } from "../../bench/replay/cluster-lists.ts";
import { replayPlacement } from "../../bench/replay/placement-protocol.ts";

const folder = new URL("../../../../shared/data/openb/", import.meta.url);
const present = existsSync(folder);
if (!present) console.log(`left out: the lists of the recorded cluster are not at ${folder.pathname}`);

const SEEDS = [42, 43];
const read = (name: string) => readFileSync(new URL(name, folder), "utf8");

function clusterOf(list: string, hosts = "gpu_node") {
  return {
    hosts: recordedHosts(read(`openb_node_list_${hosts}.csv`)),
    tasks: recordedTasks(read(`openb_pod_list_${list}.csv`)),
  };
}

type RecordedCluster = ReturnType<typeof clusterOf>;

function mean130(cluster: RecordedCluster, policy: Policy): number {
  return meanOf(cluster, policy, "at130");
}

function meanOf(cluster: RecordedCluster, policy: Policy, when: "at100" | "at130"): number {
  const runs = SEEDS.map((seed) => replayPlacement(cluster, { policy, seed })[when]);
  return runs.reduce((sum, run) => sum + run, 0) / runs.length;
}

/** Every third task with GPU may only use the model of some card of the fleet, drawn for each. */
function boundToModels({ hosts, tasks }: RecordedCluster): RecordedCluster {
  const draw = drawFrom(1);
  const models = hosts.flatMap(({ gpu, model }) => Array<string>(gpu).fill(model));
  const bound = (task: RecordedTask): RecordedTask => {
    const model = models[draw(models.length)];
    const isBound = task.gpuCount === 1 && draw(3) === 0 && model !== undefined;
    return isBound ? { ...task, models: [model] } : task;
  };
  return { hosts, tasks: tasks.map(bound) };
}

function withoutCpu({ hosts, tasks }: RecordedCluster): RecordedCluster {
  return { hosts, tasks: tasks.map((task) => ({ ...task, cpuMilli: 0 })) };
}

describe.skipIf(!present)("the recorded cluster", () => {
  test.each([
    { list: "default", random: 87.5, bestFit: 93.1, fgd: 95.4 },
    { list: "gpushare60", random: 83.7, bestFit: 89.4, fgd: 91.4 },
    { list: "multigpu30", random: 89.3, bestFit: 94.7, fgd: 96.5 },
  ])(
    "$list: within half a point of what was published, and beyond it by default",
    ({ list, random, bestFit, fgd }) => {
      const cluster = clusterOf(list);
      const our = (policy: Policy) => mean130(cluster, policy);

      expect(Math.abs(our("random") - random)).toBeLessThan(0.5);
      expect(Math.abs(our("best-fit") - bestFit)).toBeLessThan(0.5);
      expect(Math.abs(our("fgd") - fgd)).toBeLessThan(0.5);
      expect(our("default")).toBeGreaterThan(our("fgd"));
    },
  );

  test.each([
    { what: "a third of the tasks bound to models", change: boundToModels },
    { what: "no task that asks for CPU, so that memory runs out", change: withoutCpu },
  ])("with $what, the default is ahead of the published policy at 100 and at 130 %", ({ change }) => {
    const cluster = change(clusterOf("default"));

    for (const when of ["at100", "at130"] as const)
      expect(meanOf(cluster, "default", when) - meanOf(cluster, "fgd", when)).toBeGreaterThan(0.2);
  });

  test("hosts without GPU change the order of the others, and nothing else", () => {
    const { hosts, tasks } = clusterOf("default", "all_node");
    const withGpu = hosts.filter(({ gpu }) => gpu > 0);

    expect(withGpu.toSorted((a, b) => (a.sn < b.sn ? -1 : 1))).toHaveLength(1213);
    expect(withGpu.reduce((sum, { gpu }) => sum + gpu, 0)).toBe(6212);
    expect(Math.abs(mean130({ hosts, tasks }, "fgd") - 95.4)).toBeLessThan(0.5);
  });
});
