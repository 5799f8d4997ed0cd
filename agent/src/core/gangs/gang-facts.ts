/** Adds to what is told of each run what is known of it as a rank of a gang. Pure. */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Finding, ObservedInstance } from "@remotegpu/shared/instance/instance";

/** The facts of one rank: held with what was found so far, or released and out of reach of some. */
export type GangFacts = { held: readonly Finding[] } | { cutOff: readonly string[] };

export function withGangFacts(
  instances: readonly ObservedInstance[],
  facts: ReadonlyMap<RunId, GangFacts>,
): ObservedInstance[] {
  return instances.map((instance) => {
    const known = facts.get(instance.runId);
    if (known === undefined) return instance;
    if ("held" in known)
      return instance.phase === "starting" ? { ...instance, held: { findings: [...known.held] } } : instance;
    const isReported = instance.phase === "ready" && known.cutOff.length > 0;
    return isReported ? { ...instance, cutOff: [...known.cutOff] } : instance;
  });
}
