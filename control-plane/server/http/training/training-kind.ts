/**
 * Training jobs among the kinds of workload: what is shown, and what is ordered of one that is there. The order of a
 * new one is in training-jobs.ts.
 */
import { z } from "@hono/zod-openapi";
import { text } from "@remotegpu/shared/values/text";
import { TRAINING_JOB_STATUSES } from "@remotegpu/shared/values/workload";
import { cancelJob, confirmJob, deleteJob, retryJob } from "../../store/orders/job-orders.ts";
import { lockJobOrders } from "../../store/training/job-orders.ts";
import { trainingJobById } from "../../store/training/training-jobs.ts";
import { NamePart, routedKind } from "../workloads/routed-kind.ts";
import { TrainingJob, trainingJobAnswer } from "./training-job-answer.ts";

export const TRAINING_JOBS = routedKind({
  kind: "training",
  path: "training-jobs",
  what: "training job",
  many: "training jobs",
  schema: "TrainingJob",
  summaryOfOne: "One training job with its command, mounts and instances",
  endsByItself: true,
  hasRanks: true,
  services: [],
  filters: {
    status: z.enum(TRAINING_JOB_STATUSES).optional(),
    name: NamePart,
    group_id: text(128).optional().openapi({
      description: "Only elements of this array",
      example: "jobs-5d20c7f1",
    }),
  },
  Answer: TrainingJob,
  answer: trainingJobAnswer,
  byId: trainingJobById,
  orders: {
    lock: async (sql, id) => (await lockJobOrders(sql, [id])).get(id) ?? null,
    answered: { status: 200, description: "The training job" },
    verbs: [
      {
        name: "confirm",
        summary: "Have a job run that waits since the old system; checked like an order",
        prepare: () => confirmJob,
      },
      {
        name: "cancel",
        summary: "Cancel it; one that runs is stopped, and nothing of it is tried again",
        prepare: () => cancelJob,
      },
      {
        name: "retry",
        summary: "Have one that has ended run once more, as its next attempt; checked like an order",
        problems: [402],
        prepare: () => retryJob,
      },
    ],
    deletion: deleteJob,
    // It stays on record.
    ending: cancelJob,
  },
});
