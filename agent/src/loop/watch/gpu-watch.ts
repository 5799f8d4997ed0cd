/**
 * The host's GPUs as the loop sees them: sampled in the background, so that a hung nvidia-smi delays nothing, and
 * told with what the runtime needs to attach them. In doubt no card is lost. It carries what core/gpus/gpu-health.ts
 * decides from one look to the next and, in a file, over restarts of the agent.
 */
import type { BootId, GpuUuid, HostId } from "@remotegpu/shared/ids";
import type { GpuReport } from "@remotegpu/shared/host-report";
import type { HeartbeatReply } from "@remotegpu/shared/protocol";
import type { Log } from "@remotegpu/shared/log";
import { isRunning, type OwnedContainer } from "../../core/container/container.ts";
import { chooseAttachMode, unattachableGpus } from "../../core/container/gpu-attachment.ts";
import type { UnclearGpu } from "../../core/gpus/gpu-handover.ts";
import {
  afterRefusals,
  afterFindings,
  afterSample,
  closedGpus,
  lostGpus,
  refusedToContainers,
  withoutCordon,
  withSwitched,
  type Cards,
  type Loss,
} from "../../core/gpus/gpu-health.ts";
import { judged } from "../../core/gpus/gpu-judgement.ts";
import type { GpuCondition } from "../../core/gpus/gpu-condition.ts";
import { KERNEL_READER, type HeardFinding } from "../../core/gpus/kernel-lines/kernel-reading.ts";
import { cardProof, type CardProof, provenInBoot } from "../../core/metering/run-cards.ts";
import { CdiSpecFiles, cdiDevicesOf } from "../../host/gpus/cdi.ts";
import { DeviceNodes } from "../../host/gpus/device-nodes.ts";
import {
  type FormerCard,
  lastingMemory,
  readFormerCards,
  readGpuMemory,
  writeGpuMemory,
} from "../../host/gpus/gpu-memory-file.ts";
import { KERNEL_LOG } from "../../host/kernel-log.ts";
import { NvidiaSmi, type GpuInventory } from "../../host/gpus/nvidia-smi.ts";
import { NvidiaSmiError, type NvidiaSmiErrorKind } from "../../host/gpus/nvidia-smi-error.ts";
import { mayBeOneGpu } from "../../host/gpus/single-queries.ts";
import { removeSimulatedCdiSpec, writeSimulatedCdiSpec } from "../../host/gpus/simulated-cdi.ts";
import {
  prepareSimulatedGpus,
  simulatedGpuUuid,
  updateSimulatedGpus,
} from "../../host/gpus/simulated-gpus.ts";
import type { GpuFacts } from "../../runtime/runtime.ts";
import type { RuntimeInfo } from "../../runtime/docker/runtime-info.ts";
import { readContainers } from "../../host/processes/process-liveness.ts";
import { CardUsers } from "./card-users.ts";
import { KernelReports } from "./kernel-reports.ts";
import { KernelWatch } from "./kernel-watch.ts";
import { NvlinkWatch } from "./nvlink-watch.ts";

export const SAMPLE_EVERY_MS = 10_000;

export type GpuWatchOptions = {
  hostId: HostId;
  bootId: BootId;
  stateDir: string;
  nvidiaSmiPath: string;
  /** 0: the host's real cards. */
  simulatedCount: number;
  /** Of the real cards; simulated ones have one of their own. */
  kernelLogPath?: string;
  /** Where the device nodes of real cards are, and what makes them; those of the host unless given. */
  deviceNodes?: DeviceNodes;
  /** How long one look by nvidia-smi may take; its own choice unless given. */
  checkWithinMs?: number;
  log: Log;
};

/** What a look at the cards is taken with. */
export type Surroundings = {
  nowMs: number;
  runtime: RuntimeInfo | null;
  /** Of this host, as last seen; null when that is not known. */
  containers: readonly OwnedContainer[] | null;
  /** Whose processes are ours at the moment of asking. */
  liveContainerIds: () => ReadonlySet<string>;
};

