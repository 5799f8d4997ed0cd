/** Inference services in the table of kinds: each replica is an instance with a start of its own, beside the others. */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { REPLICA_WAITING_FOR_PLACE } from "../queue/waiting-reasons.ts";
import { STAYS } from "../instances/instance-report.ts";
import { type Order, resourceShare } from "../orders/order.ts";
import type { Quota } from "../orders/quota-levels.ts";
import { type ServiceConfig, serviceNeeds } from "./service-config.ts";
import { afterDeadline, limitMs } from "./service-status.ts";
import { isWanted } from "./wanted-replicas.ts";

export const SERVICE_KIND = {
  firstRank: (rank: number) => rank,
  hasManyStarts: true,
  countsWhileWaiting: true,
  hasDrainMessages: false,
  needs: ["image-entrypoint", "probes"] as const,
  startNeeds: ({ config }: { config: ServiceConfig | null }) => serviceNeeds(config),
  mayLoadFree: true,
  share: (order: Order): Quota => ({ ...resourceShare(order), storage_quota: 0, environment_quota: 0 }),
  // Each replica lives and fails by itself: they are looked at by rules of their own (replicas.ts).
  afterReports: () => STAYS,
  limitMs,
  afterDeadline,
  waiting: "creating" as const,
  waitsAgain: REPLICA_WAITING_FOR_PLACE,
  // The replica is given up, and what that makes of its service is for the same rules to say.
  hopeless: () => null,
  stopping: (status: InferenceServiceStatus): InferenceServiceStatus | null =>
    isWanted(status) ? "stopping" : null,
};
