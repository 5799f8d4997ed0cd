/** What the agent counts for its metrics while it runs, and the registry that hands it out. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { ActionCounts } from "../core/metrics/action-counts.ts";
import { Counts } from "../core/metrics/counts.ts";
import { AGENT_FAMILIES } from "../core/metrics/families.ts";
import {
  RUNTIME_CALLS,
  runtimeCallName,
  type RuntimeCall,
  type RuntimeCallName,
} from "../core/metrics/runtime-calls.ts";
import { MetricRegistry } from "./metric-registry.ts";

const LOOP_DURATION = "agent_loop_duration_seconds";
const CALL_DURATION = "agent_runtime_call_duration_seconds";

export class AgentMetrics {
  readonly registry = new MetricRegistry(AGENT_FAMILIES);
  readonly actions = new ActionCounts();
  readonly callTimeouts = new Counts<RuntimeCallName>(RUNTIME_CALLS);

  constructor() {
    for (const call of RUNTIME_CALLS) this.registry.begin(CALL_DURATION, { call });
  }

  roundEnded(tookMs: number): void {
    this.registry.observe(LOOP_DURATION, tookMs / MS_PER_SECOND);
  }

  callEnded({ what, tookMs, isTimedOut }: RuntimeCall): void {
    const call = runtimeCallName(what);
    this.registry.observe(CALL_DURATION, tookMs / MS_PER_SECOND, { call });
    if (isTimedOut) this.callTimeouts.add(call);
  }
}