export class GpuWatch {
  readonly #options: GpuWatchOptions;
  #nvidiaSmi: NvidiaSmi;
  #kernelWatch: KernelWatch;
  /** What the kernel log said that closes no GPU. */
  readonly kernelReports = new KernelReports(readContainers);
  readonly #nvlinkWatch: NvlinkWatch;
  readonly #users = new CardUsers();
  readonly #cdiSpecs = new CdiSpecFiles();
  readonly #deviceNodes: DeviceNodes;
  #gpus: GpuReport[] = [];
  /** What the last sample said of each beyond values. */
  #conditions: ReadonlyMap<GpuUuid, GpuCondition> = new Map();
  #cards: Cards = new Map();
  /** Cards that were not well when an earlier boot ended, for what ran on them; they close nothing now. */
  #former: readonly FormerCard[] = [];
  /** When this life began to look; `lastGoodMs` of the one before may be older than it was. */
  #watchedSinceMs = 0;
  #notedWords = "";
  /** Who is on the cards could not be read for the sake of one of them: the next sample tells. */
  #isCheckSpoiled = false;
  /** What the kernel log says at first is from before us, or not heeded by the agent before us: it read less of it. */
  #isHistory = true;
  #saved = "";
  #facts: GpuFacts = { mode: null, devices: [], nodes: new Map() };
  /** By the last sample that knew the runtime, and the one before: a spec that is just being written names nothing. */
  #unattachable: [ReadonlyMap<GpuUuid, string>, ReadonlyMap<GpuUuid, string>] = [new Map(), new Map()];
  #trouble: NvidiaSmiErrorKind | null = null;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #isSampling = false;

  constructor(options: GpuWatchOptions) {
    this.#options = options;
    this.#deviceNodes = options.deviceNodes ?? new DeviceNodes();
    this.#nvidiaSmi = this.#nvidiaSmiAt(options.nvidiaSmiPath);
    this.#kernelWatch = this.#kernelWatchAt(options.kernelLogPath ?? KERNEL_LOG);
    this.#nvlinkWatch = new NvlinkWatch(options.log);
  }

