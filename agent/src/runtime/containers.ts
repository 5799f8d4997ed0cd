/**
 * The containers of one agent: those with our label and this host's id, and no other. A second agent on the same
 * machine has its own host id and sees its own.
 */
import type Dockerode from "dockerode";
import { z } from "zod";
import type { HostId } from "@remotegpu/shared/values/ids";
import { IMAGE_ID } from "@remotegpu/shared/values/image-name";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { CANARY_LABEL, LABEL, ownerOf } from "../core/container/container.ts";
import type { Container, ContainerState, CreatedDevices } from "../core/container/container.ts";
import type { ContainerOptions } from "../core/container/container-spec.ts";
import { QUICK_MS, WORK_MS } from "./docker/docker.ts";
import type { Docker } from "./docker/docker.ts";
import { isStatus } from "./docker/runtime-error.ts";

/** Beyond the stop's own grace, for the runtime to end what is left and to clean up. */
const STOP_EXTRA_MS = 20_000;
/** Under way at once. The runtime takes long for each and does little meanwhile: ranks of a gang wait for each other's. */
const CREATIONS_AT_ONCE = 4;
const STARTS_AT_ONCE = 8;
/** Inspections under way at once; each is one request to the runtime. */
const INSPECTIONS_AT_ONCE = 8;
/** 128 and the number of KILL, which is how the kernel ends a process that is beyond its memory. */
const KILLED = 137;

