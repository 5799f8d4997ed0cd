/**
 * What autoscaling decided and why, in sentences for the people of a service. One that is paused, or runs dry, says what it
 * would do.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { AutoscalingConfig, Metric, ReplicaBounds } from "./autoscaling-config.ts";
import { DOWN_WINDOW_MS, UP_WINDOW_MS } from "./load-history.ts";
import type { Reading, ServiceLoad } from "./service-load.ts";

export type Decision =
  | { kind: "stays"; sentence: string }
  | { kind: "scales"; replicas: number; sentence: string }
  /** It is paused or runs dry: nothing is wished, but what would have been is told. */
  | { kind: "would-scale"; replicas: number; sentence: string };

/** Why. Those with `replicas` ask for that many. */
export type DecisionReason =
  | { kind: "off" }
  | { kind: "sleeps" }
  | { kind: "none-ready" }
  | { kind: "unknown" }
  | {
      kind: "stays";
      load: ServiceLoad;
      /** What of it is not all known. */
      unknown: Reading | undefined;
      belowSince: number | null;
    }
  | { kind: "bound"; replicas: number }
  | { kind: "wake"; replicas: number }
  | { kind: "more"; replicas: number; lasting: number; load: ServiceLoad }
  | { kind: "none"; replicas: number; quietSeconds: number }
  | { kind: "fewer"; replicas: number; largest: number; load: ServiceLoad };

export interface Circumstances {
  now: number;
  isDryRun: boolean;
  config: AutoscalingConfig;
  bounds: ReplicaBounds;
  wanted: number;
  waitingRequests: number;
}

const UNITS: Readonly<Record<Metric, string>> = {
  cpu: "percent of cores",
  qps: "requests a second",
  in_flight: "requests in flight",
};

export function inWords(reason: DecisionReason, circumstances: Circumstances): Decision {
  if (reason.kind === "off") return { kind: "stays", sentence: "Autoscaling is off." };
  const { config, wanted, isDryRun } = circumstances;
  const why = whyOf(reason, circumstances);
  if (!("replicas" in reason)) return { kind: "stays", sentence: `It stays at ${counted(wanted)}: ${why}.` };
  const { replicas } = reason;
  const route = `from ${wanted} to ${counted(replicas)}`;
  if (!config.isPaused && !isDryRun)
    return { kind: "scales", replicas, sentence: `It goes ${route}: ${why}.` };
  const instead = config.isPaused ? "is paused" : "runs dry";
  return { kind: "would-scale", replicas, sentence: `It ${instead}, and would have gone ${route}: ${why}.` };
}

function whyOf(reason: Exclude<DecisionReason, { kind: "off" }>, circumstances: Circumstances): string {
  const { bounds, wanted, waitingRequests } = circumstances;
  switch (reason.kind) {
    case "sleeps":
      return "no request waits";
    case "none-ready":
      return "none is ready yet, which tells nothing of the load";
    case "unknown":
      return "nothing is known of its load";
    case "bound":
      return reason.replicas > wanted ? `min_replicas is ${bounds.min}` : `max_replicas is ${bounds.max}`;
    case "wake":
      return waitingRequests === 1 ? "a request waits" : `${waitingRequests} requests wait`;
    case "none":
      return `no request for ${reason.quietSeconds} s, and none in flight`;
    case "more": {
      const lasted = `for ${UP_WINDOW_MS / MS_PER_SECOND} s there was work for ${visible(reason.lasting)} or more`;
      const bound = reason.lasting > bounds.max ? `, but max_replicas is ${bounds.max}` : "";
      return `${lasted}${bound}; ${loadNow(reason.load)}`;
    }
    case "fewer": {
      const delay = circumstances.config.scaleDownDelayMs / MS_PER_SECOND;
      const window = DOWN_WINDOW_MS / MS_PER_SECOND;
      const most = `in the last ${window} s for ${visible(reason.largest)} at most`;
      return `for ${delay} s there was work for fewer, ${most}; ${loadNow(reason.load)}`;
    }
    case "stays":
      return whyItStays(reason, circumstances);
  }
}

function whyItStays(
  { load, unknown, belowSince }: Extract<DecisionReason, { kind: "stays" }>,
  { now, config, bounds, wanted }: Circumstances,
): string {
  const work = `there is work for ${visible(load.inReplicas)}`;
  if (load.inReplicas > wanted && wanted === bounds.max)
    return `${work}, but max_replicas is ${bounds.max}; ${loadNow(load)}`;
  if (unknown !== undefined) return `${work} at least, but ${silencePhrase(unknown)}; ${loadNow(load)}`;
  if (belowSince === null) return `${work}; ${loadNow(load)}`;
  const since = Math.floor((now - belowSince) / MS_PER_SECOND);
  return `${work}, fewer since ${since} of ${config.scaleDownDelayMs / MS_PER_SECOND} s; ${loadNow(load)}`;
}

function silencePhrase({ metric, silent }: Reading): string {
  const others = silent.length > 1 ? ` and ${silent.length - 1} more` : "";
  const what = metric === "cpu" ? "replica" : `${UNITS[metric]} at gateway`;
  return `nothing is known of ${metric === "cpu" ? "the cores of " : ""}${what} ${silent[0] ?? ""}${others}`;
}

function loadNow({ by: { metric, sum, target } }: ServiceLoad): string {
  return `now ${visible(sum)} ${UNITS[metric]} with target_${metric} ${visible(target)}`;
}

function counted(replicas: number): string {
  return replicas === 1 ? "1 replica" : `${replicas} replicas`;
}

/** Nobody reads more than one digit of a fraction. */
function visible(value: number): string {
  return `${Math.round(value * 10) / 10}`;
}
