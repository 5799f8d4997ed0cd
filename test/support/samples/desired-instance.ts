/** Orders for instances, with everything that a test does not care about filled in. */
import type { InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { GIB, MIB } from "@remotegpu/shared/values/units";

/** A root with busybox under every applet's name, /etc/passwd and /tmp. */
export const BUSYBOX_IMAGE = "remotegpu-test/busybox:1";

/** A small environment on the busybox image; `changes` replace fields of its spec. */
export function desiredOf(
  name: string,
  changes: Partial<InstanceSpec> = {},
  rest: Partial<Omit<DesiredInstance, "spec">> = {},
): DesiredInstance {
  return {
    instanceId: `env-${name}` as InstanceId,
    placementEpoch: 1,
    runId: `run-${name}` as RunId,
    want: "running",
    orderedBy: null,
    specHash: "0".repeat(64),
    live: { stopGraceSeconds: 5, onDisconnect: "keep", stopAfterSeconds: null },
    ...rest,
    spec: {
      kind: "environment",
      workloadId: `env-${name}` as InstanceSpec["workloadId"],
      network: "ws-1",
      hostname: name,
      image: BUSYBOX_IMAGE,
      command: null,
      env: {},
      cpuMilli: 500,
      memoryBytes: 128 * MIB,
      pidsLimit: 64,
      storageBytes: GIB,
      tempStorageBytes: GIB,
      gpus: [],
      mounts: [],
      folders: [],
      jupyter: false,
      tensorboard: false,
      ...changes,
    },
  };
}
