/**
 * How a container gets its GPUs: by CDI names, by the runtime's own NVIDIA support, or plainly by the devices,
 * mounts and environment that the same CDI spec lists. Each way gives exactly the GPUs of the placement.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { AttachMode } from "@remotegpu/shared/messages/host-report";
import type { AttachedGpu } from "@remotegpu/shared/instance/instance";

export type CdiEdits = {
  env: string[];
  deviceNodes: { path: string; hostPath: string; permissions: string }[];
  mounts: { hostPath: string; containerPath: string; options: string[] }[];
};

/** One GPU as the host's CDI specs know it. `edits` holds those of its spec and its own. */
export type CdiDevice = { uuid: GpuUuid; qualifiedName: string; edits: CdiEdits; simulated: boolean };

/** Device nodes of the host by which each card is used, its own first; a card whose own is not known has none. */
export type HostNodes = ReadonlyMap<GpuUuid, readonly string[]>;

export type GpuAttachment =
  | { mode: "none" }
  | { mode: "cdi"; devices: CdiDevice[] }
  /** `nodes`: of the host, each once. */
  | { mode: "gpus"; uuids: GpuUuid[]; nodes: string[] }
  | { mode: "plain"; devices: CdiDevice[] };

export type AttachmentResult =
  | { attached: true; attachment: GpuAttachment }
  | { attached: false; problem: "gpu-missing"; why: HostReason };

