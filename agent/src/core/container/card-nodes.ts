/**
 * Device nodes by which a container uses its cards, as it was created with them: those of its CDI devices, or of the
 * runtime's own NVIDIA support. Without any of them no program there computes.
 */
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { CreatedDevices, OwnedContainer } from "./container.ts";
import type { CdiDevice, HostNodes } from "./gpu-attachment.ts";

export type CardNode = {
  /** The node's path on the host. */
  node: string;
  /** Where the container has it. */
  inside: string;
  /** Cards of the container that are of no use without it. */
  gpus: readonly GpuUuid[];
  /** It was not created with it: only where it is there inside has the runtime's NVIDIA support added it. */
  mayBeAbsent?: true;
};

const OWN = /^\/dev\/nvidia\d+$/;
/** A card's own, and the two that every use of CUDA opens. Others (modeset, capabilities) are not needed to compute. */
const NEEDED = /^\/dev\/nvidia(?:\d+|ctl|-uvm)$/;
const SHARED = ["/dev/nvidiactl", "/dev/nvidia-uvm"];

/** None where the runtime does not say how it was created, and of cards that nothing names. */
export function cardNodes(
  { owner, created }: Pick<OwnedContainer, "owner" | "created">,
  { devices, nodes }: { devices: readonly CdiDevice[]; nodes: HostNodes },
): CardNode[] {
  if (created === undefined) return [];
  const uuids = owner.gpus.map(({ uuid }) => uuid);
  const pairs = created.drivers.includes("nvidia")
    ? uuids.flatMap((uuid) => (nodes.get(uuid) ?? []).map((node) => supportNode(node, uuid, created)))
    : created.drivers.includes("cdi") || created.devices.length > 0
      ? uuids.flatMap((uuid) => cdiNodes(uuid, devices))
      : [];
  return joined(pairs.filter(({ inside }) => NEEDED.test(inside)));
}

function supportNode(node: string, uuid: GpuUuid, { devices }: CreatedDevices): CardNode {
  const known = { node, inside: node, gpus: [uuid] };
  return devices.includes(node) ? known : { ...known, mayBeAbsent: true };
}

function cdiNodes(uuid: GpuUuid, devices: readonly CdiDevice[]): CardNode[] {
  const device = devices.find((one) => one.uuid === uuid);
  return (device?.edits.deviceNodes ?? [])
    .filter(({ permissions }) => permissions.includes("r") && permissions.includes("w"))
    .map(({ path, hostPath }) => ({ node: hostPath, inside: path, gpus: [uuid] }));
}

/** One that several cards share is asked for once. */
function joined(pairs: readonly CardNode[]): CardNode[] {
  const byPath = Map.groupBy(pairs, ({ inside }) => inside);
  return [...byPath.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, gpus: [...new Set(same.flatMap(({ gpus }) => gpus))] }];
  });
}

/**
 * Whether a container has nodes of its cards by the runtime's NVIDIA support alone: device rules that this adds by itself are gone when
 * systemd reads its units anew and starts one. Their nodes cannot be given to it while it runs.
 */
export function hasCardsBySupportAlone({
  owner,
  created,
}: Pick<OwnedContainer, "owner" | "created">): boolean {
  if (created?.drivers.includes("nvidia") !== true) return false;
  const { devices } = created;
  const own = devices.filter((path) => OWN.test(path));
  return own.length < owner.gpus.length || SHARED.some((path) => !devices.includes(path));
}
