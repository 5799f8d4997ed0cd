/** The kinds of workload: the one table of what differs between them that nobody has to be asked for (kind-rules.ts). */
import type { Feature } from "@remotegpu/shared/instance/features";
import type {
  EnvironmentStatus,
  InferenceServiceStatus,
  TrainingJobStatus,
  WorkloadKind,
} from "@remotegpu/shared/values/workload";
import { ENVIRONMENT_KIND } from "../environments/environment-kind.ts";
import { SERVICE_KIND } from "../inference/service-kind.ts";
import { JOB_KIND } from "../training/job-kind.ts";
import type { Order } from "../orders/order.ts";
import type { KindRules } from "./kind-rules.ts";

export type WorkloadStatus = EnvironmentStatus | TrainingJobStatus | InferenceServiceStatus;

const KINDS = {
  environment: ENVIRONMENT_KIND satisfies KindRules<EnvironmentStatus>,
  training: JOB_KIND satisfies KindRules<TrainingJobStatus>,
  inference: SERVICE_KIND satisfies KindRules<InferenceServiceStatus>,
};

/** What the agent of a host must be able to do for an order, beyond what its image needs. */
export function needsOf({ kind, needs = [] }: Pick<Order, "kind" | "needs">): readonly Feature[] {
  return [...KINDS[kind].needs, ...needs];
}

/** A status is always of the kind that is asked: both come from one row. */
export function rulesOf(kind: WorkloadKind): KindRules<WorkloadStatus> {
  return KINDS[kind];
}
