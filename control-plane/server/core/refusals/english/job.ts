import { messagesFor } from "@remotegpu/shared/reasons/messages";
import type { JOB_CODES } from "../codes/job.ts";

export const JOB_ENGLISH = messagesFor<typeof JOB_CODES>()({
  "output-held": "Attempt {attempt} still has its container; what lies in it can be removed.",
  "job-without-output": "The job has not run yet, so it has no output.",
  "attempt-zero": "counts from 1",
  "path-names-no-attempt": "must name an attempt, or what lies in one",
  "path-outside-attempts": "must be attempt-1 or another attempt of the job, or lie below one of them",
  "code-doubled": "and code_id are two places for one code: name one of them",
  "code-environment-not-run": "is an environment that has not run yet: it has no code",
  "code-environment-deleting": "is an environment that is being deleted",
  "code-environment-unknown": "is no environment of yours",
  "code-not-whole": "is no code that you have brought whole; bring it again",
  "replicas-out-of-bounds": "must be between min_replicas, {min_replicas}, and max_replicas, {max_replicas}",
  "service-key-named": "A key of it has the name {name}; replicas tell keys apart by it.",
  "service-keys-too-many": "There are {max_keys} live keys of it already.",
  "replica-draining":
    "Replica {rank} drains and takes nothing new, so that nobody is told its metrics any more.",
  "replica-not-up": "Replica {rank} is not up, so that nobody tells its metrics: it is {state}.",
  "replica-unreachable": "Replica {rank} cannot be reached now: {detail}",
  "replica-without-metrics": "Replica {rank} tells no metrics: {detail}",
});