const Inspection = z.object({
  Id: z.string(),
  Image: z.string().optional(),
  State: z.object({
    Status: z.enum(["created", "running", "paused", "restarting", "removing", "exited", "dead"]),
    Pid: z.number(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
  HostConfig: z
    .object({
      Devices: z.array(z.object({ PathOnHost: z.string() })).nullish(),
      DeviceRequests: z.array(z.object({ Driver: z.string() })).nullish(),
    })
    .optional()
    .catch(undefined),
});
type Inspection = z.infer<typeof Inspection>;

const BoundFolders = z.object({ Mounts: z.array(z.object({ Source: z.string().optional() })).nullish() });

/** When a process started, in ticks since boot; null where there is none of that pid. */
export type ProcessStart = (pid: number) => Promise<number | null>;

/** Whether the kernel says that it killed something in a container for its memory; its log, for one. */
export type KernelsWord = {
  wereIn(containerId: string): Promise<boolean>;
  forget(containerId: string): Promise<void>;
};

/** What the host knows better than the runtime does. */
export type HostSide = {
  /** Without it every list inspects every container. */
  processStart?: ProcessStart;
  /** Without it only the runtime tells who was beyond his memory, and it misses some. */
  memoryKills?: KernelsWord;
};

/** As it was inspected, with what proves that it is still so: its first process has not been another one since. */
type Known = { container: Container; pid: number; startTicks: number };

export class Containers {
  readonly #docker: Docker;
  readonly #hostId: HostId;
  readonly #processStart: ProcessStart;
  readonly #memoryKills: KernelsWord | null;
  #known = new Map<string, Known>();

  constructor(docker: Docker, hostId: HostId, { processStart, memoryKills }: HostSide = {}) {
    this.#docker = docker;
    this.#hostId = hostId;
    this.#processStart = processStart ?? (() => Promise.resolve(null));
    this.#memoryKills = memoryKills ?? null;
  }

  /** Every container of this host id, whatever its state. @throws RuntimeError, RuntimeDown */
  async list(): Promise<Container[]> {
    const filters = JSON.stringify({ label: [`${LABEL.host}=${this.#hostId}`] });
    const found = await this.#docker.call(
      "list containers",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listContainers({ all: true, filters, abortSignal }),
    );
    const containers: Container[] = [];
    const known = new Map<string, Known>();
    for (let at = 0; at < found.length; at += INSPECTIONS_AT_ONCE) {
      const some = found.slice(at, at + INSPECTIONS_AT_ONCE);
      const checked = await Promise.all(some.map(({ Id, State }) => this.#check(Id, State)));
      for (const check of checked) {
        if (check === null) continue;
        containers.push(check.container);
        if ("pid" in check) known.set(check.container.containerId, check);
      }
    }
    this.#known = known;
    return containers;
  }

  /** Ids of this host id's canaries, whatever their state. @throws RuntimeError, RuntimeDown */
  async canaries(): Promise<string[]> {
    const found = await this.#ofHost("list canaries", [CANARY_LABEL]);
    return found.map(({ Id }) => Id);
  }

  /** IPv4 addresses of the containers of this host id that run on bridges. @throws RuntimeError, RuntimeDown */
  async addresses(): Promise<string[]> {
    const found = await this.#ofHost("list addresses of containers", []);
    const endpoints = found.flatMap(({ NetworkSettings: { Networks } }) => Object.values(Networks));
    return endpoints.map(({ IPAddress }) => IPAddress).filter((address) => address !== "");
  }

  async #ofHost(what: string, labels: readonly string[]): Promise<Dockerode.ContainerInfo[]> {
    const filters = JSON.stringify({ label: [`${LABEL.host}=${this.#hostId}`, ...labels] });
    return this.#docker.call(what, { deadlineMs: QUICK_MS }, (client, abortSignal) =>
      client.listContainers({ all: true, filters, abortSignal }),
    );
  }

  /** Resolves when it has ended. @throws RuntimeError, RuntimeDown when it has not by then, or is not there */
  async ended(containerId: string, { withinMs }: { withinMs: number }): Promise<void> {
    await this.#docker.call(
      `wait for container ${containerId}`,
      { deadlineMs: withinMs },
      (client, abortSignal) =>
        client.getContainer(containerId).wait({ condition: "not-running", abortSignal }),
    );
  }

  /** Ids of all that the runtime knows, whoever they belong to. @throws RuntimeError, RuntimeDown */
  async everyId(): Promise<Set<string>> {
    const found = await this.#docker.call(
      "list all containers",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listContainers({ all: true, abortSignal }),
    );
    return new Set(found.map(({ Id }) => Id));
  }

  /** Names of running containers that are not of this host id, by the runtime. @throws RuntimeError, RuntimeDown */
  async others(): Promise<string[]> {
    const found = await this.#docker.call(
      "list containers of others",
      { deadlineMs: QUICK_MS },
      (client, abortSignal) => client.listContainers({ abortSignal }),
    );
    return found
      .filter(({ Labels }) => Labels[LABEL.host] !== this.#hostId)
      .map(({ Id, Names: [name = Id] }) => name.replace(/^\//, ""));
  }

  /** What of the host any container sees, whoever it belongs to, also one that does not run. @throws RuntimeError, RuntimeDown */
  async boundFolders(): Promise<Set<string>> {
    const folders = new Set<string>();
    // One after another: it is asked for seldom, and nobody waits for it.
    for (const id of await this.everyId()) {
      const raw: unknown = await this.#orAbsent(
        this.#docker.call(`inspect container ${id}`, { deadlineMs: QUICK_MS }, (client, abortSignal) =>
          client.getContainer(id).inspect({ abortSignal }),
        ),
      );
      for (const { Source } of raw === null ? [] : (BoundFolders.parse(raw).Mounts ?? []))
        if (Source !== undefined) folders.add(Source);
    }
    return folders;
  }

  /** Most containers run on from one list to the next, and an inspection is the dearest thing of a round. */
  async #check(containerId: string, listedState: string): Promise<Known | { container: Container } | null> {
    const before = this.#known.get(containerId);
    if (before !== undefined && listedState === "running")
      if ((await this.#processStart(before.pid)) === before.startTicks) return before;
    const container = await this.inspect(containerId);
    if (container?.status.state !== "running" || listedState !== "running") return container && { container };
    const { pid } = container.status;
    const startTicks = await this.#processStart(pid);
    return startTicks === null ? { container } : { container, pid, startTicks };
  }

  /** Null when there is none of that id. @throws RuntimeError, RuntimeDown */
  async inspect(containerId: string): Promise<Container | null> {
    const raw: unknown = await this.#orAbsent(
      this.#docker.call(`inspect container ${containerId}`, { deadlineMs: QUICK_MS }, (client, abortSignal) =>
        client.getContainer(containerId).inspect({ abortSignal }),
      ),
    );
    if (raw === null) return null;
    const inspection = Inspection.parse(raw);
    return {
      containerId: inspection.Id,
      owner: ownerOf(inspection.Config.Labels ?? {}),
      imageId: imageIdOf(inspection.Image),
      created: createdDevices(inspection.HostConfig),
      status: await this.#withKernelsWord(inspection.Id, stateOf(inspection.State)),
    };
  }

  /** The runtime's events of a kill and of the end race with each other, and the kill may stay untold for good. */
  async #withKernelsWord(containerId: string, status: ContainerState): Promise<ContainerState> {
    if (status.state !== "exited" || status.exitCode !== KILLED || status.outOfMemory) return status;
    return { ...status, outOfMemory: (await this.#memoryKills?.wereIn(containerId)) ?? false };
  }

  /**
   * Creates a container and leaves it stopped. If its name is taken by an earlier attempt of the same run, that
   * one is the answer.
   * @returns the container's id
   */
  async create(options: ContainerOptions): Promise<string> {
    try {
      const container = await this.#docker.call(
        `create container ${options.name}`,
        { deadlineMs: WORK_MS, kind: "create", atOnce: CREATIONS_AT_ONCE },
        // The library's types want volume options that the API does not.
        (client, abortSignal) =>
          client.createContainer({ ...(options as Dockerode.ContainerCreateOptions), abortSignal }),
      );
      return container.id;
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      const taken = await this.inspect(options.name);
      if (taken?.owner?.hostId !== this.#hostId) throw error;
      return taken.containerId;
    }
  }

  /** Once more, after it had ended. @throws RuntimeError, RuntimeDown */
  async startAgain(containerId: string): Promise<void> {
    await this.#memoryKills?.forget(containerId);
    await this.start(containerId);
  }

  /** Lays what an archive holds into one, by its paths from the root. */
  async extract(containerId: string, archive: Uint8Array): Promise<void> {
    await this.#docker.call(
      `lay folders into container ${containerId}`,
      { deadlineMs: WORK_MS },
      (client, abortSignal) =>
        client.getContainer(containerId).putArchive(Buffer.from(archive), { path: "/", abortSignal }),
    );
  }

  /** Starting what runs already changes nothing. @throws RuntimeError, RuntimeDown */
  async start(containerId: string): Promise<void> {
    await this.#unlessSo(
      this.#docker.call(
        `start container ${containerId}`,
        { deadlineMs: WORK_MS, kind: "start", atOnce: STARTS_AT_ONCE },
        (client, abortSignal) => client.getContainer(containerId).start({ abortSignal }),
      ),
    );
  }

  /**
   * TERM, then KILL after the grace. @returns whether the runtime did that; false of what does not run for it, or is
   * gone. Either is its word, and proves no end.
   */
  async stop(containerId: string, { graceSeconds }: { graceSeconds: number }): Promise<boolean> {
    const deadlineMs = graceSeconds * MS_PER_SECOND + STOP_EXTRA_MS;
    const done = await this.#orAbsent(
      this.#unlessSo(
        this.#docker.call(`stop container ${containerId}`, { deadlineMs }, (client, abortSignal) =>
          client.getContainer(containerId).stop({ t: graceSeconds, abortSignal }),
        ),
      ),
    );
    return done ?? false;
  }

  /** With the anonymous volumes of its image; a running one is killed. Removing what is gone changes nothing. */
  async remove(containerId: string): Promise<void> {
    try {
      await this.#orAbsent(
        this.#docker.call(`remove container ${containerId}`, { deadlineMs: WORK_MS }, (client, abortSignal) =>
          client.getContainer(containerId).remove({ force: true, v: true, abortSignal }),
        ),
      );
    } catch (error) {
      // Its removal is under way already; whoever waits for it looks again.
      if (!isStatus(error, 409)) throw error;
    }
  }

  /** 404: there is none. */
  async #orAbsent<T>(call: Promise<T>): Promise<T | null> {
    try {
      return await call;
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw error;
    }
  }

  /** False for 304: it is so already. */
  async #unlessSo(call: Promise<unknown>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      if (isStatus(error, 304)) return false;
      throw error;
    }
  }
}

function createdDevices(config: Inspection["HostConfig"]): CreatedDevices | undefined {
  if (config === undefined) return undefined;
  return {
    devices: (config.Devices ?? []).map(({ PathOnHost }) => PathOnHost),
    drivers: (config.DeviceRequests ?? []).map(({ Driver }) => Driver),
  };
}

/** Docker says it with the name of the hash, Podman without. */
function imageIdOf(image: string | undefined): string | undefined {
  if (image === undefined || !IMAGE_ID.test(image)) return undefined;
  return image.startsWith("sha256:") ? image : `sha256:${image}`;
}

function stateOf(state: Inspection["State"]): ContainerState {
  switch (state.Status) {
    case "created":
      return { state: "created" };
    case "running":
    case "paused":
    case "restarting":
      return { state: "running", pid: state.Pid, startedAt: state.StartedAt };
    case "removing":
      return { state: "removing" };
    case "exited":
    case "dead":
      return {
        state: "exited",
        exitCode: state.ExitCode,
        outOfMemory: state.OOMKilled,
        startedAt: state.StartedAt,
        finishedAt: state.FinishedAt,
      };
  }
}
