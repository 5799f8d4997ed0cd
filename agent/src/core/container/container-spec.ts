/**
 * From an instance's spec and the facts of this host to what the runtime's `create` takes (Docker API, version
 * 1.44 and later; field names are the API's). Hardening lives here and nowhere else: nothing in a spec loosens it.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { PACK_TARGET, unpackingFirst } from "./code-unpacking.ts";
import { launchedCommand } from "./launched-command.ts";
import { BRIDGE_LABEL, canaryLabels, labelsOf, networkLabel } from "./container.ts";
import type { RunKey } from "./container.ts";
import { macOf } from "../gangs/gang-plan.ts";
import { gpuOptions } from "./gpu-attachment.ts";
import type { DeviceRequest, GpuAttachment, GpuOptions } from "./gpu-attachment.ts";

/** Where a container sees what the host gives it, both read-only: programs, and what is changed while it runs. */
export const TOOLBOX_TARGET = "/.remotegpu";
export const LIVE_TARGET = `${TOOLBOX_TARGET}/live`;
const INIT = `${TOOLBOX_TARGET}/init`;
/** This file lies in the folder that is changed while a container runs, once the gang of its rank may go. */
export const RELEASED_FILE = "released";

/**
 * What a root shell of an ordinary development image expects to work: package managers change owners and modes
 * (CHOWN, DAC_OVERRIDE, FOWNER, FSETID), servers drop to a user and confine themselves (SETUID, SETGID, SETPCAP,
 * SYS_CHROOT, AUDIT_WRITE for sshd and login), a supervisor ends its children (KILL), a web server takes port 80.
 * Of the runtime's default set NET_RAW (spoofing on the workspace's bridge), MKNOD and SETFCAP are left out. SYS_PTRACE
 * would lead past the first process' own shield (toolbox-init.c); debuggers need none for processes of their own user.
 */
export const CAPABILITIES = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
] as const;

/** Who enters by SSH is root in there, whatever user the image names; sshd must be able to become it. */
const ROOT = "0:0";

const SIGTERM = 15;

/**
 * Inits of images that refuse to be anything but the first process, and take care of signals and orphans there: s6-overlay's,
 * systemd, and what distributions have as init. Theirs are known by these paths.
 */
const FIRST_PROCESS_ONLY: ReadonlySet<string> = new Set([
  "/init",
  "/sbin/init",
  "/usr/sbin/init",
  "/lib/systemd/systemd",
  "/usr/lib/systemd/systemd",
]);

/** In place of a command: what follows is a signal and a program with its arguments (toolbox-init.c). */
const PROGRAM_FOLLOWS = "--";

const NANO_CPUS_PER_MILLI = 1_000_000;
const LOG_MAX_SIZE = "10m";
const LOG_MAX_FILES = "3";

/** Data loaders hand batches over in shared memory; the default of 64 MiB breaks them. It counts as memory. */
const SHARED_MEMORY_PART = 2;

/** A folder of the pool, as a volume of the runtime or by its path on this host, and where the container sees it. */
export type FolderAt =
  | { kind: "volume"; volume: string; target: string }
  | { kind: "writable"; path: string; target: string };

export type HostFacts = {
  hostId: HostId;
  /** The runtime's name of the workspace's network on this host. */
  networkName: string;
  /** Folder of the host with init, busybox, sshd and its kin. */
  toolboxPath: string;
  /** Folder of the host with what is to be changed while it runs; without one nobody enters by SSH. */
  livePath?: string;
  /** File of the host with what `spec.code` says. */
  codePath?: string;
  /** One for each of `spec.mounts` and `spec.folders`, and for those of `spec.views` that are there. */
  folders: FolderAt[];
  attachment: GpuAttachment;
  /** The image's signal; left out, SIGTERM. */
  stopSignal?: number;
  /** What the image itself runs: its entry point and the command that this is given. Left out, nothing. */
  imageProgram?: ImageProgram;
  /** True where the storage driver can bound a container's writable layer. */
  hasLayerQuota: boolean;
  /** True where the runtime can keep output as the bytes it is. */
  hasLocalLog: boolean;
  /** It is the agent's own canary, and nobody's run. */
  isCanary?: boolean;
};

export type ImageProgram = { entrypoint: readonly string[]; command: readonly string[] };

type Mount =
  | { Type: "volume"; Source: string; Target: string; ReadOnly: true; VolumeOptions: { NoCopy: true } }
  | { Type: "bind"; Source: string; Target: string; ReadOnly: false; BindOptions: { NonRecursive: true } }
  | GpuOptions["mounts"][number];

type Endpoint = { Aliases: string[]; IPAMConfig?: { IPv4Address: string }; MacAddress?: string };

