/**
 * The host's GPUs as the loop sees them: sampled in the background, so that a hung nvidia-smi delays nothing. How well
 * they are is judged in card-health.ts, what the runtime needs to attach them is learned in attachment-facts.ts.
 */
import type { GpuUuid, HostId } from "@remotegpu/shared/values/ids";
import type { GpuReport } from "@remotegpu/shared/messages/host-report";
import type { HostStatement } from "@remotegpu/shared/reasons/host-reports/statement";
import { isRunning, type OwnedContainer } from "../../../core/container/container.ts";
import type { GpuCondition } from "../../../core/gpus/gpu-condition.ts";
import type { UnclearGpu } from "../../../core/gpus/gpu-handover.ts";
import type { Sample } from "../../../core/gpus/gpu-health.ts";
import type { LiveContainers } from "../../../core/gpus/gpu-processes.ts";
import { judged, withObstacle } from "../../../core/gpus/gpu-judgement.ts";
import type { GpuMeasurements } from "../../../core/metrics/gpu-samples.ts";
import { NvidiaSmi, type GpuInventory } from "../../../host/gpus/nvidia-smi/nvidia-smi.ts";
import { NvidiaSmiError, type NvidiaSmiErrorKind } from "../../../host/gpus/nvidia-smi/nvidia-smi-error.ts";
import { mayBeOneGpu } from "../../../host/gpus/nvidia-smi/single-queries.ts";
import { removeSimulatedCdiSpec, writeSimulatedCdiSpec } from "../../../host/gpus/simulated/simulated-cdi.ts";
import {
  prepareSimulatedGpus,
  simulatedGpuUuid,
  updateSimulatedGpus,
} from "../../../host/gpus/simulated/simulated-gpus.ts";
import type { GpuFacts } from "../../../runtime/runtime.ts";
import type { RuntimeInfo } from "../../../runtime/docker/runtime-info.ts";
import { AttachmentFacts, type AttachmentOptions } from "./attachment-facts.ts";
import { CardHealth, type HealthOptions, type HealthSurroundings } from "./card-health.ts";
import { CardUsers } from "./card-users.ts";
import { NvlinkWatch } from "./nvlink-watch.ts";

export const SAMPLE_EVERY_MS = 10_000;

export type GpuWatchOptions = AttachmentOptions &
  HealthOptions & {
    hostId: HostId;
    nvidiaSmiPath: string;
    /** How long one look by nvidia-smi may take; its own choice unless given. */
    checkWithinMs?: number;
    /** A card that is taken for gone while a drill plays that. */
    lostCard?: () => GpuUuid | null;
  };

/** What a look at the cards is taken with. */
export type Surroundings = {
  nowMs: number;
  runtime: RuntimeInfo | null;
  /** Of this host, as last seen; null when that is not known. */
  containers: readonly OwnedContainer[] | null;
  /** Whose processes are ours at the moment of asking. */
  liveContainers: () => LiveContainers;
};

export class GpuWatch {
  readonly #options: GpuWatchOptions;
  #nvidiaSmi: NvidiaSmi;
  readonly #nvlinkWatch: NvlinkWatch;
  readonly #attachment: AttachmentFacts;
  /** What is known of how well each card is. */
  readonly health: CardHealth;
  readonly #users = new CardUsers();
  #gpus: GpuReport[] = [];
  /** What the last sample said of each beyond values. */
  #conditions: ReadonlyMap<GpuUuid, GpuCondition> = new Map();
  #measurements: ReadonlyMap<GpuUuid, GpuMeasurements> = new Map();
  #readMs: number | null = null;
  #notedWords = "";
  /** Who is on the cards could not be read for the sake of one of them: the next sample tells. */
  #isCheckSpoiled = false;
  #trouble: NvidiaSmiErrorKind | null = null;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #isSampling = false;

  constructor(options: GpuWatchOptions) {
    this.#options = options;
    this.#nvidiaSmi = this.#nvidiaSmiAt(options.nvidiaSmiPath);
    this.#nvlinkWatch = new NvlinkWatch(options.log);
    this.#attachment = new AttachmentFacts(options);
    this.health = new CardHealth(options);
  }

