/** Words of training jobs: their orders, arrays, attempts and gangs. */
import type { Descriptions } from "./description.ts";

export const TRAINING_DESCRIPTIONS: Descriptions = {
  "TrainingJobDeletion.id": ["The job", "job-3c9a72d1"],
  "TrainingJobDeletion.status": ["It goes on by itself"],
  "TrainingJobDryRun.price_per_hour": [
    "Of all that would run at once, at most; null for a key without the scope money",
    "4.5000",
  ],
  "TrainingJobDryRun.position": ["Where in the line it would stand now, from 1", 1],
  "TrainingJobDryRun.reason": [
    "What it would wait for, or where it fits",
    "An instance of it fits on 2 hosts now.",
  ],
  "TrainingJobDryRun.hosts": ["What keeps it from each host"],
  "TrainingJobDryRun.suggestions": ["Each alone would start it now"],
  "TrainingJobGroupDeletion.id": ["The array", "jobs-5d20c7f1"],
  "TrainingJobGroupDeletion.status": ["It goes on by itself"],
  "TrainingJobGroup.id": ["Its id", "jobs-5d20c7f1"],
  "TrainingJobGroup.from": ["The first index", 0],
  "TrainingJobGroup.to": ["The last index", 99],
  "TrainingJobGroup.at_once": ["So many of them run at once; null: all of them", 10],
  "TrainingJobGroup.name": ["As it was ordered; each element's name ends with its index", "sweep"],
  "TrainingJobGroup.status": [
    "Of all its elements together; running as soon as one is, and while any is left",
  ],
  "TrainingJobGroup.elements": ["How many of them stand where"],
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
  "JobArray.from": ["The first index", 0],
  "JobArray.to": ["The last index", 99],
  "JobArray.at_once": ["So many of them run at once; all of them, if left out", 10],
  "TrainingJob.group_id": ["The array that it is an element of", "jobs-5d20c7f1"],
  "TrainingJob.array_index": ["Which element of its array", 7],
  "TrainingJob.id": ["Its id", "job-3c9a72d1"],
  "OutputRemoval.status": ["removed; or removing, where its host goes on with it", "removed"],
  "TrainingJob.mounted_datasets": [
    "Datasets in the container, by id; 0 is what the old system wrote for none",
    [12],
  ],
  "TrainingJob.mounted_models": [
    "Models in the container, by id; 0 is what the old system wrote for none",
    [7],
  ],
  "NewTrainingJob.command": ["Run by a shell; its exit code is the job's", "python train.py --epochs 3"],
  "NewTrainingJobConfig.distinct_hosts": ["No two of its instances on one host", true],
  "NewTrainingJobConfig.max_minutes": ["Each attempt is ended then, as failed, and none follows", 90],
  "NewTrainingJobConfig.log_rules": [
    "What the last lines of a failed attempt mean for the next one, at most 16; the first that matches counts",
    [{ name: "bad NVLink", text: "NVLink error", action: "avoid_host" }],
  ],
  "LogRule.name": ["Displayed where it was applied", "bad NVLink"],
  "LogRule.text": ["Searched for literally", "NVLink error"],
  "LogRule.action": [
    "avoid_host: tried again elsewhere, as after a failure of the host; do_not_retry: failed for good",
    "avoid_host",
  ],
  "NewTrainingJobConfig.stop_grace_seconds": [
    "From the word to end to the kill; 30 without it. What is used of a chosen one is charged",
    120,
  ],
  "NewTrainingJobConfig.max_retries": [
    "So often it is tried again after its command failed; 0 without it",
    2,
  ],
  "NewTrainingJobConfig.max_infrastructure_retries": [
    "So often it is tried elsewhere after its host, card, runtime or image failed; 3 without it",
    3,
  ],
  "NewTrainingJobConfig.stall_minutes": [
    "After so long without output, traffic and work its users are notified; 0 never, else at least 0.1; 15 without it",
    30,
  ],
  "NewTrainingJobConfig.stall_retry": [
    "It is ended then, as by its own failure, and retried as max_retries allows",
    true,
  ],
  "TrainingJob.attempt": [
    "Of the one that stands or ended last, from 1; each has runs and an output folder of its own",
    1,
  ],
  "TrainingJob.env_id": ["The environment whose code it has, or that it was made from", "env-5b1f6c0e"],
  "TrainingJob.command": ["What it runs", "python3 train.py"],
  "TrainingJob.host_id": ["The host of the first rank", "host-91d3e7b4"],
  "TrainingJob.status": ["Where it stands"],
};
