/**
 * What a placement may wait for, for how long, and whose turn it is. Every state that is not an end is here; what is
 * not is a rest (running as wanted) or an end. A missing answer never frees a card that may be in use, so beyond the
 * deadline people are told, who alone can say that a host is lost.
 */
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import { START_LIMIT_MS, STOP_LIMIT_MS } from "./instance-report.ts";
import type { Reason } from "../reasons/reason.ts";

export type Want = DesiredInstance["want"];
export type PlacementWait = "start" | "stop" | "removal";

export interface WaitRule {
  want: Want;
  states: readonly InstanceState[];
  waitsFor: PlacementWait;
  limitMs: number;
}

const NOT_OVER = ["placed", "starting", "ready", "stopping"] as const;

/** In all of them the host is to act; how late it is is the control plane's to see (controllers/scheduling/placement-waits.ts). */
export const WAIT_RULES: readonly WaitRule[] = [
  { want: "running", states: ["placed", "starting", "stopping"], waitsFor: "start", limitMs: START_LIMIT_MS },
  { want: "stopped", states: NOT_OVER, waitsFor: "stop", limitMs: STOP_LIMIT_MS },
  {
    want: "removed",
    states: [...NOT_OVER, "stopped", "failed", "lost"],
    waitsFor: "removal",
    limitMs: STOP_LIMIT_MS,
  },
];

/** Null where it may stay as it is for ever. */
export function waitOf({ want, state }: { want: Want; state: InstanceState }): WaitRule | null {
  return WAIT_RULES.find((rule) => rule.want === want && rule.states.includes(state)) ?? null;
}

export function overdueReason(wait: PlacementWait, hostName: string): Reason {
  return { code: `placement-${wait}-overdue`, params: { host_name: hostName } };
}
