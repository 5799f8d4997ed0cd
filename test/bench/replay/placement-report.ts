/** The figures of a replay of placements, as JSON or as a table. */
import type { Policy } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { replayDepartures } from "./placement-departures.ts";
import { clusterOf, placementOptions, type PlacementOptions } from "./placement-options.ts";
import { replayPlacement } from "./placement-protocol.ts";
import type { Cluster } from "./placement-scene.ts";

/** Offered with `--departures`, in per cent of all GPU. */
const LOADS = [100, 130];

interface Result {
  policy: Policy;
  mean100: number;
  mean130: number;
  /** Over the seeds, of a sample. */
  sd130: number;
}

/** Means over the seeds. */
interface SteadyResult {
  policy: Policy;
  load: number;
  allocated: number;
  meanWait: number;
  p95Wait: number;
}

/**
 * What the command prints.
 * @throws ReplayError
 */
export function placementReport(args: string[]): string {
  const options = placementOptions(args);
  const cluster = clusterOf(options);
  if (options.departures) {
    const departures = LOADS.flatMap((load) =>
      options.policies.map((policy) => steadyResultOf(cluster, { policy, load }, options)),
    );
    return options.json ? `${JSON.stringify({ departures })}\n` : steadyTable(departures);
  }
  const results = options.policies.map((policy) => resultOf(cluster, policy, options));
  return options.json ? `${JSON.stringify({ results })}\n` : tableOf(results);
}

function resultOf(cluster: Cluster, policy: Policy, { seeds }: PlacementOptions): Result {
  const runs = seeds.map((seed) => replayPlacement(cluster, { policy, seed }));
  const last = runs.map(({ at130 }) => at130);
  return {
    policy,
    mean100: meanOf(runs.map(({ at100 }) => at100)),
    mean130: meanOf(last),
    sd130: deviationOf(last),
  };
}

function steadyResultOf(
  cluster: Cluster,
  { policy, load }: { policy: Policy; load: number },
  { seeds }: PlacementOptions,
): SteadyResult {
  const runs = seeds.map((seed) => replayDepartures(cluster, { policy, seed, loadPercent: load }));
  return {
    policy,
    load,
    allocated: meanOf(runs.map(({ allocated }) => allocated)),
    meanWait: meanOf(runs.map(({ meanWait }) => meanWait)),
    p95Wait: meanOf(runs.map(({ p95Wait }) => p95Wait)),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

function tableOf(results: readonly Result[]): string {
  return tableText(
    ["policy", "at 100 %", "at 130 %", "deviation"],
    results.map(({ policy, mean100, mean130, sd130 }) => ({ policy, figures: [mean100, mean130, sd130] })),
  );
}

function steadyTable(results: readonly SteadyResult[]): string {
  const tables = LOADS.map((load) =>
    tableText(
      [`at ${load} %`, "allocated", "mean wait", "95 % wait"],
      results
        .filter((result) => result.load === load)
        .map(({ policy, allocated, meanWait, p95Wait }) => ({
          policy,
          figures: [allocated, meanWait, p95Wait],
        })),
    ),
  );
  return tables.join("\n");
}

function tableText(header: string[], results: { policy: Policy; figures: number[] }[]): string {
  const rows = results.map(({ policy, figures }) => [policy, ...figures.map((figure) => figure.toFixed(2))]);
  return [header, ...rows]
    .map(([name = "", ...cells]) => `${name.padEnd(10)}${cells.map((cell) => cell.padStart(11)).join("")}\n`)
    .join("");
}
