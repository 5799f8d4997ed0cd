/** What the host of an instance said last, with what a test wants of it. */
import type { InstanceReport } from "@remotegpu/control-plane/server/core/instances/instance-report";

export function anInstanceReport(change: Partial<InstanceReport> = {}): InstanceReport {
  return {
    rank: 0,
    state: "ready",
    problem: null,
    detail: null,
    exitCode: null,
    stopOrderedBy: null,
    stopReason: null,
    isBehind: false,
    ...change,
  };
}
