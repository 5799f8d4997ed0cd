/** `remotegpu job …`: training jobs. How one is ordered is in job-create.ts. */
import type { Row } from "../framework/api-client.ts";
import { printOne, type Column, type Output } from "../framework/output.ts";
import { JOB_OUTPUT } from "../files/job-output.ts";
import { ARRAYS, CANCEL, UPDATE, WAIT } from "./job-arrays.ts";
import { CREATE } from "./job-create.ts";
import { RUN } from "./job-run.ts";
import { ended, jobSentence } from "./job-state.ts";
import { SUBMIT } from "./job-submit.ts";
import { waiversText } from "./waivers-text.ts";
import { CPU_AND_MEMORY, OWNER, workloadGroup } from "./workload-group.ts";

const JOB_HELP: Column = ["waits for / says", (row) => row.status_reason];

export const JOB = workloadGroup({
  name: "job",
  summary: "training jobs",
  kind: "job",
  route: "/training-jobs",
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
    { name: "confirm", summary: "have a job run that waits since the old system" },
    { name: "retry", summary: "have one that has ended run once more, as its next attempt" },
  ],
  sentence: jobSentence,
  settled: ended,
  update: UPDATE,
  more: [RUN, SUBMIT, CANCEL, WAIT, ARRAYS, JOB_OUTPUT],
  deletion: (id) => `Training job ${id} is being deleted.`,
});

/** They have a command of their own. */
export function printWithoutInstances(output: Output, { instances: _instances, ...visible }: Row): void {
  printOne(output, { ...visible, waivers: waiversText(visible) });
}
