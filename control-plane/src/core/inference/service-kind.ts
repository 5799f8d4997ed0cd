/** Inference services in the table of kinds: each replica is an instance with a start of its own, beside the others. */
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import { type Order, resourceShare } from "../orders/order.ts";
import type { Quota } from "../orders/quota-levels.ts";
import { afterDeadline, afterReports, limitMs } from "./service-status.ts";

export const SERVICE_KIND = {
  firstRank: (rank: number) => rank,
  hasManyStarts: true,
  countsWhileWaiting: true,
  chargesGrace: false,
  needs: ["image-entrypoint"] as const,
  startNeeds: () => [],
  share: (order: Order): Quota => ({ ...resourceShare(order), storage_quota: 0, environment_quota: 0 }),
  afterReports,
  limitMs,
  afterDeadline,
  waiting: "creating" as const,
  waitsAgain: "A replica waits for a place.",
  hopeless: "error" as const,
  stopping: (status: InferenceServiceStatus): InferenceServiceStatus | null =>
    status === "creating" || status === "running" ? "stopping" : null,
};
