/** Training jobs in the table of kinds: all ranks start together, and what they write belongs to their workspace's storage. */
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { WAITING_FOR_PLACE } from "../queue/waiting-reasons.ts";
import { type Order, resourceShare } from "../orders/order.ts";
import type { Quota } from "../orders/quota-levels.ts";
import { type JobConfig, jobNeeds, type JobStart } from "./job-config.ts";
import { afterDeadline, afterReports, limitMs } from "./job-status.ts";

export const JOB_KIND = {
  firstRank: () => 0,
  hasManyStarts: false,
  countsWhileWaiting: false,
  hasDrainMessages: false,
  needs: ["restarts-never"] as const,
  startNeeds: ({ config, ...start }: { config: JobConfig | null } & JobStart) => jobNeeds(config, start),
  mayLoadFree: false,
  share: (order: Order): Quota => ({ ...resourceShare(order), storage_quota: 0, environment_quota: 0 }),
  afterReports,
  limitMs,
  afterDeadline,
  waiting: "queued" as const,
  waitsAgain: WAITING_FOR_PLACE,
  hopeless: () => "failed" as const,
  stopping: (status: TrainingJobStatus): TrainingJobStatus | null =>
    status === "queued" || status === "running" ? "stopping" : null,
};
