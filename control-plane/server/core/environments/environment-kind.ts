/** Environments in the table of kinds: one instance, one start, and what a start takes of the quotas. */
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import { WAITING_FOR_PLACE } from "../queue/waiting-reasons.ts";
import { type InstanceReport, STAYS, type Transition } from "../instances/instance-report.ts";
import { type Order, resourceShare } from "../orders/order.ts";
import type { Quota } from "../orders/quota-levels.ts";
import { afterDeadline, afterReport, limitMs } from "./environment-status.ts";

export const ENVIRONMENT_KIND = {
  firstRank: () => 0,
  hasManyStarts: false,
  countsWhileWaiting: true,
  hasDrainMessages: true,
  needs: [],
  startNeeds: () => [],
  mayLoadFree: false,
  share: (order: Order): Quota => ({
    ...resourceShare(order),
    storage_quota: order.storageBytes ?? 0,
    environment_quota: 1,
  }),
  afterReports: (
    status: EnvironmentStatus,
    [report]: readonly InstanceReport[],
  ): Transition<EnvironmentStatus> => (report === undefined ? STAYS : afterReport(status, report)),
  limitMs,
  afterDeadline,
  waiting: "queued" as const,
  waitsAgain: WAITING_FOR_PLACE,
  hopeless: () => "error" as const,
  stopping: (status: EnvironmentStatus): EnvironmentStatus | null =>
    status === "creating" || status === "running" || status === "restarting" ? "stopping" : null,
};