/** The body of `POST /containers/create`, with its name beside it. */
export type ContainerOptions = {
  name: string;
  Hostname: string;
  Image: string;
  /** Left out, these are the image's own. */
  Entrypoint?: string[];
  Cmd?: string[];
  /** Left out, it is the image's own. */
  User?: string;
  /** Likewise. */
  WorkingDir?: string;
  Env: string[];
  Labels: Record<string, string>;
  StopSignal?: string;
  StopTimeout: number;
  Healthcheck: { Test: string[] };
  NetworkingConfig: { EndpointsConfig: Record<string, Endpoint> };
  HostConfig: {
    NetworkMode: string;
    ExtraHosts?: string[];
    IpcMode: "private";
    CgroupnsMode: "private";
    Privileged: false;
    CapDrop: string[];
    CapAdd: string[];
    SecurityOpt: string[];
    PidsLimit: number;
    Memory: number;
    MemorySwap: number;
    NanoCpus: number;
    ShmSize: number;
    RestartPolicy: { Name: "no" };
    LogConfig: { Type: "local" | "json-file"; Config: Record<string, string> };
    Mounts: Mount[];
    Devices: GpuOptions["devices"];
    DeviceRequests: DeviceRequest[];
    StorageOpt?: { size: string };
  };
};

export function containerOptions(desired: DesiredInstance, facts: HostFacts): ContainerOptions {
  const { spec } = desired;
  const gpu = gpuOptions(facts.attachment);
  return {
    name: containerName(facts.hostId, desired),
    Hostname: spec.hostname,
    Image: spec.image,
    ...programOf(spec, facts),
    ...(facts.livePath !== undefined && !waitsForGang(spec) && { User: ROOT }),
    ...(spec.workingFolder !== undefined && { WorkingDir: spec.workingFolder }),
    Env: envList({ ...spec.env, ...gpu.env }),
    Labels: { ...ownLabels(desired, facts), [BRIDGE_LABEL]: facts.networkName },
    StopTimeout: desired.live.stopGraceSeconds,
    // An image's own check would run a command of its own in a loop that nobody reads.
    Healthcheck: { Test: ["NONE"] },
    NetworkingConfig: { EndpointsConfig: { [facts.networkName]: endpointOf(spec) } },
    HostConfig: {
      NetworkMode: facts.networkName,
      ...(spec.hosts !== undefined && {
        ExtraHosts: spec.hosts.map(({ name, address }) => `${name}:${address}`),
      }),
      IpcMode: "private",
      CgroupnsMode: "private",
      Privileged: false,
      CapDrop: ["ALL"],
      CapAdd: [...CAPABILITIES],
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: spec.pidsLimit,
      Memory: spec.memoryBytes,
      // Memory and swap together: no swap, so that the limit is the limit.
      MemorySwap: spec.memoryBytes,
      NanoCpus: spec.cpuMilli * NANO_CPUS_PER_MILLI,
      ShmSize: orderedShmBytes(spec),
      RestartPolicy: { Name: "no" },
      LogConfig: logConfig(facts),
      Mounts: [...mountsOf(facts), ...gpu.mounts],
      Devices: gpu.devices,
      DeviceRequests: gpu.deviceRequests,
      ...layerQuota(spec, facts),
    },
  };
}

function ownLabels(
  desired: DesiredInstance,
  { hostId, isCanary = false }: HostFacts,
): Record<string, string> {
  const network = networkLabel(desired.spec.network);
  if (isCanary) return canaryLabels({ hostId, network });
  return labelsOf({ ...desired, hostId, network, gpus: desired.spec.gpus });
}

export function orderedShmBytes({ shmBytes, memoryBytes }: InstanceSpec): number {
  return shmBytes ?? Math.floor(memoryBytes / SHARED_MEMORY_PART);
}

/** A rank is found at its address by the other hosts of its gang, without their asking. */
function endpointOf({ hostname, network }: InstanceSpec): Endpoint {
  const Aliases = [hostname];
  if (typeof network === "string") return { Aliases };
  const { address } = network;
  return { Aliases, IPAMConfig: { IPv4Address: address }, MacAddress: macOf(address) };
}

/** Its command begins with its gang. Nobody enters it by SSH, so that it stays the image's own user. */
export function waitsForGang({ gate }: Pick<InstanceSpec, "gate">): boolean {
  return gate === "released";
}

