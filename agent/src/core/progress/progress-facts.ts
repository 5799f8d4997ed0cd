/** Adds to what is told of each run whether it does anything, and whether somebody holds it still. Pure. */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Idleness } from "@remotegpu/shared/instance/progress";

export type ProgressFacts = { idleness: Idleness | null; isFrozen: boolean };

export function withProgress(
  instances: readonly ObservedInstance[],
  facts: ReadonlyMap<RunId, ProgressFacts>,
): ObservedInstance[] {
  return instances.map((instance) => {
    const known = facts.get(instance.runId);
    if (known === undefined || (instance.phase !== "starting" && instance.phase !== "ready")) return instance;
    const isIdlenessReported = known.idleness !== null && instance.phase === "ready";
    return {
      ...instance,
      ...(isIdlenessReported && { idleness: known.idleness ?? undefined }),
      ...(known.isFrozen && { isFrozen: true as const }),
    };
  });
}
