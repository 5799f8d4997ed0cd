/** The three kinds of workload and every status of theirs, as DESIGN words them; the database CHECKs the same lists. */

export const WORKLOAD_KINDS = ["environment", "training", "inference"] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

export const ENVIRONMENT_STATUSES = [
  "queued",
  "creating",
  "running",
  "stopping",
  "restarting",
  "stopped",
  "error",
  "deleting",
] as const;
export type EnvironmentStatus = (typeof ENVIRONMENT_STATUSES)[number];

export const TRAINING_JOB_STATUSES = [
  "pending",
  "queued",
  "running",
  "stopping",
  "completed",
  "failed",
  "cancelled",
] as const;
export type TrainingJobStatus = (typeof TRAINING_JOB_STATUSES)[number];

export const INFERENCE_SERVICE_STATUSES = ["creating", "running", "stopping", "stopped", "error"] as const;
export type InferenceServiceStatus = (typeof INFERENCE_SERVICE_STATUSES)[number];

export const INSTANCE_STATES = [
  "placed",
  "starting",
  "ready",
  "stopping",
  "stopped",
  "failed",
  "lost",
] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

export const HOST_CONNECTIONS = ["never", "connected", "suspect", "unreachable"] as const;
export type HostConnection = (typeof HOST_CONNECTIONS)[number];