  get gpus(): readonly GpuReport[] {
    const unattachable = this.#unattachableNow();
    return this.#gpus.map((gpu) => ({
      ...withObstacle(
        judged(gpu, this.#cards.get(gpu.uuid), this.#conditions.get(gpu.uuid)?.warnings),
        unattachable.get(gpu.uuid),
      ),
      island: this.#nvlinkWatch.islandOf(gpu.uuid),
    }));
  }

  /** Cards that are gone or failed: what holds them ends. */
  get lost(): ReadonlyMap<GpuUuid, Loss> {
    return lostGpus(this.#cards);
  }

  /** Cards that take nothing new. */
  get closed(): ReadonlyMap<GpuUuid, string> {
    return new Map([...this.#unattachableNow(), ...closedGpus(this.#cards)]);
  }

  /** Of those, cards that nothing closes but that containers were refused them. */
  get refusedToContainers(): ReadonlySet<GpuUuid> {
    return refusedToContainers(this.#cards);
  }

  /** Cards on which somebody else is, or may be; those that only an earlier life of the agent has seen included. */
  get unclear(): ReadonlyMap<GpuUuid, UnclearGpu> {
    const unlisted = [...this.#cards.values()].filter(
      ({ uuid }) => !this.#gpus.some((gpu) => gpu.uuid === uuid),
    );
    return this.#users.unclear([...this.#gpus, ...unlisted.map(({ uuid }) => ({ uuid }))]);
  }

  /** What starts need to attach cards. */
  get facts(): GpuFacts {
    return this.#facts;
  }

  /** What is wrong, as the heartbeat says it. A host that never had a card simply has none. */
  get degraded(): string[] {
    if (this.#cards.size === 0 && this.#trouble !== "hung" && this.#trouble !== "garbage") return [];
    return [
      ...(this.#trouble === null ? [] : [`nvidia-smi-${this.#trouble}`]),
      ...(this.#kernelWatch.isForbidden && this.#cards.size > 0 ? ["no-kernel-log"] : []),
    ];
  }

  /** What these cards say about the time of the run that holds them. */
  proofOf(uuids: readonly GpuUuid[], nowMs: number): CardProof {
    return cardProof(uuids, this.#cards, { nowMs, watchedSinceMs: this.#watchedSinceMs });
  }

  /** How far these cards prove time of a boot that has ended, on its clock; null where they were well. */
  provenInBoot(
    uuids: readonly GpuUuid[],
    { bootId, endMs }: { bootId: BootId; endMs: number },
  ): number | null {
    const ofBoot = this.#former.filter((former) => former.bootId === bootId);
    return provenInBoot(uuids, new Map(ofBoot.map(({ card }) => [card.uuid, card])), endMs);
  }

  /** Writes what simulated cards need and takes the first look; bounded by nvidia-smi's own deadlines. */
  async prepare(nowMs: number, wallMs: number, runtime: RuntimeInfo | null): Promise<void> {
    const { simulatedCount: count, stateDir, hostId, bootId, log } = this.#options;
    if (count === 0) await removeSimulatedCdiSpec(hostId);
    else {
      const files = await prepareSimulatedGpus({ stateDir, hostId, count, nowMs: wallMs });
      const gpus = Array.from({ length: count }, (_, index) => ({
        uuid: simulatedGpuUuid(hostId, index),
        index,
      }));
      await writeSimulatedCdiSpec({ hostId, gpus, files });
      this.#nvidiaSmi = this.#nvidiaSmiAt(files.hostExecutable);
      this.#kernelWatch = this.#kernelWatchAt(files.kernelLog);
      log.warn({ gpus: count }, "this host carries simulated GPUs; they compute nothing");
    }
    this.#watchedSinceMs = nowMs;
    this.#former = await readFormerCards(stateDir, bootId);
    const memory = await readGpuMemory(stateDir, bootId);
    if (memory !== null) {
      this.#isHistory = (memory.kernelReader ?? 0) < KERNEL_READER;
      this.#kernelWatch.resumeAfter(memory.kernelSeq);
      this.kernelReports.resume({ notes: memory.notes ?? [], faults: memory.faults ?? [] });
      this.#cards = new Map(memory.cards.map((card) => [card.uuid, card]));
    }
    await this.#sample({ nowMs, runtime, containers: null, liveContainerIds: () => new Set() });
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
        [...this.lost],
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

  /** An administrator puts cards back in service. */
  async liftCordons(lifts: NonNullable<HeartbeatReply["liftCordons"]>): Promise<void> {
    for (const lift of lifts) this.#cards = withoutCordon(this.#cards, lift);
    await this.#save();
  }

  /** What containers were told by the kernel's device rules: `refused` with why, `passed` where all who hold the card have it. */
  async heedRefusals(
    reported: { refused: ReadonlyMap<GpuUuid, string>; passed: ReadonlySet<GpuUuid> },
    nowMs: number,
  ): Promise<void> {
    await this.#become(afterRefusals(this.#cards, reported, nowMs));
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
    await this.#kernelWatch.close();
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

  #kernelWatchAt(path: string): KernelWatch {
    const { simulatedCount, log } = this.#options;
    return new KernelWatch({ path, isWhole: simulatedCount === 0, log });
  }

  async #sample({ nowMs, runtime, containers, liveContainerIds }: Surroundings): Promise<void> {
    this.#sampledMs = nowMs;
    this.#isCheckSpoiled = false;
    await this.#whileSampling(async () => {
      const begun = this.#users.begin(liveContainerIds);
      const inventory = await this.#nvidiaSmi.inventory();
      this.#trouble = null;
      this.#isCheckSpoiled = inventory.isOfSingles;
      if (containers === null) this.#gpus = inventory.gpus;
      else {
        const read = inventory.gpus.filter(({ uuid }) => !inventory.unread.has(uuid));
        const check = await this.#users.check(read, inventory.processes, begun);
        this.#gpus = inventory.gpus.map((gpu) => newestOf(gpu, check.gpus, this.#gpus));
        this.#users.done(check);
      }
      await this.#learnAttachment(runtime);
      const unread = [...this.#conditions].filter(([uuid]) => inventory.unread.has(uuid));
      this.#conditions = new Map([...unread, ...inventory.conditions]);
      this.#noteUnknownWords(inventory);
      // First heard, then judged: an error that was logged while the sample was taken counts against it.
      const { findings, isHistory } = await this.#hear();
      const held = heldBy(containers) ?? new Set(inventory.gpus.map(({ uuid }) => uuid));
      const isFirst = this.#cards.size === 0;
      const sample = { ...inventory, held, nowMs };
      // Which card an error means is known only once the cards are.
      const known = isFirst ? afterSample(this.#cards, sample) : this.#withSwitches(this.#cards);
      const heard = afterFindings(known, findings, { nowMs, isHistory });
      await this.#become(isFirst ? heard : afterSample(heard, sample));
      await this.#report(findings, { nowMs, containers, isHistory });
    });
  }

  /** Not while nvidia-smi fails: then the next sample comes at its time and tries it. */
  #mayCheckAgain({ containers }: Surroundings): boolean {
    const isAnswering = this.#trouble === null && !this.#isCheckSpoiled;
    return containers !== null && !this.#isSampling && isAnswering && this.#users.isCheckDue;
  }

  /** Who is on the cards, and nothing of how they are: that is judged by samples at a steady pace. */
  async #checkAgain({ liveContainerIds }: Surroundings): Promise<void> {
    await this.#whileSampling(async () => {
      const begun = this.#users.begin(liveContainerIds);
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

  #withSwitches(cards: Cards): Cards {
    return withSwitched(cards, this.#nvlinkWatch.switched);
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
      if (this.#trouble !== error.kind && (error.kind !== "missing" || this.#cards.size > 0))
        this.#options.log.warn({ error }, "nvidia-smi does not report the GPUs");
      this.#trouble = error.kind;
    } finally {
      this.#isSampling = false;
    }
  }

  /**
   * Hears the kernel log, between samples and while nvidia-smi hangs. Before the first sample there is no card that could
   * be meant.
   */
  async listen({ nowMs, containers }: Pick<Surroundings, "nowMs" | "containers">): Promise<void> {
    if (this.#cards.size === 0) return;
    const { findings, isHistory } = await this.#hear();
    const known = this.#withSwitches(this.#cards);
    await this.#become(afterFindings(known, findings, { nowMs, isHistory }));
    await this.#report(findings, { nowMs, containers, isHistory });
  }

  async #hear(): Promise<{ findings: HeardFinding[]; isHistory: boolean }> {
    const findings = await this.#kernelWatch.newFindings();
    const isHistory = this.#isHistory;
    this.#isHistory = false;
    return { findings, isHistory };
  }

  /** After the cards were judged: that must not be lost, should the agent end while processes are looked up. */
  async #report(
    findings: readonly HeardFinding[],
    { nowMs, containers, isHistory }: Pick<Surroundings, "nowMs" | "containers"> & { isHistory: boolean },
  ): Promise<void> {
    const uuids = new Map([...this.#cards.values()].map(({ busKey, uuid }) => [busKey, uuid]));
    await this.kernelReports.take(findings, {
      nowMs,
      lost: this.#kernelWatch.takeLost(),
      containers,
      isHistory,
      gpuOf: (busKey) => uuids.get(busKey),
    });
    await this.#save();
  }

  async #become(cards: Cards): Promise<void> {
    for (const { uuid, cordon, sign } of cards.values()) {
      const before = this.#cards.get(uuid)?.cordon ?? null;
      if (sign !== null && sign.code !== this.#cards.get(uuid)?.sign?.code)
        this.#options.log.warn(
          { uuid, code: sign.code },
          `GPU ${uuid} shows a sign of failure. ${sign.reason}`,
        );
      if (cordon !== null && cordon.sinceMs !== before?.sinceMs)
        this.#options.log.error(
          { uuid, kind: cordon.kind },
          `GPU ${uuid} is out of service. ${cordon.reason}`,
        );
      if (cordon === null && before !== null)
        this.#options.log.info({ uuid }, `GPU ${uuid} is in service again`);
    }
    this.#cards = cards;
    await this.#save();
  }

  /** Only when something changed that must outlive us. */
  async #save(): Promise<void> {
    const { stateDir, bootId, log } = this.#options;
    const memory = {
      bootId,
      kernelSeq: this.#kernelWatch.heededSeq,
      kernelReader: KERNEL_READER,
      cards: [...this.#cards.values()],
      former: this.#former,
      ...this.kernelReports.memory,
    };
    const lasting = JSON.stringify(lastingMemory(memory));
    if (lasting === this.#saved) return;
    try {
      await writeGpuMemory(stateDir, memory);
      this.#saved = lasting;
    } catch (error) {
      log.warn({ error }, "the state of the GPUs could not be stored for the next start");
    }
  }

  async #learnAttachment(runtime: RuntimeInfo | null): Promise<void> {
    const dirs = runtime?.cdiSpecDirs ?? [];
    const { specs, unreadable } = await this.#cdiSpecs.read(dirs.length > 0 ? dirs : undefined);
    for (const sentence of unreadable) this.#options.log.warn({}, sentence);
    const devices = cdiDevicesOf(specs, this.#gpus);
    const mode = chooseAttachMode({
      runtime: { hasCdi: dirs.length > 0, hasNvidia: runtime?.hasNvidia ?? false },
      gpus: this.#gpus,
      known: devices,
    });
    const nodes = await this.#deviceNodes.of(this.#gpus, { areGiven: mode === "gpus" });
    this.#facts = { mode, devices, nodes };
    if (runtime === null) return;
    this.#unattachable = [unattachableGpus(this.#gpus, mode, devices), this.#unattachable[0]];
  }

  #unattachableNow(): Map<GpuUuid, string> {
    const [now, before] = this.#unattachable;
    return new Map([...now].filter(([uuid]) => before.has(uuid)));
  }
}

/** A card that nothing can be started on is told as such, unless something graver is known of it. */
function withObstacle(gpu: GpuReport, why: string | undefined): GpuReport {
  if (why === undefined || gpu.health === "unhealthy") return gpu;
  const reasons = [why, ...(gpu.reasons ?? [])];
  return { ...gpu, health: "unhealthy", reasons, reasonCode: gpu.reasonCode ?? "not-attachable" };
}

/** With who is on it by this look; of a card that was left out, by the one before. */
function newestOf(gpu: GpuReport, ...checks: (readonly GpuReport[])[]): GpuReport {
  const [newest = gpu] = checks.flatMap((check) => check.find(({ uuid }) => uuid === gpu.uuid) ?? []);
  return newest;
}

/** Null when it is not known what runs: then any card may be held. */
function heldBy(containers: readonly OwnedContainer[] | null): Set<GpuUuid> | null {
  const running = containers?.filter(isRunning);
  return running === undefined
    ? null
    : new Set(running.flatMap(({ owner }) => owner.gpus.map(({ uuid }) => uuid)));
}
