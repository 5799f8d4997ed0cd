/**
 * A container of the runtime as the agent's decisions see it, and the labels that say whose it is. Everything but
 * time can be rebuilt from these labels. What carries no complete set of them is not ours.
 */
import type { GpuUuid, HostId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { AttachedGpu, InstanceSpec } from "@remotegpu/shared/instance/instance";

/** Names one run of one placement; an instance has one placement per epoch, a placement one run at a time. */
export type RunKey = { instanceId: InstanceId; placementEpoch: number; runId: RunId };

export type Owner = RunKey & {
  hostId: HostId;
  specHash: string;
  network: string;
  gpus: AttachedGpu[];
};

export type ContainerState =
  | { state: "created" }
  /** `pid` is the host's; `startedAt` is the runtime's RFC 3339 label, not a proof of time. */
  | { state: "running"; pid: number; startedAt: string }
  /** The exit of its last process; the times are the runtime's RFC 3339 labels. */
  | { state: "exited"; exitCode: number; outOfMemory: boolean; startedAt: string; finishedAt: string }
  | { state: "removing" }
  /**
   * The runtime says that it ended, or knows it no more, and these processes of it (host's pids) are alive: it holds
   * whatever it held (left-behind.ts).
   */
  | { state: "left-behind"; pids: readonly [number, ...number[]] };

/** What a container was created with, of what concerns devices. */
export type CreatedDevices = {
  /** Paths of the host that it was given as devices. */
  devices: readonly string[];
  /** The runtime's drivers from which it was given devices by name: "cdi", "nvidia". */
  drivers: readonly string[];
};

export type Container = {
  containerId: string;
  /** Null where our labels are missing or damaged: such a container is never touched. */
  owner: Owner | null;
  /** The id of the image that it was made of, as `sha256:…`; absent where the runtime does not report it. */
  imageId?: string | undefined;
  /** Absent where the runtime does not say. */
  created?: CreatedDevices | undefined;
  status: ContainerState;
};

export type OwnedContainer = Container & { owner: Owner };

export const LABEL = {
  host: "remotegpu.host",
  instance: "remotegpu.instance",
  epoch: "remotegpu.epoch",
  run: "remotegpu.run",
  specHash: "remotegpu.spec-hash",
  network: "remotegpu.network",
  gpus: "remotegpu.gpus",
} as const;

/** On the canary's container alone, which lacks most of those that say whose it is: it is nobody's run. */
export const CANARY_LABEL = "remotegpu.canary";

/** The runtime's name of the network that a container is in; not among those that say whose it is. */
export const BRIDGE_LABEL = "remotegpu.bridge";

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const EPOCH = /^[1-9][0-9]{0,14}$/;
const HASH = /^[0-9a-f]{64}$/;
const NETWORK = /^(?:ws|gang)-[0-9]+$/;
const GPU = /^((?:GPU|MIG)-[A-Za-z0-9/-]{8,120})(?:=([1-9][0-9]{0,8}))?$/;

/** As labels and records name it. */
export function networkLabel(network: InstanceSpec["network"]): string {
  return typeof network === "string" ? network : `gang-${network.id}`;
}

export function labelsOf(owner: Owner): Record<string, string> {
  return {
    [LABEL.host]: owner.hostId,
    [LABEL.instance]: owner.instanceId,
    [LABEL.epoch]: String(owner.placementEpoch),
    [LABEL.run]: owner.runId,
    [LABEL.specHash]: owner.specHash,
    [LABEL.network]: owner.network,
    [LABEL.gpus]: owner.gpus.map(gpuLabel).join(","),
  };
}

/** It is found and removed with all that is of this host, holds its network, and `ownerOf` knows no owner of it. */
export function canaryLabels({ hostId, network }: Pick<Owner, "hostId" | "network">): Record<string, string> {
  return { [LABEL.host]: hostId, [LABEL.network]: network, [CANARY_LABEL]: "1" };
}

/** The owner that `labelsOf` wrote, or null when any label is missing or not of its form. */
export function ownerOf(labels: Readonly<Record<string, string>>): Owner | null {
  const label = (name: string, form: RegExp) => {
    const value = labels[name];
    return value !== undefined && form.test(value) ? value : null;
  };
  const hostId = label(LABEL.host, ID);
  const instanceId = label(LABEL.instance, ID);
  const epoch = label(LABEL.epoch, EPOCH);
  const runId = label(LABEL.run, ID);
  const specHash = label(LABEL.specHash, HASH);
  const network = label(LABEL.network, NETWORK);
  const gpus = gpusOf(labels[LABEL.gpus]);
  if (!hostId || !instanceId || !epoch || !runId || !specHash || !network || !gpus) return null;
  // The forms above are those of the branded ids; core parses without zod.
  return {
    hostId: hostId as HostId,
    instanceId: instanceId as InstanceId,
    placementEpoch: Number(epoch),
    runId: runId as RunId,
    specHash,
    network,
    gpus,
  };
}

/** Whether it holds what it was given: cards, folders, its time. What the runtime says of it does not decide that. */
export function isRunning(container: Container | null): boolean {
  return container?.status.state === "running" || container?.status.state === "left-behind";
}

export function isSameRun(a: RunKey, b: RunKey): boolean {
  return isSamePlacement(a, b) && a.runId === b.runId;
}

export function isSamePlacement(a: RunKey, b: RunKey): boolean {
  return a.instanceId === b.instanceId && a.placementEpoch === b.placementEpoch;
}

/** A slice of a shared card is `uuid=MiB`, a whole card is the uuid alone. */
function gpuLabel(gpu: AttachedGpu): string {
  return gpu.memoryMib === null ? gpu.uuid : `${gpu.uuid}=${gpu.memoryMib}`;
}

function gpusOf(label: string | undefined): AttachedGpu[] | null {
  if (label === undefined) return null;
  if (label === "") return [];
  const gpus: AttachedGpu[] = [];
  for (const part of label.split(",")) {
    const match = GPU.exec(part);
    if (!match?.[1]) return null;
    gpus.push({ uuid: match[1] as GpuUuid, memoryMib: match[2] === undefined ? null : Number(match[2]) });
  }
  return gpus;
}
