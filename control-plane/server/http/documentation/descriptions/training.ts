/** Words of training jobs: their orders, arrays, attempts and gangs. */
import type { Descriptions } from "./description.ts";

export const TRAINING_DESCRIPTIONS: Descriptions = {
  "TrainingJobDeletion.id": ["The job", "job-3c9a72d1"],
  "NewTrainingJob.array": [
    "As many jobs at once, at most 1,000, each with its index as REMOTEGPU_ARRAY_INDEX; of the quotas each takes its own",
  ],
};
