/** What autoscaling decided and why, for the people of a service. One that is paused, or runs dry, says what it would do. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../../reasons/reason.ts";
import type { AutoscalingConfig, ReplicaBounds } from "./autoscaling-config.ts";
import { DOWN_WINDOW_MS, UP_WINDOW_MS } from "./load-history.ts";
import type { Reading, ServiceLoad } from "./service-load.ts";

export type Decision =
  | { kind: "stays"; sentence: Reason }
  | { kind: "scales"; replicas: number; sentence: Reason }
  /** It is paused or runs dry: nothing is wished, but what would have been is told. */
  | { kind: "would-scale"; replicas: number; sentence: Reason };

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

export function inWords(reason: DecisionReason, circumstances: Circumstances): Decision {
  if (reason.kind === "off") return { kind: "stays", sentence: { code: "autoscaling-off", params: {} } };
  const { config, wanted, isDryRun } = circumstances;
  const why = whyOf(reason, circumstances);
  if (!("replicas" in reason))
    return { kind: "stays", sentence: { code: "replicas-stay", params: { replicas: wanted, why } } };
  const { replicas } = reason;
  const params = { from: wanted, to: replicas, why };
  if (!config.isPaused && !isDryRun)
    return { kind: "scales", replicas, sentence: { code: "replicas-change", params } };
  const code = config.isPaused ? "replicas-would-change-paused" : "replicas-would-change-dry";
  return { kind: "would-scale", replicas, sentence: { code, params } };
}

function whyOf(reason: Exclude<DecisionReason, { kind: "off" }>, circumstances: Circumstances): Reason {
  switch (reason.kind) {
    case "sleeps":
      return { code: "no-request-waits", params: {} };
    case "none-ready":
      return { code: "no-replica-ready", params: {} };
    case "unknown":
      return { code: "load-unknown", params: {} };
    case "bound":
      return boundReason(reason, circumstances);
    case "wake":
      return { code: "requests-wait", params: { requests: circumstances.waitingRequests } };
    case "none":
      return { code: "no-request-since", params: { seconds: reason.quietSeconds } };
    case "more":
      return whyMore(reason, circumstances);
    case "fewer":
      return whyFewer(reason, circumstances);
    case "stays":
      return whyItStays(reason, circumstances);
  }
}

type OfKind<Kind extends DecisionReason["kind"]> = Extract<DecisionReason, { kind: Kind }>;

function boundReason({ replicas }: OfKind<"bound">, { bounds, wanted }: Circumstances): Reason {
  return replicas > wanted
    ? { code: "at-min-replicas", params: { min_replicas: bounds.min } }
    : { code: "at-max-replicas", params: { max_replicas: bounds.max } };
}

function whyMore({ lasting, load }: OfKind<"more">, { bounds }: Circumstances): Reason {
  const params = { seconds: UP_WINDOW_MS / MS_PER_SECOND, work: visible(lasting), load: loadNow(load) };
  return lasting > bounds.max
    ? { code: "load-lasted-beyond-max", params: { ...params, max_replicas: bounds.max } }
    : { code: "load-lasted", params };
}

function whyFewer({ largest, load }: OfKind<"fewer">, { config }: Circumstances): Reason {
  return {
    code: "load-fell",
    params: {
      seconds: config.scaleDownDelayMs / MS_PER_SECOND,
      window_seconds: DOWN_WINDOW_MS / MS_PER_SECOND,
      work: visible(largest),
      load: loadNow(load),
    },
  };
}

function whyItStays(
  { load, unknown, belowSince }: OfKind<"stays">,
  { now, config, bounds, wanted }: Circumstances,
): Reason {
  const params = { work: visible(load.inReplicas), load: loadNow(load) };
  if (load.inReplicas > wanted && wanted === bounds.max)
    return { code: "load-beyond-max", params: { ...params, max_replicas: bounds.max } };
  if (unknown !== undefined)
    return { code: "load-partly-unknown", params: { ...params, unknown: silenceReason(unknown) } };
  if (belowSince === null) return { code: "load-steady", params };
  const seconds = Math.floor((now - belowSince) / MS_PER_SECOND);
  const delay = config.scaleDownDelayMs / MS_PER_SECOND;
  return { code: "load-falling", params: { ...params, seconds, delay_seconds: delay } };
}

function silenceReason(reading: Reading): Reason {
  const unknown = firstSilent(reading);
  const more = reading.silent.length - 1;
  return more > 0 ? { code: "unknown-of-more", params: { unknown, more } } : unknown;
}

function firstSilent({ metric, silent: [first = ""] }: Reading): Reason {
  switch (metric) {
    case "cpu":
      return { code: "cpu-unknown", params: { replica: first } };
    case "qps":
      return { code: "request-rate-unknown", params: { gateway: first } };
    case "in_flight":
      return { code: "requests-in-flight-unknown", params: { gateway: first } };
  }
}

function loadNow({ by: { metric, sum, target: exact } }: ServiceLoad): Reason {
  const [value, target] = [visible(sum), visible(exact)];
  switch (metric) {
    case "cpu":
      return { code: "cpu-load", params: { percent: value, target } };
    case "qps":
      return { code: "request-rate-load", params: { rate: value, target } };
    case "in_flight":
      return { code: "requests-in-flight-load", params: { requests: value, target } };
  }
}

/** Nobody reads more than one digit of a fraction. */
function visible(value: number): number {
  return Math.round(value * 10) / 10;
}
