/**
 * Our autoscaling beside Knative's and Ray Serve's rules (test/support/autoscaling has them and the service that they all
 * scale): for each trace of load the requests that each loses, its replica-minutes to those of an oracle that knows what
 * comes, and how often it changes its mind. All have the same target; chance is the same for all, and drawn.
 */
import { parseAutoscalingConfig } from "@remotegpu/control-plane/core/inference/autoscaling/autoscaling-config";
import { MS_PER_HOUR } from "@remotegpu/shared/units";
import { type LoadTrace, TRACES } from "../support/autoscaling/load-traces.ts";
import { knative, rayServe, type Rule } from "../support/autoscaling/published-rules.ts";
import { AT_ONCE, REPLICA_PER_SECOND } from "../support/autoscaling/simulated-service.ts";
import { oracleMinutes, type Outcome, ours, replayTrace } from "../support/autoscaling/trace-replay.ts";
import { spreadOf } from "./comparison.ts";

const SEEDS = [1, 2, 3, 4, 5];
/** Knative's usual part of what a replica can do. */
const UTILISATION = 0.7;
const IN_FLIGHT = UTILISATION * AT_ONCE;
const PER_SECOND = UTILISATION * REPLICA_PER_SECOND;

const RULES: Record<string, () => Rule> = {
  "ours, target_in_flight": () => ours(configOf({ target_in_flight: IN_FLIGHT })),
  "ours, target_qps": () => ours(configOf({ target_qps: PER_SECOND })),
  "ours, target_cpu": () => ours(configOf({ target_cpu: 100 * UTILISATION })),
  "Knative's": () => knative(IN_FLIGHT),
  "Ray Serve's": () => rayServe(IN_FLIGHT),
};

export async function measureAutoscaling(say: (line: string) => void): Promise<void> {
  say(
    `Autoscaling: the same load, target ${100 * UTILISATION} % (medians of ${SEEDS.length} seeds; worst in brackets)`,
  );
  for (const trace of TRACES) {
    const oracle = oracleMinutes(trace, PER_SECOND);
    say(`${trace.name}, ${trace.lengthMs / MS_PER_HOUR} h, oracle ${Math.round(oracle)} replica-minutes`);
    for (const [name, rule] of Object.entries(RULES)) say(lineOf(name, outcomesOf(trace, rule), oracle));
  }
}

function configOf(given: Record<string, number>) {
  const parsed = parseAutoscalingConfig(given);
  if (!parsed.valid) throw new Error(parsed.problems.join(" "));
  return parsed.config;
}

function outcomesOf(trace: LoadTrace, rule: () => Rule): Outcome[] {
  return SEEDS.map((seed) => replayTrace(trace, rule(), { perReplica: PER_SECOND, seed }));
}

function lineOf(name: string, outcomes: readonly Outcome[], oracle: number): string {
  const told = (figure: (outcome: Outcome) => number, digits: number, unit: string) => {
    const { median, max } = spreadOf(outcomes.map(figure));
    return `${median.toFixed(digits)} (${max.toFixed(digits)})${unit}`.padStart(24);
  };
  const lost = told(({ lost }) => lost, 0, " lost");
  const minutes = told(({ replicaMinutes }) => replicaMinutes / oracle, 2, " × oracle");
  return `  ${name.padEnd(24)}${lost}${minutes}${told(({ changesPerHour }) => changesPerHour, 1, " changes/h")}`;
}
