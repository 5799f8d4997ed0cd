/**
 * The canary's container as an order, so that it is made by the same function as a customer's: no GPUs, a workspace's
 * bridge of its own, the program of its image under our init. It differs by its labels alone (container.ts), which make
 * it nobody's run: it is never metered, reported, adopted or reaped.
 */
import type { HostId, InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { CANARY_LIMITS } from "./canary-room.ts";
import { connectionsOf, type Target } from "./canary-targets.ts";

/** By these the container has its name, and nothing else knows them. */
export type CanaryIds = { instanceId: InstanceId; runId: RunId; workloadId: WorkloadId };

/** A network that no workspace can have the name of. */
const CANARY_NETWORK = "canary";

const REPOSITORY = "localhost/remotegpu-canary";
/** As many hex digits of the program's hash as tell one version from another. */
const HASH_DIGITS = 12;

/** Each host has its own, so that none takes away another's of the same machine; nothing can be pulled by that name. */
export function canaryImage(hostId: HostId, programHash: string): { repository: string; tag: string } {
  return { repository: REPOSITORY, tag: `${hostId}-${programHash.slice(0, HASH_DIGITS)}` };
}

/** Whether a name of an image is that of a canary, of whatever host and version. */
export function isCanaryImage(name: string): boolean {
  return name.startsWith(`${REPOSITORY}:`);
}

/** Whether it is one of this host's. */
export function isCanaryImageOf(hostId: HostId, name: string): boolean {
  const prefix = `${REPOSITORY}:${hostId}-`;
  return name.startsWith(prefix) && name.length === prefix.length + HASH_DIGITS;
}

export type CanaryHost = {
  /** A process of the host that must be out of reach; null: none is tried. */
  outsidePid: number | null;
  /** Paths of the host that no container sees. */
  paths: readonly string[];
  runtimeSocket: string;
  targets: readonly Target[];
};

export function canaryOrder(
  ids: CanaryIds,
  { image, host }: { image: string; host: CanaryHost },
): DesiredInstance {
  return {
    instanceId: ids.instanceId,
    placementEpoch: 1,
    runId: ids.runId,
    want: "running",
    orderedBy: null,
    specHash: "0".repeat(64),
    spec: {
      kind: "inference",
      workloadId: ids.workloadId,
      network: CANARY_NETWORK,
      hostname: "canary",
      image,
      command: null,
      env: environmentOf(host),
      ...CANARY_LIMITS,
      storageBytes: null,
      tempStorageBytes: null,
      gpus: [],
      mounts: [],
      folders: [],
      jupyter: false,
      tensorboard: false,
      restarts: "never",
      entrypoint: "image",
    },
    live: { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null },
  };
}

function environmentOf({ outsidePid, paths, runtimeSocket, targets }: CanaryHost): Record<string, string> {
  return {
    CANARY_PID: outsidePid === null ? "" : String(outsidePid),
    CANARY_PATHS: paths.join(":"),
    CANARY_SOCKET: runtimeSocket,
    CANARY_CONNECT: connectionsOf(targets)
      .map(({ address, port }) => `${address}:${port}`)
      .join(" "),
  };
}