/** The parts of a container's options that the attachment decides. */
export type GpuOptions = {
  env: Record<string, string>;
  deviceRequests: DeviceRequest[];
  devices: { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[];
  mounts: { Type: "bind"; Source: string; Target: string; ReadOnly: boolean }[];
};

export type DeviceRequest = { Driver: string; DeviceIDs: string[]; Capabilities: string[][] };

/**
 * The way this host attaches GPUs: CDI where the runtime has it, else the runtime's NVIDIA support, else plainly.
 * Null when there are GPUs and no way. A card that no spec names does not keep the others from being attached: one in MIG
 * mode never is named, since specs name only its slices.
 * @param gpus all that the host lists; of a card in MIG mode nothing is attached whole, so it decides nothing
 * @param known the GPUs of the host that its CDI specs name
 */
export function chooseAttachMode({
  runtime,
  gpus,
  known,
}: {
  runtime: { hasCdi: boolean; hasNvidia: boolean };
  gpus: readonly { uuid: GpuUuid; migEnabled: boolean | null }[];
  known: readonly CdiDevice[];
}): AttachMode | null {
  const whole = gpus.filter(({ migEnabled }) => migEnabled !== true);
  const named = whole.filter(({ uuid }) => known.some((device) => device.uuid === uuid));
  if (named.length === whole.length && runtime.hasCdi) return "cdi";
  // The NVIDIA runtime does not know simulated cards.
  const someSimulated = known.some(
    (device) => device.simulated && gpus.some(({ uuid }) => uuid === device.uuid),
  );
  if (runtime.hasNvidia && !someSimulated) return "gpus";
  if (named.length === 0 && whole.length > 0) return null;
  return runtime.hasCdi ? "cdi" : "plain";
}

/**
 * Cards that this host has no way to give to a container as they are, each with why: nothing is to be placed on them. Of
 * the runtime's own NVIDIA support that is not known beforehand.
 */
export function unattachableGpus(
  gpus: readonly { uuid: GpuUuid }[],
  mode: AttachMode | null,
  known: readonly CdiDevice[],
): Map<GpuUuid, HostReason> {
  if (mode === "gpus") return new Map();
  const unnamed = gpus.filter(({ uuid }) => !known.some((device) => device.uuid === uuid));
  const why: HostReason = {
    code: mode === null ? "gpu-attach-mode-missing" : "gpu-cdi-spec-missing",
    params: {},
  };
  return new Map(unnamed.map(({ uuid }) => [uuid, why]));
}

/** Finds every GPU of a placement on this host, or names the first that is not there. */
export function attachmentOf(
  gpus: readonly AttachedGpu[],
  mode: AttachMode | null,
  known: readonly CdiDevice[],
  nodesOf: HostNodes,
): AttachmentResult {
  const uuids = gpus.map((gpu) => gpu.uuid);
  if (uuids.length === 0) return { attached: true, attachment: { mode: "none" } };
  if (mode === null) {
    return { attached: false, problem: "gpu-missing", why: { code: "gpus-not-attachable", params: {} } };
  }
  if (mode === "gpus") {
    const nodes = [...new Set(uuids.flatMap((uuid) => nodesOf.get(uuid) ?? []))];
    return { attached: true, attachment: { mode, uuids, nodes } };
  }
  const devices: CdiDevice[] = [];
  for (const uuid of uuids) {
    const device = known.find((candidate) => candidate.uuid === uuid);
    if (!device) {
      const why: HostReason = { code: "gpu-not-in-cdi", params: { gpu_uuid: uuid } };
      return { attached: false, problem: "gpu-missing", why };
    }
    devices.push(device);
  }
  return { attached: true, attachment: { mode, devices } };
}

export function gpuOptions(attachment: GpuAttachment): GpuOptions {
  switch (attachment.mode) {
    case "none":
      return options({ NVIDIA_VISIBLE_DEVICES: "void" });
    case "cdi": {
      const names = attachment.devices.map((device) => device.qualifiedName);
      const request: DeviceRequest = { Driver: "cdi", DeviceIDs: names, Capabilities: [] };
      return { ...options(visibleTo(attachment.devices)), deviceRequests: [request] };
    }
    case "gpus": {
      const { uuids, nodes } = attachment;
      const request: DeviceRequest = {
        Driver: "nvidia",
        DeviceIDs: uuids,
        Capabilities: [["gpu", "compute", "utility"]],
      };
      const env = { NVIDIA_VISIBLE_DEVICES: uuids.join(",") };
      return { ...options(env), deviceRequests: [request], devices: nodes.map(sameInside) };
    }
    case "plain":
      return plainOptions(attachment.devices);
  }
}

/**
 * NVIDIA's hook adds a container's device rules behind the back of the runtime, and so of systemd, which takes them away
 * when it reads its units anew and starts one. What the runtime itself was given stays.
 */
function sameInside(node: string): GpuOptions["devices"][number] {
  return { PathOnHost: node, PathInContainer: node, CgroupPermissions: "rwm" };
}

/**
 * Many images carry NVIDIA_VISIBLE_DEVICES=all, with which an NVIDIA runtime would add every GPU of the host, so
 * it is always set: `void` where the devices come another way. The simulated nvidia-smi lists what it names.
 */
function visibleTo(devices: readonly CdiDevice[]): Record<string, string> {
  const simulated = devices.filter((device) => device.simulated).map((device) => device.uuid);
  return { NVIDIA_VISIBLE_DEVICES: simulated.length > 0 ? simulated.join(",") : "void" };
}

/** Two cards of one spec share its common devices and mounts; each path is given once. */
function plainOptions(devices: readonly CdiDevice[]): GpuOptions {
  const edits = devices.map((device) => device.edits);
  const env = edits.flatMap((edit) => edit.env).map(envPair);
  return {
    env: { ...Object.fromEntries(env), ...visibleTo(devices) },
    deviceRequests: [],
    devices: uniqueBy(
      edits.flatMap((edit) => edit.deviceNodes),
      (node) => node.path,
    ).map((node) => ({
      PathOnHost: node.hostPath,
      PathInContainer: node.path,
      CgroupPermissions: node.permissions,
    })),
    mounts: uniqueBy(
      edits.flatMap((edit) => edit.mounts).flatMap(withSoname),
      (mount) => mount.containerPath,
    ).map((mount) => ({
      Type: "bind",
      Source: mount.hostPath,
      Target: mount.containerPath,
      ReadOnly: true,
    })),
  };
}

/**
 * A program looks for `libcuda.so.1`, a spec mounts `libcuda.so.550.54` and leaves the link to a hook. Without
 * hooks the file is mounted under that name too.
 */
function withSoname(mount: CdiEdits["mounts"][number]): CdiEdits["mounts"] {
  const match = /^(.*\/lib[^/]+\.so)\.[0-9]+\.[0-9.]+$/.exec(mount.containerPath);
  return match ? [mount, { ...mount, containerPath: `${match[1]}.1` }] : [mount];
}

function envPair(assignment: string): [string, string] {
  const at = assignment.indexOf("=");
  return at < 0 ? [assignment, ""] : [assignment.slice(0, at), assignment.slice(at + 1)];
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function options(env: Record<string, string>): GpuOptions {
  return { env, deviceRequests: [], devices: [], mounts: [] };
}
