/** `remotegpu job …`: training jobs. How one is ordered is in job-create.ts. */
import {
  confirmTrainingJob,
  deleteTrainingJob,
  endTrainingJobUrgency,
  execInTrainingJob,
  getTrainingJob,
  getTrainingJobLogs,
  getTrainingJobWhy,
  listTrainingJobEvents,
  listTrainingJobInstances,
  listTrainingJobs,
  makeTrainingJobUrgent,
  retryTrainingJob,
} from "../../../client/generated/api.ts";
import type {
  InferenceService,
  ListTrainingJobsStatus,
  TrainingJob,
} from "../../../client/generated/api.schemas.ts";
import { printOne, type Column, type Output } from "../../framework/output.ts";
import { JOB_OUTPUT } from "./job-output.ts";
import { ARRAYS, CANCEL, UPDATE, WAIT } from "./job-arrays.ts";
import { CREATE } from "./job-create.ts";
import { RUN } from "./job-run.ts";
import { ended, jobSentence } from "./job-state.ts";
import { SUBMIT } from "./job-submit.ts";
import { waiversText } from "../waivers-text.ts";
import { CPU_AND_MEMORY, OWNER, workloadGroup } from "../workload-group.ts";

const JOB_HELP: Column<TrainingJob> = ["waits for / says", (row) => row.status_reason];

export const JOB = workloadGroup<TrainingJob, ListTrainingJobsStatus>({
  name: "job",
  summary: "training jobs",
  kind: "job",
  requests: {
    list: listTrainingJobs,
    get: getTrainingJob,
    delete: deleteTrainingJob,
    exec: execInTrainingJob,
    logs: getTrainingJobLogs,
    events: listTrainingJobEvents,
    instances: listTrainingJobInstances,
    why: getTrainingJobWhy,
    makeUrgent: makeTrainingJobUrgent,
    endUrgency: endTrainingJobUrgency,
  },
  hasRanks: true,
  hasArrays: true,
  create: CREATE,
  list: {
    summary: "every job you may see",
    columns: [
      "id",
      "name",
      "status",
      OWNER,
      { wide: "image" },
      { wide: "command" },
      ...CPU_AND_MEMORY,
      "gpu",
      { ifRoom: ["nodes", (row) => row.node_count] },
      JOB_HELP,
    ],
    empty: "No training jobs. Order one: remotegpu job create NAME --image IMAGE -- COMMAND",
    examples: ["job list --watch", "job list -o wide --status running", "job list --array sweep"],
  },
  show: { summary: "one job, whole", print: printWithoutInstances },
  verbs: [
    {
      name: "confirm",
      request: confirmTrainingJob,
      summary: "have a job run that waits since the old system",
    },
    {
      name: "retry",
      request: retryTrainingJob,
      summary: "have one that has ended run once more, as its next attempt",
    },
  ],
  sentence: jobSentence,
  settled: ended,
  update: UPDATE,
  more: [RUN, SUBMIT, CANCEL, WAIT, ARRAYS, JOB_OUTPUT],
  deletion: (id) => `Training job ${id} is being deleted.`,
});

/** They have a command of their own. */
export function printWithoutInstances(output: Output, one: TrainingJob | InferenceService): void {
  const { instances: _instances, ...visible } = one;
  printOne(output, { ...visible, waivers: waiversText(visible) });
}
