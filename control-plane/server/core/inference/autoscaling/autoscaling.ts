/**
 * How many replicas a service is to have by its load: more once the load lasted for 6 s, as many as the last minute needed
 * once fewer would have done for the whole of `scale_down_delay`, none after a time without requests, and one again for
 * whoever waits. What is not known never lowers anything. Only says what is wished; bounds come before everything else.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { AutoscalingConfig, ReplicaBounds } from "./autoscaling-config.ts";
import { type Decision, type DecisionReason, inWords } from "./decision-words.ts";
import { largestLoad, lastingLoad, type LoadHistory, NO_HISTORY, remembered } from "./load-history.ts";
import {
  isQuiet,
  isWhollyKnown,
  readingsAt,
  type Reading,
  type Sample,
  type ServiceLoad,
  serviceLoad,
} from "./service-load.ts";

/** Where no metric is further than this from its target, either way, replicas carry a little more without help. */
const TOLERANCE = 0.1;
/** A quotient of numbers with fractions may lie this much above the whole number that it is. */
const ROUNDING = 1e-9;

export interface Situation {
  now: number;
  isEnabled: boolean;
  /** It only says what it would do, as while it is paused. */
  isDryRun: boolean;
  config: AutoscalingConfig;
  bounds: ReplicaBounds;
  /** As many replicas as are wanted until now; those that still start are capacity like the others. */
  wanted: number;
  readyReplicas: readonly string[];
  /** Those that live. */
  gateways: readonly string[];
  /** What replicas and gateways told, in any order; of each its newest counts. */
  samples: readonly Sample[];
  /** Those that a gateway holds because there is no replica. */
  waitingRequests: number;
  history: LoadHistory;
}

export interface Evaluation {
  decision: Decision;
  history: LoadHistory;
}

export function evaluate(situation: Situation): Evaluation {
  const { now, isEnabled, config, wanted, readyReplicas, samples } = situation;
  if (!isEnabled) return { decision: inWords({ kind: "off" }, situation), history: NO_HISTORY };
  const readings = readingsAt(now, samples, situation);
  // Where nothing is ready, requests wait for the first, and say nothing of how many one can carry.
  const load = readyReplicas.length > 0 ? serviceLoad(readings, config) : null;
  const history = remembered(situation.history, {
    now,
    load: load?.inReplicas ?? null,
    isWhollyKnown: isWhollyKnown(readings, config),
    isQuiet: isQuiet(readings),
    wanted,
    requestedBy: (inReplicas) => requestedBy(inReplicas, situation.bounds),
  });
  return { decision: inWords(inputsOf(situation, { load, readings, history }), situation), history };
}

interface Known {
  load: ServiceLoad | null;
  readings: readonly Reading[];
  history: LoadHistory;
}

function inputsOf(situation: Situation, { load, readings, history }: Known): DecisionReason {
  const { config, bounds, wanted, waitingRequests, readyReplicas } = situation;
  const bounded = clamped(wanted, bounds);
  if (bounded !== wanted) return { kind: "bound", replicas: bounded };
  if (wanted === 0)
    return waitingRequests > 0
      ? // However many they are: what they amount to is seen once one answers.
        { kind: "wake", replicas: 1 }
      : { kind: "sleeps" };
  if (readyReplicas.length === 0) return { kind: "none-ready" };
  if (load === null) return { kind: "unknown" };
  return (
    more(situation, load, history) ??
    none(situation, history) ??
    fewer(situation, load, history) ?? {
      kind: "stays",
      load,
      unknown: readings.find(
        ({ metric, silent }) => config.targets[metric] !== undefined && silent.length > 0,
      ),
      belowSince: history.below?.since ?? null,
    }
  );
}

function more(situation: Situation, load: ServiceLoad, history: LoadHistory) {
  const { now, bounds, wanted } = situation;
  const lasting = lastingLoad(history, { now, reportedSince: load.by.reportedSince });
  if (lasting === null || isNearEveryTarget(situation, load, lasting)) return null;
  const replicas = requestedBy(lasting, bounds);
  return replicas > wanted ? { kind: "more" as const, replicas, lasting, load } : null;
}

/** How far beyond is what lasted of the largest; how far below, what is known of each now. */
function isNearEveryTarget(
  { wanted, config: { targets } }: Situation,
  { readings }: ServiceLoad,
  lasting: number,
): boolean {
  if (lasting > wanted * (1 + TOLERANCE) + ROUNDING) return false;
  return readings.every(({ metric, sum, silent, reportedSince }) => {
    const target = targets[metric];
    // Of what is not all known nobody can say that it is far below.
    if (target === undefined || silent.length > 0 || reportedSince === Infinity) return true;
    return sum / target >= wanted * (1 - TOLERANCE) - ROUNDING;
  });
}

function none({ now, config, bounds }: Situation, { quietSince }: LoadHistory) {
  const after = config.scaleToZeroAfterMs;
  if (bounds.min > 0 || after === null || quietSince === null || now - quietSince < after) return null;
  return { kind: "none" as const, replicas: 0, quietSeconds: Math.floor((now - quietSince) / MS_PER_SECOND) };
}

function fewer({ now, config, bounds, wanted }: Situation, load: ServiceLoad, history: LoadHistory) {
  const { below } = history;
  if (below === null || now - below.since < config.scaleDownDelayMs) return null;
  const largest = largestLoad(history, now);
  if (largest === null) return null;
  const replicas = requestedBy(largest, bounds);
  return replicas < wanted ? { kind: "fewer" as const, replicas, largest, load } : null;
}

/** By its load alone a service goes down to one at least: to none it goes for want of requests. */
function requestedBy(inReplicas: number, bounds: ReplicaBounds): number {
  return clamped(Math.max(1, Math.ceil(inReplicas - ROUNDING)), bounds);
}

function clamped(replicas: number, { min, max }: ReplicaBounds): number {
  return Math.min(max, Math.max(min, replicas));
}