/** Its first process, what that is given, and how it is told to end. */
function programOf(
  spec: InstanceSpec,
  { stopSignal, imageProgram }: Pick<HostFacts, "stopSignal" | "imageProgram">,
): Pick<ContainerOptions, "Entrypoint" | "Cmd" | "StopSignal"> {
  const { entrypoint = "init" } = spec;
  const command = commandOf(spec);
  switch (entrypoint) {
    case "init":
    case "shell":
      // Our init stays the first process either way: it reaps, is told by TERM, passes on what the image is ended by, and
      // ends with the command.
      return {
        Entrypoint: [INIT],
        Cmd: waitsForGang(spec)
          ? [command ?? "", String(endSignal(spec, stopSignal)), `${LIVE_TARGET}/${RELEASED_FILE}`]
          : command === null
            ? []
            : [command, ...(stopSignal === undefined ? [] : [String(stopSignal)])],
        StopSignal: "SIGTERM",
      };
    case "image":
      return underInit(imageProgram ?? { entrypoint: [], command: [] }, { command, stopSignal });
  }
}

/**
 * The image's own program as a child of our init: as the first process of its container it would ignore every signal that
 * it has no handler for, TERM included, and hold its GPUs to the end of the grace. A command is given to the entry point
 * as a Dockerfile's in shell form is. Left to the runtime are an image that names no program, which it refuses, and one
 * with an init of its own, which is ended by the signal that the image names.
 */
function underInit(
  { entrypoint, command: own }: ImageProgram,
  { command, stopSignal = SIGTERM }: { command: string | null; stopSignal: number | undefined },
): Pick<ContainerOptions, "Entrypoint" | "Cmd" | "StopSignal"> {
  const program = [...entrypoint, ...(command === null ? own : ["/bin/sh", "-c", command])];
  const [first] = program;
  if (first === undefined) return {};
  if (FIRST_PROCESS_ONLY.has(first)) return command === null ? {} : { Cmd: ["/bin/sh", "-c", command] };
  return {
    Entrypoint: [INIT],
    Cmd: [PROGRAM_FOLLOWS, String(stopSignal), ...program],
    StopSignal: "SIGTERM",
  };
}

/** What stands in place of the command of a rank that follows is ours, and ends by TERM, whatever ends the image's own. */
function endSignal({ launch }: InstanceSpec, imagesOwn = SIGTERM): number {
  return launch?.role === "follows" ? SIGTERM : imagesOwn;
}

function commandOf({ command: ordered, code, launch }: InstanceSpec): string | null {
  const command = launch === undefined ? ordered : launchedCommand(launch, ordered ?? "");
  return command === null || code === undefined ? command : unpackingFirst(command);
}

/** One run, one name: a second create of the same run is refused by the runtime itself. */
export function containerName(hostId: HostId, key: RunKey): string {
  return `rg-${hostId}-${key.instanceId}-${key.placementEpoch}-${key.runId}`;
}

function mountsOf(facts: HostFacts): Mount[] {
  const toolbox = readOnlyBind(facts.toolboxPath, TOOLBOX_TARGET);
  // The runtime mounts by depth, so the toolbox does not cover it.
  const live = facts.livePath === undefined ? [] : [readOnlyBind(facts.livePath, LIVE_TARGET)];
  const code = facts.codePath === undefined ? [] : [readOnlyBind(facts.codePath, PACK_TARGET)];
  return [toolbox, ...live, ...code, ...facts.folders.map(folderMount)];
}

function readOnlyBind(source: string, target: string): Mount {
  return { Type: "bind", Source: source, Target: target, ReadOnly: true };
}

/** That it is read-only stands in the volume's own flags already; the runtime is told too. */
function folderMount(folder: FolderAt): Mount {
  const { target: Target } = folder;
  switch (folder.kind) {
    case "volume":
      return {
        Type: "volume",
        Source: folder.volume,
        Target,
        ReadOnly: true,
        VolumeOptions: { NoCopy: true },
      };
    case "writable":
      // Of the pool's file system alone, not of what may be mounted below the folder.
      return {
        Type: "bind",
        Source: folder.path,
        Target,
        ReadOnly: false,
        BindOptions: { NonRecursive: true },
      };
  }
}

/** NAME=value goes to the runtime as JSON; no shell and no command line ever sees it. */
function envList(env: Record<string, string>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/**
 * Both keep the newest 30 MiB. json-file, which every runtime has, makes replacement characters of what is not UTF-8,
 * the halves of a character at the cut of a long line included.
 */
function logConfig({ hasLocalLog }: HostFacts): ContainerOptions["HostConfig"]["LogConfig"] {
  const limits = { "max-size": LOG_MAX_SIZE, "max-file": LOG_MAX_FILES };
  return hasLocalLog
    ? { Type: "local", Config: { ...limits, compress: "false" } }
    : { Type: "json-file", Config: limits };
}

function layerQuota(spec: InstanceSpec, facts: HostFacts): { StorageOpt?: { size: string } } {
  if (!facts.hasLayerQuota || spec.tempStorageBytes === null) return {};
  return { StorageOpt: { size: String(spec.tempStorageBytes) } };
}
