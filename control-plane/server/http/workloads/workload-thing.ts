/** How reasons name a workload, and its kind. */
import type { Reason } from "../../core/reasons/reason.ts";

const CODES = {
  environment: { thing: "named-environment", kind: "kind-environment" },
  "training job": { thing: "named-training-job", kind: "kind-training" },
  "array of jobs": { thing: "named-job-array", kind: "kind-job-array" },
  "inference service": { thing: "named-inference-service", kind: "kind-inference" },
} as const;

/** What a kind of workload is called within an English sentence. */
export type WorkloadNoun = keyof typeof CODES;

export function workloadThing(noun: WorkloadNoun, id: string): Reason {
  return { code: CODES[noun].thing, params: { workload_id: id } };
}

export function kindPhrase(noun: WorkloadNoun): Reason {
  return { code: CODES[noun].kind, params: {} };
}
