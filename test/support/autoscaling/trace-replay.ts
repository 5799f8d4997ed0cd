/** A trace of load through a simulated service whose replicas follow a rule: what it lost, and what it took. */
import {
  evaluate,
  type Situation,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling";
import type { AutoscalingConfig } from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling-config";
import {
  type LoadHistory,
  NO_HISTORY,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/load-history";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { LoadTrace } from "./load-traces.ts";
import type { Rule, Seen } from "./published-rules.ts";
import { AT_ONCE, SimulatedService, SLOT_MS } from "./simulated-service.ts";

const CHECK_MS = 2 * MS_PER_SECOND;
const BOUNDS = { min: 1, max: 100 };
const GATEWAY = "gateway";

export interface Outcome {
  requests: number;
  lost: number;
  replicaMinutes: number;
  changesPerHour: number;
}

/** @param perReplica so many requests a second are what one replica is for */
export function replayTrace(
  trace: LoadTrace,
  rule: Rule,
  { perReplica, seed }: { perReplica: number; seed: number },
): Outcome {
  const service = new SimulatedService(oracleAt(trace, 0, perReplica), seed);
  let changes = 0;
  while (service.nowMs < trace.lengthMs) {
    service.passSlot(trace.requestsPerSecond(service.nowMs));
    if (service.nowMs % CHECK_MS !== 0) continue;
    const requested = Math.min(BOUNDS.max, Math.max(BOUNDS.min, rule(seenOf(service))));
    if (requested !== service.wanted) changes += 1;
    service.scaleTo(requested);
  }
  return {
    requests: service.requests,
    lost: service.lost,
    replicaMinutes: service.replicaMs / MS_PER_MINUTE,
    changesPerHour: changes / (trace.lengthMs / MS_PER_HOUR),
  };
}

function seenOf(service: SimulatedService): Seen {
  const { busy, ...reported } = service.reported();
  return {
    nowMs: service.nowMs,
    ready: service.ready(),
    wanted: service.wanted,
    ...reported,
    busyPercent: (busy * 100) / AT_ONCE,
  };
}

/** Replica-minutes of somebody who knows each moment before it comes, and whose replicas start at once. */
export function oracleMinutes(trace: LoadTrace, perReplica: number): number {
  let replicaMs = 0;
  for (let atMs = 0; atMs < trace.lengthMs; atMs += SLOT_MS)
    replicaMs += SLOT_MS * oracleAt(trace, atMs, perReplica);
  return replicaMs / MS_PER_MINUTE;
}

function oracleAt(trace: LoadTrace, atMs: number, perReplica: number): number {
  return Math.max(1, Math.ceil(trace.requestsPerSecond(atMs) / perReplica));
}

/** The product's own rule. */
export function ours(config: AutoscalingConfig): Rule {
  let history: LoadHistory = NO_HISTORY;
  return (seen) => {
    const evaluation = evaluate(situationOf(seen, config, history));
    history = evaluation.history;
    return evaluation.decision.kind === "scales" ? evaluation.decision.replicas : seen.wanted;
  };
}

function situationOf(seen: Seen, config: AutoscalingConfig, history: LoadHistory): Situation {
  const { nowMs, ready, wanted, perSecond, inFlight, busyPercent } = seen;
  return {
    now: nowMs,
    isEnabled: true,
    isDryRun: false,
    config,
    bounds: BOUNDS,
    wanted,
    readyReplicas: ready,
    gateways: [GATEWAY],
    samples: [
      ...ready.map((source) => ({
        metric: "cpu" as const,
        source,
        value: busyPercent / ready.length,
        at: nowMs,
      })),
      { metric: "qps", source: GATEWAY, value: perSecond, at: nowMs },
      { metric: "in_flight", source: GATEWAY, value: inFlight, at: nowMs },
    ],
    waitingRequests: 0,
    history,
  };
}