  get gpus(): readonly GpuReport[] {
    const obstacles = this.#attachment.obstacles;
    return this.#gpus.map((gpu) => ({
      ...withObstacle(
        judged(gpu, this.health.cards.get(gpu.uuid), this.#conditions.get(gpu.uuid)?.warnings),
        obstacles.get(gpu.uuid),
      ),
      island: this.#nvlinkWatch.islandOf(gpu.uuid),
    }));
  }

  /** Of the last sample, what the reports of cards have no place for. */
  get measurements(): ReadonlyMap<GpuUuid, GpuMeasurements> {
    return this.#measurements;
  }

  /** When the last sample that was read was begun; null before the first. */
  get readMs(): number | null {
    return this.#readMs;
  }

  /** Cards that take nothing new. */
  get closed(): ReadonlyMap<GpuUuid, HostStatement> {
    return new Map<GpuUuid, HostStatement>([...this.#attachment.obstacles, ...this.health.closed]);
  }

  /** Cards on which somebody else is, or may be; those that only an earlier life of the agent has seen included. */
  get unclear(): ReadonlyMap<GpuUuid, UnclearGpu> {
    const unlisted = [...this.health.cards.values()].filter(
      ({ uuid }) => !this.#gpus.some((gpu) => gpu.uuid === uuid),
    );
    return this.#users.unclear([...this.#gpus, ...unlisted.map(({ uuid }) => ({ uuid }))]);
  }

  /** What starts need to attach cards. */
  get facts(): GpuFacts {
    return this.#attachment.facts;
  }

  /** What is wrong, as the heartbeat says it. A host that never had a card simply has none. */
  get degraded(): string[] {
    if (this.health.cards.size === 0 && this.#trouble !== "hung" && this.#trouble !== "garbage") return [];
    return [
      ...(this.#trouble === null ? [] : [`nvidia-smi-${this.#trouble}`]),
      ...(this.health.isKernelLogForbidden && this.health.cards.size > 0 ? ["no-kernel-log"] : []),
    ];
  }

  /** Writes what simulated cards need and takes the first look; bounded by nvidia-smi's own deadlines. */
  async prepare(nowMs: number, wallMs: number, runtime: RuntimeInfo | null): Promise<void> {
    const { simulatedCount: count, stateDir, hostId, log } = this.#options;
    if (count === 0) await removeSimulatedCdiSpec(hostId);
    else {
      const files = await prepareSimulatedGpus({ stateDir, hostId, count, nowMs: wallMs });
      const gpus = Array.from({ length: count }, (_, index) => ({
        uuid: simulatedGpuUuid(hostId, index),
        index,
      }));
      await writeSimulatedCdiSpec({ hostId, gpus, files });
      this.#nvidiaSmi = this.#nvidiaSmiAt(files.hostExecutable);
      this.health.readKernelLogAt(files.kernelLog);
      log.warn({ gpus: count }, "this host carries simulated GPUs; they compute nothing");
    }
    await this.health.resume(nowMs);
    await this.#sample({ nowMs, runtime, containers: null, liveContainers: () => new Map() });
    await this.#nvlinkWatch.checkWhenDue(this.#nvidiaSmi, this.#gpus, nowMs);
  }

  /**
   * Takes a sample when one is due and none is being taken, or looks who is on the cards when a container has left one;
   * else hears the kernel log. Resolves when that is done, which the loop does not wait for.
   */
  async checkWhenDue(at: Surroundings, onChange: () => void): Promise<void> {
    const stable = () =>
      JSON.stringify([
        this.gpus.map(({ uuid, health, reasonCode, hasSign }) => [uuid, health, reasonCode, hasSign]),
        [...this.health.lost],
        [...this.unclear].map(([uuid, { kind }]) => [uuid, kind]),
        this.degraded,
      ]);
    if (at.containers !== null) this.#users.listed(at.containers);
    const before = stable();
    const isDue = !this.#isSampling && at.nowMs - this.#sampledMs >= SAMPLE_EVERY_MS;
    if (isDue) await this.#sample(at);
    else if (this.#mayCheckAgain(at)) await this.#checkAgain(at);
    else await this.listen(at);
    if (stable() !== before) onChange();
    if (isDue && (await this.#nvlinkWatch.checkWhenDue(this.#nvidiaSmi, this.#gpus, at.nowMs))) onChange();
  }

  /** Simulated cards follow the containers that hold them. */
  async follow(containers: readonly OwnedContainer[], wallMs: number): Promise<void> {
    if (this.#options.simulatedCount === 0) return;
    const inUse = containers.filter(isRunning).flatMap(({ owner, status }) =>
      owner.gpus.map(({ uuid, memoryMib }) => ({
        uuid,
        memoryMib,
        pid: status.state === "running" ? status.pid : 0,
      })),
    );
    await updateSimulatedGpus({ stateDir: this.#options.stateDir, inUse, nowMs: wallMs });
  }

  /** A look that is still under way comes to its end by itself. */
  async close(): Promise<void> {
    this.#users.close();
    await this.health.close();
  }

  /** Takes what was written outside the state folder away again. */
  async clean(): Promise<void> {
    await removeSimulatedCdiSpec(this.#options.hostId);
  }

  #nvidiaSmiAt(path: string): NvidiaSmi {
    const { simulatedCount, checkWithinMs: deadlineMs } = this.#options;
    return new NvidiaSmi({
      path,
      simulated: simulatedCount > 0,
      ...(deadlineMs !== undefined && { deadlineMs }),
    });
  }

  async #sample({ nowMs, runtime, containers, liveContainers }: Surroundings): Promise<void> {
    this.#sampledMs = nowMs;
    this.#isCheckSpoiled = false;
    await this.#whileSampling(async () => {
      const begun = this.#users.begin(liveContainers);
      const inventory = withoutCard(await this.#nvidiaSmi.inventory(), this.#options.lostCard?.() ?? null);
      this.#trouble = null;
      this.#readMs = nowMs;
      this.#measurements = inventory.measurements;
      this.#isCheckSpoiled = inventory.isOfSingles;
      if (containers === null) this.#gpus = inventory.gpus;
      else {
        const read = inventory.gpus.filter(({ uuid }) => !inventory.unread.has(uuid));
        const check = await this.#users.check(read, inventory.processes, begun);
        this.#gpus = inventory.gpus.map((gpu) => newestOf(gpu, check.gpus, this.#gpus));
        this.#users.done(check);
      }
      await this.#attachment.learn(this.#gpus, runtime);
      const unread = [...this.#conditions].filter(([uuid]) => inventory.unread.has(uuid));
      this.#conditions = new Map([...unread, ...inventory.conditions]);
      this.#noteUnknownWords(inventory);
      await this.health.judge(inventory, this.#surroundingsOf({ nowMs, containers }));
    });
  }

  /** Not while nvidia-smi fails: then the next sample comes at its time and tries it. */
  #mayCheckAgain({ containers }: Surroundings): boolean {
    const isAnswering = this.#trouble === null && !this.#isCheckSpoiled;
    return containers !== null && !this.#isSampling && isAnswering && this.#users.isCheckDue;
  }

  /** Who is on the cards, and nothing of how they are: that is judged by samples at a steady pace. */
  async #checkAgain({ liveContainers }: Surroundings): Promise<void> {
    await this.#whileSampling(async () => {
      const begun = this.#users.begin(liveContainers);
      const { cards, processes } = await this.#nvidiaSmi.users();
      const memory = new Map(cards.map(({ uuid, memoryUsedMib }) => [uuid, memoryUsedMib]));
      const listed = this.#gpus
        .filter(({ uuid }) => memory.has(uuid))
        .map((gpu) => ({ ...gpu, memoryUsedMib: memory.get(gpu.uuid) ?? null }));
      const check = await this.#users.check(listed, processes, begun);
      this.#gpus = this.#gpus.map((gpu) => check.gpus.find(({ uuid }) => uuid === gpu.uuid) ?? gpu);
      this.#users.done(check);
    }, true);
  }

  /** Words of nvidia-smi that no table of ours knows, each row of them once. */
  #noteUnknownWords({ conditions }: GpuInventory): void {
    const words = [...new Set([...conditions.values()].flatMap(({ unknownWords }) => unknownWords))].join(
      "; ",
    );
    if (words !== "" && words !== this.#notedWords)
      this.#options.log.warn(
        { words },
        "nvidia-smi reports a value that is in no table; it is taken for unknown",
      );
    this.#notedWords = words;
  }

  async #whileSampling(request: () => Promise<void>, isOfUsers = false): Promise<void> {
    this.#isSampling = true;
    try {
      await request();
    } catch (error) {
      if (!(error instanceof NvidiaSmiError)) throw error;
      if (isOfUsers && mayBeOneGpu(error)) {
        // One card may spoil the answer; which one, the next sample finds out at its time.
        this.#isCheckSpoiled = true;
        return;
      }
      if (this.#trouble !== error.kind && (error.kind !== "missing" || this.health.cards.size > 0))
        this.#options.log.warn({ error }, "nvidia-smi does not report the GPUs");
      this.#trouble = error.kind;
    } finally {
      this.#isSampling = false;
    }
  }

  /** Hears the kernel log, between samples and while nvidia-smi hangs. */
  async listen(at: Pick<Surroundings, "nowMs" | "containers">): Promise<void> {
    await this.health.listen(this.#surroundingsOf(at));
  }

  #surroundingsOf({ nowMs, containers }: Pick<Surroundings, "nowMs" | "containers">): HealthSurroundings {
    return { nowMs, containers, switched: () => this.#nvlinkWatch.switched };
  }
}

function withoutCard(inventory: GpuInventory, lost: GpuUuid | null): GpuInventory & Pick<Sample, "played"> {
  if (lost === null) return inventory;
  return {
    ...inventory,
    played: lost,
    gpus: inventory.gpus.filter(({ uuid }) => uuid !== lost),
    conditions: new Map([...inventory.conditions].filter(([uuid]) => uuid !== lost)),
    measurements: new Map([...inventory.measurements].filter(([uuid]) => uuid !== lost)),
    processes: inventory.processes.filter(({ gpuUuid }) => gpuUuid !== lost),
  };
}

/** With who is on it by this look; of a card that was left out, by the one before. */
function newestOf(gpu: GpuReport, ...checks: (readonly GpuReport[])[]): GpuReport {
  const [newest = gpu] = checks.flatMap((check) => check.find(({ uuid }) => uuid === gpu.uuid) ?? []);
  return newest;
}
