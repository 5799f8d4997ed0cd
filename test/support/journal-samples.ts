/** Run records and desired instances for the journal's tests; no part of a test runner in here. */
import type { BootId, InstanceId, RunId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { RunRecord } from "@remotegpu/agent/core/run-record";

export const BOOT = "11111111-1111-4111-8111-111111111111" as BootId;
/** Small, so that opening a journal costs a test nothing. */
export const BALLAST_BYTES = 64 * 1024;

export function runRecord(runId: string, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: runId as RunId,
    instanceId: `env-${runId}` as InstanceId,
    placementEpoch: 1,
    specHash: "0".repeat(64),
    containerId: null,
    starts: 1,
    lastStart: null,
    gate: { bootId: BOOT, ms: 0 },
    trouble: null,
    stop: null,
    end: null,
    ...changes,
  };
}

export function desiredInstance(instanceId: string, changes: Partial<DesiredInstance> = {}): DesiredInstance {
  return {
    instanceId: instanceId as InstanceId,
    placementEpoch: 1,
    runId: `run-${instanceId}` as RunId,
    want: "running",
    orderedBy: null,
    specHash: "a".repeat(64),
    spec: {
      kind: "environment",
      workloadId: instanceId as DesiredInstance["spec"]["workloadId"],
      network: "ws-1",
      hostname: instanceId,
      image: "busybox",
      command: null,
      env: { GREETING: "two\nlines" },
      cpuMilli: 1000,
      memoryBytes: 1 << 30,
      pidsLimit: 100,
      storageBytes: null,
      tempStorageBytes: null,
      gpus: [],
      mounts: [],
      folders: [],
      jupyter: false,
      tensorboard: false,
    },
    live: { stopGraceSeconds: 10, onDisconnect: "keep", stopAfterSeconds: null },
    ...changes,
  };
}
