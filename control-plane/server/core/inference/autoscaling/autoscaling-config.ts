/**
 * What a service's people order of its autoscaling: `autoscaling_config` as API and table name it. What is wrong with it is
 * reported all at once; nothing is decided here.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../../reasons/reason.ts";

/** What a target may be given for; the key is `target_` with the name. */
export const METRICS = ["cpu", "qps", "in_flight"] as const;
export type Metric = (typeof METRICS)[number];

const STANDARD_TARGET_CPU = 80;
const STANDARD_SCALE_DOWN_DELAY_SECONDS = 300;
const SECONDS_PER_DAY = 86_400;
/** The bound of requests; no replica carries more. */
export const MAX_TARGET = 1_000_000;
/** A replica is never busier than all of its cores. */
export const MAX_TARGET_CPU = 100;

export interface AutoscalingConfig {
  /** What one replica is to carry. At least one is given. */
  targets: Readonly<Partial<Record<Metric, number>>>;
  scaleDownDelayMs: number;
  /** Null: never down to none. */
  scaleToZeroAfterMs: number | null;
  /** It only says what it would do. */
  isPaused: boolean;
}

export type ParsedConfig =
  | { valid: true; config: AutoscalingConfig }
  | { valid: false; problems: readonly Reason[] };

interface Key {
  isGood: (value: unknown) => boolean;
  mustBe: Reason;
}

const KEYS: Readonly<Record<string, Key>> = {
  target_cpu: target("must-be-cpu-percent", MAX_TARGET_CPU),
  target_qps: target("must-be-request-rate", MAX_TARGET),
  target_in_flight: target("must-be-requests-at-once", MAX_TARGET),
  scale_down_delay: wholeSeconds(0),
  scale_to_zero_after: wholeSeconds(1),
  paused: { isGood: (value) => typeof value === "boolean", mustBe: { code: "must-be-boolean", params: {} } },
};

function target(
  code: "must-be-cpu-percent" | "must-be-request-rate" | "must-be-requests-at-once",
  max: number,
): Key {
  return {
    isGood: (value) => typeof value === "number" && value > 0 && value <= max,
    mustBe: { code, params: { most: max } },
  };
}

function wholeSeconds(min: number): Key {
  return {
    isGood: (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= SECONDS_PER_DAY,
    mustBe: { code: "must-be-seconds", params: { least: min, most: SECONDS_PER_DAY } },
  };
}

/** @param given without a key, or with null for it, what is usual applies */
export function parseAutoscalingConfig(given: Readonly<Record<string, unknown>> | null): ParsedConfig {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const problems = entries.flatMap(([name, value]) => problemOf(name, value) ?? []);
  return problems.length > 0
    ? { valid: false, problems }
    : { valid: true, config: configOf(new Map(entries)) };
}

function problemOf(name: string, value: unknown): Reason | null {
  // A name like "constructor" is no key of ours, though every object answers to it.
  const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
  if (key === undefined)
    return {
      code: "autoscaling-key-unknown",
      params: { key: JSON.stringify(name).slice(1, -1), keys: { names: Object.keys(KEYS), more: 0 } },
    };
  return key.isGood(value)
    ? null
    : { code: "autoscaling-value-wrong", params: { key: name, must_be: key.mustBe } };
}

function configOf(values: ReadonlyMap<string, unknown>): AutoscalingConfig {
  const numberOf = (name: string) => {
    const value = values.get(name);
    return typeof value === "number" ? value : null;
  };
  const targets: Partial<Record<Metric, number>> = {};
  for (const metric of METRICS) {
    const wanted = numberOf(`target_${metric}`);
    if (wanted !== null) targets[metric] = wanted;
  }
  const zeroAfter = numberOf("scale_to_zero_after");
  return {
    targets: Object.keys(targets).length > 0 ? targets : { cpu: STANDARD_TARGET_CPU },
    scaleDownDelayMs: (numberOf("scale_down_delay") ?? STANDARD_SCALE_DOWN_DELAY_SECONDS) * MS_PER_SECOND,
    scaleToZeroAfterMs: zeroAfter === null ? null : zeroAfter * MS_PER_SECOND,
    isPaused: values.get("paused") === true,
  };
}

/** Within which anything may happen. */
export interface ReplicaBounds {
  min: number;
  max: number;
}
