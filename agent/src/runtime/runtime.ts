/**
 * The container runtime as the loop uses it: what is there, and one function for each action that touches it. It
 * decides nothing; the journal is written by the loop before these are called.
 */
import { worded, type Worded } from "@remotegpu/shared/reasons/host-reports/statement";
import { setTimeout as delay } from "node:timers/promises";
import type { HostId, RunId } from "@remotegpu/shared/values/ids";
import type { AttachMode } from "@remotegpu/shared/messages/host-report";
import type { DesiredInstance, InstanceProblem, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { isCanaryImageOf } from "../core/canary/canary-order.ts";
import { attachmentOf } from "../core/container/gpu-attachment.ts";
import type { CdiDevice, GpuAttachment, HostNodes } from "../core/container/gpu-attachment.ts";
import { codeFolderArchive } from "../core/container/code-unpacking.ts";
import { networkLabel, type Container } from "../core/container/container.ts";
import { containerOptions } from "../core/container/container-spec.ts";
import type { RuntimeCall } from "../core/metrics/runtime-calls.ts";
import { Containers } from "./containers.ts";
import type { HostSide } from "./containers.ts";
import { Docker } from "./docker/docker.ts";
import { watchEvents } from "./docker/events.ts";
import { Execs } from "./output/exec.ts";
import type { ExecOrder, ExecResult } from "./output/exec.ts";
import { broughtBy } from "./images/brought.ts";
import { Images } from "./images/images.ts";
import type { OutputPiece } from "./output/log-frames.ts";
import { logPieces, type LogQuery } from "./output/log-stream.ts";
import { serviceOutput, type ServiceQuery } from "./output/service-output.ts";
import { Networks } from "./networks/networks.ts";
import { NotEndingError, RuntimeDown, RuntimeError } from "./docker/runtime-error.ts";
import { runtimeInfo } from "./docker/runtime-info.ts";
import type { RuntimeInfo } from "./docker/runtime-info.ts";
import {
  besideBytes,
  deviceOf,
  diskUsage,
  layerBytes,
  layerOf,
  type Layer,
} from "./storage/storage-usage.ts";
import { resolveFolders, Volumes } from "./storage/volumes.ts";
import type { ResolvedFolder } from "./storage/volumes.ts";

/** A removal that is under way already takes the runtime a moment. */
const MAX_REMOVAL_CHECKS = 20;
const REMOVAL_CHECK_MS = 250;
/** After the grace, for the runtime's own KILL to take effect. */
const KILL_SLACK_MS = 1_000;
/** For who may never have heard a TERM, after all of the grace has passed. */
const LAST_WORD_MS = 2_000;

/** The processes of a container, by the kernel's word. */
type ContainerProcesses = {
  terminate(
    containerId: string,
    options: { withinMs: number; recorded: string | null; signal?: AbortSignal },
  ): Promise<void>;
  /** Resolves with what could not be ended. */
  end(
    containerId: string,
    options: { recorded: string | null },
  ): Promise<readonly { pid: number; name: string | null }[]>;
};

export type RuntimeOptions = HostSide & {
  hostId: HostId;
  socketPath?: string;
  /** Folder that `source` of mounts and folders is below. */
  poolRoot: string;
  /** What `installToolbox` returned. */
  toolboxPath: string;
  processes: ContainerProcesses;
  /** Called after each event of a container of ours, and when the event stream comes back. */
  wake: () => void;
  /** Each time the event stream breaks off; it is opened again. */
  onEventsBroken: (cause: unknown) => void;
  /** Called with each call of the runtime that has ended, however it did. */
  onCall?: (call: RuntimeCall) => void;
};

/** What the host knows of its GPUs when a container is started. */
export type GpuFacts = { mode: AttachMode | null; devices: readonly CdiDevice[]; nodes: HostNodes };

/** Whether a start can be made now, its image aside. Nothing is made yet, but folders of the pool. */
export type Readiness =
  | { kind: "ready"; attachment: GpuAttachment; folders: ResolvedFolder[] }
  /** Not on this host as it is. */
  | (Worded & { kind: "refused"; problem: InstanceProblem });

/** Where a run writes, on this host. */
export type StorageGround = {
  layer: Layer;
  /** Its code and output folders; null where they cannot be found. */
  folders: readonly string[] | null;
  folderDevices: ReadonlySet<number>;
};

/** All methods that return promises reject with RuntimeError or RuntimeDown, and with nothing else. */
export class Runtime {
  readonly images: Images;
  readonly #options: RuntimeOptions;
  readonly #docker: Docker;
  readonly #containers: Containers;
  readonly #networks: Networks;
  readonly #volumes: Volumes;
  readonly #execs: Execs;
  #info: RuntimeInfo | null = null;
  /** Containers whose network and rules were made just now, for their first start. */
  readonly #fresh = new Set<string>();

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#docker = new Docker(options.socketPath, options.onCall);
    this.#containers = new Containers(this.#docker, options.hostId, options);
    this.images = new Images(this.#docker);
    this.#networks = new Networks(this.#docker, options.hostId, async () => ({
      hasResolver: (this.#info ?? (await this.info())).name === "podman",
    }));
    this.#volumes = new Volumes(this.#docker, options.hostId);
    this.#execs = new Execs(this.#docker, async () => (this.#info ?? (await this.info())).name);
  }

  async info(): Promise<RuntimeInfo> {
    this.#info = await runtimeInfo(this.#docker);
    return this.#info;
  }

  /** The containers of this host id, and of no other. */
  list(): Promise<Container[]> {
    return this.#containers.list();
  }

  /** What of the host any container sees, whoever it belongs to. */
  boundFolders(): Promise<Set<string>> {
    return this.#containers.boundFolders();
  }

  /** The toolbox that containers are made with. */
  get toolboxPath(): string {
    return this.#options.toolboxPath;
  }

  /** Null when there is none of that id. */
  inspect(containerId: string): Promise<Container | null> {
    return this.#containers.inspect(containerId);
  }

  /** To be asked before a start or restart is written down. */
  async readiness({ spec }: DesiredInstance, gpus: GpuFacts): Promise<Readiness> {
    const gpu = attachmentOf(spec.gpus, gpus.mode, gpus.devices, gpus.nodes);
    if (!gpu.attached) return { kind: "refused", problem: gpu.problem, ...worded(gpu.why) };
    const mounts = await resolveFolders(this.#options.poolRoot, spec);
    if (!mounts.resolved) return { kind: "refused", problem: mounts.problem, ...worded(mounts.why) };
    return { kind: "ready", attachment: gpu.attachment, folders: mounts.folders };
  }

  /**
   * Creates the container with its network and volumes; it is not started yet.
   * @param ready with the image by its id: its name may lead to another one by now; `livePath` is the folder of the host
   * with what changes while it runs; `isCanary` of the agent's own, which is nobody's run
   * @returns the container's id
   */
  async create(
    desired: DesiredInstance,
    ready: Extract<Readiness, { kind: "ready" }> & {
      imageId: string;
      livePath?: string | null;
      codePath?: string | null;
      isCanary?: boolean;
    },
  ): Promise<string> {
    const { hasLayerQuota, hasLocalLog } = this.#info ?? (await this.info());
    const { hostId, toolboxPath } = this.#options;
    const { attachment, folders, imageId, livePath = null, codePath = null, isCanary = false } = ready;
    const { command, entrypoint } = desired.spec;
    const isImages = entrypoint === "image";
    const stopSignal = command !== null || isImages ? await this.images.stopSignalOf(imageId) : null;
    const imageProgram = isImages ? await this.images.programOf(imageId) : null;
    const making = this.#volumes.create(desired, folders);
    // Should the network fail meanwhile, nobody is left to hear of the volumes.
    making.catch(() => undefined);
    const makeIn = async (networkName: string) => {
      const at = await making;
      const options = containerOptions(desired, {
        hostId,
        networkName,
        toolboxPath,
        ...(livePath !== null && { livePath }),
        ...(codePath !== null && { codePath }),
        folders: at,
        attachment,
        ...(stopSignal !== null && { stopSignal }),
        ...(imageProgram !== null && { imageProgram }),
        hasLayerQuota,
        hasLocalLog,
        isCanary,
      });
      return this.#containers.create({ ...options, Image: imageId });
    };
    // A customer who starts meanwhile is not to wait for a bridge that a canary took.
    const containerId = await this.#networks.use(desired.spec.network, makeIn, { takesSpare: !isCanary });
    this.#fresh.add(containerId);
    return containerId;
  }

  /** Starts a container that exists, new or stopped; its network's rules are put back if they are gone. */
  async start(containerId: string, { network, code }: Pick<InstanceSpec, "network" | "code">): Promise<void> {
    // Before each start, so that one that was made by an agent that ended then has it too.
    if (code !== undefined) await this.#containers.extract(containerId, codeFolderArchive());
    if (this.#fresh.delete(containerId)) return this.#containers.start(containerId);
    await this.#networks.use(network, () => Promise.resolve());
    await this.#containers.startAgain(containerId);
  }

  /**
   * TERM, and KILL after the grace, by the runtime; then whatever it has left. Resolves when nothing of the container is
   * alive any more.
   * @param group where its control group was at its start; null where that is not known
   * @param cutShort once aborted, the grace is over: what is alive is killed
   * @throws NotEndingError when something still is
   */
  async stop(
    containerId: string,
    {
      graceSeconds,
      group = null,
      cutShort,
    }: { graceSeconds: number; group?: string | null; cutShort?: AbortSignal },
  ): Promise<void> {
    const graceMs = graceSeconds * MS_PER_SECOND;
    const stopping = this.#stopByRuntime(containerId, graceSeconds);
    // Beyond the grace nobody waits for the runtime, which has its own troubles with what does not end.
    const byRuntime = await Promise.race([stopping, after(graceMs + KILL_SLACK_MS, cutShort)]);
    if (byRuntime === "not-stopped" || byRuntime === "late") {
      // One that hangs may not have told the container anything yet, which then has had its time but no word.
      const withinMs = byRuntime === "late" ? Math.min(graceMs, LAST_WORD_MS) : graceMs;
      const requested = { withinMs, recorded: group, ...(cutShort && { signal: cutShort }) };
      await this.#options.processes.terminate(containerId, requested);
    }
    await this.#endLeft(containerId, group);
    await stopping;
  }

  /**
   * The container, its run's volumes, and its network if it was the last one there. The pool's folders stay.
   * @throws NotEndingError when something of it is alive: the runtime would only lose sight of that
   */
  async remove({
    containerId,
    runId,
    group = null,
  }: {
    containerId: string;
    runId: RunId;
    /** Where its control group was at its start; null where that is not known. */
    group?: string | null;
  }): Promise<void> {
    this.#fresh.delete(containerId);
    await this.#endLeft(containerId, group);
    await this.#containers.remove(containerId);
    await this.#volumes.removeOf(runId);
    await this.#networks.removeUnused();
  }

  /** Resolves when a container has ended. @throws RuntimeError, RuntimeDown when it has not by then, or is not there */
  ended(containerId: string, { withinMs }: { withinMs: number }): Promise<void> {
    return this.#containers.ended(containerId, { withinMs });
  }

  /** Ids of the canaries of this host id, whatever their state. */
  canaries(): Promise<string[]> {
    return this.#containers.canaries();
  }

  /** What of this host a canary must not reach: addresses of bridges, and of containers, each at most once. */
  async outOfReach(): Promise<{ gateways: string[]; neighbours: string[] }> {
    const [gateways, neighbours] = await Promise.all([
      this.#networks.gateways(),
      this.#containers.addresses(),
    ]);
    return { gateways, neighbours };
  }

  /** The runtime's socket, as a path of the host. */
  get socketPath(): string {
    return this.#docker.socketPath;
  }

  /** What a container wrote, piece by piece. @throws RuntimeError, RuntimeDown, the reason of the query's signal */
  logs(query: LogQuery): AsyncGenerator<OutputPiece> {
    return logPieces(this.#docker.socketPath, query);
  }

  /** What the image of a container that runs brings, by words; null when the container is gone. */
  broughtBy(containerId: string): Promise<string[] | null> {
    return broughtBy(this.#docker, containerId);
  }

  /** @throws RuntimeError, RuntimeDown */
  serviceOutput(query: ServiceQuery): AsyncGenerator<Buffer> {
    return serviceOutput(this.#docker, query);
  }

  exec(order: ExecOrder): Promise<ExecResult> {
    return this.#execs.run(order);
  }

  /** Wakes the loop at each event of a container of ours until `signal` ends it. */
  watch(signal: AbortSignal): Promise<void> {
    const { hostId, wake, onEventsBroken } = this.#options;
    return watchEvents(this.#docker, hostId, { wake, onBroken: onEventsBroken, signal });
  }

  /** The runtime's name of a workspace's network on this host; null while it has no container here. */
  networkName(network: InstanceSpec["network"]): Promise<string | null> {
    return this.#networks.nameOf(networkLabel(network));
  }

  /** The next workspace's first container finds its network made. */
  get hasSpareNetwork(): boolean {
    return this.#networks.hasSpare;
  }

  /** Makes one unless there is one; not while somebody waits for a start. */
  keepSpareNetwork(): Promise<void> {
    return this.#networks.keepSpare();
  }

  /** Puts back firewall rules that somebody flushed. Cheap; once a minute is plenty. */
  repairNetworks(): Promise<void> {
    return this.#networks.repair();
  }

  /** Where a run writes; null when its container is gone. */
  async storageGround(
    containerId: string,
    spec: Pick<InstanceSpec, "folders">,
  ): Promise<StorageGround | null> {
    const layer = await layerOf(this.#docker, containerId);
    if (layer === null) return null;
    const found = await resolveFolders(this.#options.poolRoot, { mounts: [], folders: spec.folders });
    const folders = found.resolved ? found.folders.map(({ path }) => path) : null;
    const devices = await Promise.all((folders ?? []).map(deviceOf));
    return { layer, folders, folderDevices: new Set(devices.filter((device) => device !== null)) };
  }

  /** What a run has written under names, in bytes; null where it could not be measured. */
  async storageUse(
    containerId: string,
    { layer, folders }: StorageGround,
  ): Promise<{ layerBytes: number | null; besideBytes: number; folderBytes: number | null }> {
    return {
      layerBytes: await layerBytes(this.#docker, containerId, layer),
      besideBytes: await besideBytes(layer),
      folderBytes: folders === null ? null : await diskUsage(folders),
    };
  }

  /** Everything of this host id: containers, volumes, networks with their rules. For `--clean` and tests. */
  async removeEverything(): Promise<void> {
    for (let check = 1; ; check += 1) {
      const left = await this.list();
      if (left.length === 0) break;
      if (check > MAX_REMOVAL_CHECKS)
        throw new RuntimeError(`${left.length} containers could not be removed`);
      if (check > 1) await delay(REMOVAL_CHECK_MS);
      const ends = await Promise.allSettled(
        left.map(async ({ containerId }) => {
          await this.#endLeft(containerId, null);
          await this.#containers.remove(containerId);
        }),
      );
      // What the runtime could not do now, as a folder that it found in use, the next check tries again.
      for (const end of ends)
        if (end.status === "rejected" && (check === MAX_REMOVAL_CHECKS || !isRefusal(end.reason)))
          throw end.reason;
    }
    await this.#volumes.removeAll();
    await this.#networks.removeAll();
    await this.images.removeNamed((name) => isCanaryImageOf(this.#options.hostId, name));
  }

  /**
   * Whether the container had its grace. A runtime that refuses, or that gave up in the end, leaves the rest to us; one
   * that is not there is asked again later, since nothing had its grace yet.
   */
  async #stopByRuntime(containerId: string, graceSeconds: number): Promise<"had-its-grace" | "not-stopped"> {
    const begunMs = performance.now();
    try {
      const isStopped = await this.#containers.stop(containerId, { graceSeconds });
      return isStopped ? "had-its-grace" : "not-stopped";
    } catch (error) {
      const hadItsGrace = performance.now() - begunMs >= graceSeconds * MS_PER_SECOND;
      if (error instanceof RuntimeDown && !hadItsGrace) throw error;
      return hadItsGrace ? "had-its-grace" : "not-stopped";
    }
  }

  async #endLeft(containerId: string, group: string | null): Promise<void> {
    const left = await this.#options.processes.end(containerId, { recorded: group });
    if (left.length > 0) throw new NotEndingError(left);
  }
}

async function after(ms: number, cutShort: AbortSignal | undefined): Promise<"late" | "cut-short"> {
  try {
    await delay(ms, undefined, { ref: false, ...(cutShort && { signal: cutShort }) });
    return "late";
  } catch (error) {
    if (cutShort?.aborted !== true) throw error;
    return "cut-short";
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof RuntimeError && !(error instanceof NotEndingError);
}
