/**
 * What of a host's report may matter to a decision, as one short name. Sentences and the numbers of a pull are for people
 * alone; they move every few seconds, and nobody is to be woken for them.
 */
import { canonicalJson } from "@remotegpu/shared/proof/journal-row";
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import type { ObservedState } from "./observed-state.ts";

export function substanceOf({ machine, gpus, instances, leases, pulls }: ObservedState): string {
  const substance = {
    machine,
    gpus,
    instances: instances.map((instance) => ({
      ...instance,
      detail: undefined,
      reason: undefined,
      gpuFaults: undefined,
      openStreams: instance.openStreams === 0,
      idleness: instance.idleness?.isIdle,
      held: instance.held?.findings.map(({ check, isPassed, address }) => ({ check, isPassed, address })),
    })),
    leases: leases?.map((lease) => ({ ...lease, bytesIn: undefined, bytesOut: undefined })) ?? null,
    pulls:
      pulls?.map(({ image, fetchId, instanceIds, state, problem }) => ({
        image,
        fetchId,
        instanceIds,
        state,
        problem,
      })) ?? null,
  };
  return sha256(canonicalJson(substance));
}
