/** A service that autoscaling looks at every two seconds, whose replicas are ready at once and told of without fail. */
import {
  evaluate,
  type Situation,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling";
import {
  type AutoscalingConfig,
  type Metric,
  parseAutoscalingConfig,
} from "@remotegpu/control-plane/server/core/inference/autoscaling/autoscaling-config";
import type { Decision } from "@remotegpu/control-plane/server/core/inference/autoscaling/decision-words";
import { NO_HISTORY } from "@remotegpu/control-plane/server/core/inference/autoscaling/load-history";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import type { Sample } from "@remotegpu/control-plane/server/core/inference/autoscaling/service-load";

export const CHECK_MS = 2_000;
const GATEWAY = "gateway-1";

export function configOf(given: Record<string, unknown>): AutoscalingConfig {
  const parsed = parseAutoscalingConfig(given);
  if (!parsed.valid) throw new Error(parsed.problems.map(inEnglish).join(" "));
  return parsed.config;
}

/** The sum over all of the service; cpu is spread evenly over those that are ready. */
export type SentMetrics = Partial<Record<Metric, number>>;

export function samplesOf(
  reported: SentMetrics,
  { now, readyReplicas }: Pick<Situation, "now" | "readyReplicas">,
): Sample[] {
  const { cpu, ...traffic } = reported;
  const busy = cpu === undefined ? [] : readyReplicas;
  return [
    ...busy.map((source) => ({ metric: "cpu" as const, source, value: (cpu ?? 0) / busy.length, at: now })),
    ...(["qps", "in_flight"] as const).flatMap((metric) => {
      const value = traffic[metric];
      return value === undefined ? [] : [{ metric, source: GATEWAY, value, at: now }];
    }),
  ];
}

export class PlayedService {
  situation: Situation;
  decision: Decision = { kind: "stays", sentence: asReported("") };
  /** How often another number was wished. */
  changes = 0;

  constructor(config: Record<string, unknown>, change: Partial<Situation> = {}) {
    this.situation = {
      now: 1_000_000,
      isEnabled: true,
      isDryRun: false,
      config: configOf(config),
      bounds: { min: 1, max: 10 },
      wanted: 1,
      readyReplicas: [],
      gateways: [GATEWAY],
      samples: [],
      waitingRequests: 0,
      history: NO_HISTORY,
      ...change,
    };
    if (change.readyReplicas === undefined) this.#startAll();
  }

  get wanted(): number {
    return this.situation.wanted;
  }

  /** Looks for so long at what is told, and does what is decided. */
  play(seconds: number, reported: SentMetrics | ((now: number) => SentMetrics)): this {
    for (const until = this.situation.now + seconds * 1_000; this.situation.now < until;)
      this.check(typeof reported === "function" ? reported(this.situation.now) : reported);
    return this;
  }

  check(reported: SentMetrics, change: Partial<Situation> = {}): Decision {
    const before = { ...this.situation, now: this.situation.now + CHECK_MS };
    const situation = { ...before, samples: samplesOf(reported, before), ...change };
    const { decision, history } = evaluate(situation);
    this.decision = decision;
    this.situation = { ...situation, waitingRequests: 0, history };
    if (decision.kind !== "scales") return decision;
    this.changes += 1;
    this.situation.wanted = decision.replicas;
    this.#startAll();
    return decision;
  }

  #startAll(): void {
    this.situation.readyReplicas = Array.from(
      { length: this.situation.wanted },
      (_, rank) => `replica-${rank}`,
    );
  }
}
