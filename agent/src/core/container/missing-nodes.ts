/**
 * Adds to what is told of each run that runs which device nodes of its cards are gone from its container. Only somebody in
 * there takes them away, and a program that has one open keeps it, so that nothing else comes of it.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { inSequence, statementOf, worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { DeviceAccess } from "./device-access.ts";

export function withMissingNodes(
  instances: readonly ObservedInstance[],
  access: ReadonlyMap<RunId, Pick<DeviceAccess, "missing">>,
): ObservedInstance[] {
  return instances.map((instance) => {
    const missing = access.get(instance.runId)?.missing ?? [];
    if (missing.length === 0 || instance.phase !== "ready") return instance;
    const removed: HostReason = { code: "gpu-nodes-removed", params: { nodes: missing.join(", ") } };
    return { ...instance, ...worded(inSequence(statementOf(instance), removed)) };
  });
}
