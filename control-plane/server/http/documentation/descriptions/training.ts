/** Words of training jobs: their orders, arrays, attempts and gangs. */
import type { Descriptions } from "./description.ts";

export const TRAINING_DESCRIPTIONS: Descriptions = {
  "TrainingJobDeletion.id": ["The job", "job-3c9a72d1"],
  "TrainingJobGroupElements.pending": ["Pausing before another attempt", 0],
  "TrainingJobGroupElements.queued": ["Waiting", 40],
  "TrainingJobGroupElements.running": ["Running", 10],
  "TrainingJobGroupElements.stopping": ["Being stopped", 0],
  "TrainingJobGroupElements.completed": ["Ended with 0", 49],
  "TrainingJobGroupElements.failed": ["Ended otherwise", 1],
  "TrainingJobGroupElements.cancelled": ["Cancelled", 0],
  "NewTrainingJob.array": [
    "As many jobs at once, at most 1,000, each with its index as REMOTEGPU_ARRAY_INDEX; of the quotas each takes its own",
  ],
};
