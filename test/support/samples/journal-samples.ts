/** Run records and desired instances for the journal's tests; no part of a test runner in here. */
import type { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredFetch, FetchId } from "@remotegpu/shared/instance/image-fetch";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import { desiredOf } from "./desired-instance.ts";
import { termsOf } from "./desired-images.ts";

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
    ...desiredOf(instanceId, { env: { GREETING: "two\nlines" } }),
    instanceId: instanceId as InstanceId,
    ...changes,
  };
}

export function fetchOf(fetchId: string, image = "ghcr.io/team/model:1"): DesiredFetch {
  return { fetchId: fetchId as FetchId, image, terms: termsOf("ann") };
}
