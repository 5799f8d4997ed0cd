/** Which workload a shared part tells of, and the requests that workloads of all kinds have. */
import {
  getEnvironment,
  getEnvironmentHistory,
  getEnvironmentLogs,
  getEnvironmentWhy,
  getInferenceService,
  getInferenceServiceHistory,
  getInferenceServiceLogs,
  getInferenceServiceWhy,
  getTrainingJob,
  getTrainingJobHistory,
  getTrainingJobLogs,
  getTrainingJobWhy,
  listEnvironmentEvents,
  listEnvironmentInstances,
  listInferenceServiceEvents,
  listInferenceServiceInstances,
  listTrainingJobEvents,
  listTrainingJobInstances,
} from "@remotegpu/control-plane/client/generated/api";
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";

/** By the kinds of workloads, as the API names them. */
export const WORKLOADS = {
  environment: {
    get: getEnvironment,
    why: getEnvironmentWhy,
    events: listEnvironmentEvents,
    instances: listEnvironmentInstances,
    history: getEnvironmentHistory,
    logs: getEnvironmentLogs,
  },
  training: {
    get: getTrainingJob,
    why: getTrainingJobWhy,
    events: listTrainingJobEvents,
    instances: listTrainingJobInstances,
    history: getTrainingJobHistory,
    logs: getTrainingJobLogs,
  },
  inference: {
    get: getInferenceService,
    why: getInferenceServiceWhy,
    events: listInferenceServiceEvents,
    instances: listInferenceServiceInstances,
    history: getInferenceServiceHistory,
    logs: getInferenceServiceLogs,
  },
} as const;

export interface WorkloadRef {
  kind: keyof typeof WORKLOADS;
  id: string;
  /** Of the stream. */
  topics: readonly StreamTopic[];
}
