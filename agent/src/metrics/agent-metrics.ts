/** What the agent counts for its metrics while it runs, and the registry that hands it out. */
import type { CollectedMetrics } from "@remotegpu/shared/metrics/collected-metrics";
import { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import { MetricsRegistry } from "@remotegpu/shared/metrics/metrics-registry";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ActionCounts } from "../core/metrics/action-counts.ts";
import { Counts } from "../core/metrics/counts.ts";
import { AGENT_FAMILIES, type AgentMetric, CALL_BUCKETS, LOOP_BUCKETS } from "../core/metrics/families.ts";
import {
  RUNTIME_CALLS,
  runtimeCallName,
  type RuntimeCall,
  type RuntimeCallName,
} from "../core/metrics/runtime-calls.ts";

export class AgentMetrics {
  readonly registry = new MetricsRegistry(AGENT_FAMILIES);
  readonly actions = new ActionCounts();
  readonly callTimeouts = new Counts<RuntimeCallName>(RUNTIME_CALLS);
  readonly #rounds = new DistributionCounter({ bounds: LOOP_BUCKETS, labels: [] }, [[]]);
  readonly #calls = new DistributionCounter(
    { bounds: CALL_BUCKETS, labels: ["call"] },
    RUNTIME_CALLS.map((call) => [call]),
  );

  roundEnded(tookMs: number): void {
    this.#rounds.observe([], tookMs / MS_PER_SECOND);
  }

  callEnded({ what, tookMs, isTimedOut }: RuntimeCall): void {
    const call = runtimeCallName(what);
    this.#calls.observe([call], tookMs / MS_PER_SECOND);
    if (isTimedOut) this.callTimeouts.add(call);
  }

  collectDurations(collected: CollectedMetrics<AgentMetric>): void {
    collected.distributions("agent_loop_duration_seconds", this.#rounds.distributions());
    collected.distributions("agent_runtime_call_duration_seconds", this.#calls.distributions());
  }
}
