/** Samples of what the agent decides on: orders, containers, records. */
import type { BootId, GpuUuid, HostId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { AttachedGpu } from "@remotegpu/shared/instance/instance";
import type {
  Container,
  ContainerState,
  OwnedContainer,
  RunKey,
} from "@remotegpu/agent/core/container/container";
import type { MonotonicTime, RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { Flags, ReconcileInput } from "@remotegpu/agent/core/reconcile/reconcile";

export const HOST = "host-a" as HostId;
export const BOOT = "11111111-1111-4111-8111-111111111111" as BootId;
export const OTHER_BOOT = "22222222-2222-4222-8222-222222222222" as BootId;
export const HASH = "0".repeat(64);

export const at = (ms: number, bootId: BootId = BOOT): MonotonicTime => ({ bootId, ms });
export const instanceId = (name: string) => name as InstanceId;
export const runId = (name: string) => name as RunId;
export const gpu = (name: string, memoryMib: number | null = null): AttachedGpu => ({
  uuid: `GPU-${name.padStart(8, "0")}` as GpuUuid,
  memoryMib,
});

export function key(changes: Partial<{ instance: string; epoch: number; run: string }> = {}): RunKey {
  const { instance = "env-1", epoch = 1, run = "run-1" } = changes;
  return { instanceId: instanceId(instance), placementEpoch: epoch, runId: runId(run) };
}

export const STARTED_AT = "2026-01-01T00:00:00Z";
export const RUNNING: ContainerState = { state: "running", pid: 4711, startedAt: STARTED_AT };
export const exited = (exitCode: number, outOfMemory = false): ContainerState => ({
  state: "exited",
  exitCode,
  outOfMemory,
  startedAt: STARTED_AT,
  finishedAt: "2026-01-01T00:01:00Z",
});

/** Alive, and lost to the runtime. */
export const LEFT_BEHIND: ContainerState = { state: "left-behind", pids: [4711] };

export function containerOf(
  run: RunKey,
  status: ContainerState = RUNNING,
  changes: Partial<OwnedContainer["owner"]> = {},
): OwnedContainer {
  return {
    containerId: `container-of-${run.runId}`,
    owner: { ...run, hostId: HOST, specHash: HASH, network: "ws-1", gpus: [], ...changes },
    status,
  };
}

/** A run whose only start was at 0, with its gate open. */
export function recordOf(run: RunKey, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    ...run,
    specHash: HASH,
    containerId: `container-of-${run.runId}`,
    starts: 1,
    lastStart: at(0),
    gate: at(100),
    trouble: null,
    stop: null,
    end: null,
    holding: { containerId: `container-of-${run.runId}`, network: "ws-1", gpus: [], group: null },
    ...changes,
  };
}

const QUIET_FLAGS: Flags = {
  startsRefused: null,
  lostGpus: new Map(),
  closedGpus: new Map(),
  refusedGpus: new Map(),
  unclearGpus: new Map(),
  overStorage: new Map(),
  fillingDisk: new Map(),
  disconnectedMs: 0,
  awaitsContact: false,
  stopsUnconfirmed: false,
  reapedOrphans: new Set(),
  letGo: new Set(),
  probed: new Map(),
  access: new Map(),
};

export function reconcileInput({
  flags,
  ...changes
}: Partial<Omit<ReconcileInput, "flags" | "observed">> & {
  observed?: readonly Container[];
  flags?: Partial<Flags>;
} = {}): ReconcileInput {
  return {
    hostId: HOST,
    desired: [],
    observed: [],
    runs: [],
    unserved: [],
    knownEpochs: new Map(),
    now: at(1_000_000),
    ...changes,
    flags: { ...QUIET_FLAGS, ...flags },
  };
}
