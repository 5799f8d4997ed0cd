/** The kinds of workload in the store: the one table of what differs between them in the database (kind-store.ts). */
import type {
  EnvironmentStatus,
  InferenceServiceStatus,
  TrainingJobStatus,
  WorkloadKind,
} from "@remotegpu/shared/values/workload";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import type { WorkloadStatus } from "../../core/workloads/kinds.ts";
import { safeBigint } from "../database/values/old-values.ts";
import { ENVIRONMENT_STORE } from "../environments/environment-kind.ts";
import { SERVICE_STORE } from "../inference/service-kind.ts";
import { JOB_STORE } from "../training/job-kind.ts";
import type { KindStore } from "./kind-store.ts";

const KINDS = {
  environment: ENVIRONMENT_STORE satisfies KindStore<EnvironmentStatus>,
  training: JOB_STORE satisfies KindStore<TrainingJobStatus>,
  inference: SERVICE_STORE satisfies KindStore<InferenceServiceStatus>,
};

/** A status is always of the kind that is asked: both come from one row. */
export function storeOf(kind: WorkloadKind): KindStore<WorkloadStatus> {
  return KINDS[kind];
}

/** In the order in which their rows are locked everywhere. */
export const KINDS_IN_LOCK_ORDER: readonly WorkloadKind[] = WORKLOAD_KINDS;

/** One SQL of all kinds: what `each` makes of one, put together. */
export function ofAllKinds(each: (kind: WorkloadKind, store: KindStore<WorkloadStatus>) => string): string {
  return KINDS_IN_LOCK_ORDER.map((kind) => each(kind, storeOf(kind))).join(" UNION ALL ");
}

/** SQL: who ordered the workload of the instance `alias`: variables in specs of its placements are sealed as theirs. */
export const orderActorOfInstance = (alias: string) =>
  `(SELECT ${safeBigint("o.customer_id")} FROM workloads o WHERE o.kind = ${alias}.workload_kind AND o.id = ${alias}.workload_id)`;

/** `kind`, `id`, `first_rank` and `instances` of all that waits for a place. */
export const WAITING_STARTS = ofAllKinds(
  (kind, { waitingStarts }) =>
    `SELECT '${kind}' AS kind, s.id, s.first_rank, s.instances FROM (${waitingStarts}) s`,
);
