/** The config of a training job's order, as API and tables name it. */
import { type Feature, featuresFor } from "@remotegpu/shared/features";
import { STOP_GRACE_SECONDS, viewsOf } from "../instances/desired-set.ts";
import type { OrderConfig } from "../orders/order.ts";
import { type RetryTerms, STANDARD_INFRASTRUCTURE_RETRIES } from "./retries.ts";

export interface JobConfig extends OrderConfig {
  /** It ends by then, as failed. */
  max_minutes?: number | undefined;
  /** From the word to end to the kill. */
  stop_grace_seconds?: number | undefined;
  /** So often it is tried again after its own failure; 0 without it. */
  max_retries?: number | undefined;
  /** So often after a failure of what it stands on; 3 without it. */
  max_infrastructure_retries?: number | undefined;
}

export function retryTerms(config: JobConfig | null): RetryTerms {
  return {
    infrastructure: config?.max_infrastructure_retries ?? STANDARD_INFRASTRUCTURE_RETRIES,
    program: config?.max_retries ?? 0,
  };
}

export function stopGraceSeconds(config: JobConfig | null): number {
  return config?.stop_grace_seconds ?? STOP_GRACE_SECONDS;
}

/** Of the hosts' agents, beyond what every job needs. */
export function jobNeeds(config: JobConfig | null, { attempt }: { attempt: number }): Feature[] {
  const spec = viewsOf({ id: "", attempt });
  return featuresFor({ spec, live: { stopGraceSeconds: stopGraceSeconds(config) } });
}
