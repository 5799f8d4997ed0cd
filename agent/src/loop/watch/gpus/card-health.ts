/**
 * How well each of the host's GPUs is: it carries what core/gpus/gpu-health.ts decides from one sample and kernel line to
 * the next and, in a file, over restarts of the agent. In doubt no card is lost.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { HostStatement } from "@remotegpu/shared/reasons/host-reports/statement";
import type { HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import type { BootId, GpuUuid } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { isRunning, type OwnedContainer } from "../../../core/container/container.ts";
import {
  afterFindings,
  afterRefusals,
  afterSample,
  type Cards,
  closedGpus,
  type Loss,
  lostGpus,
  refusedToContainers,
  type Sample,
  withoutCordon,
  withSwitched,
} from "../../../core/gpus/gpu-health.ts";
import { KERNEL_READER, type HeardFinding } from "../../../core/gpus/kernel-lines/kernel-reading.ts";
import { XidCounts } from "../../../core/metrics/xid-counts.ts";
import { cardProof, type CardProof, provenInBoot } from "../../../core/metering/run-cards.ts";
import {
  type FormerCard,
  lastingMemory,
  readFormerCards,
  readGpuMemory,
  writeGpuMemory,
} from "../../../host/gpus/gpu-memory-file.ts";
import type { GpuInventory } from "../../../host/gpus/nvidia-smi/nvidia-smi.ts";
import { KERNEL_LOG } from "../../../host/kernel-log.ts";
import { readContainers } from "../../../host/processes/process-liveness.ts";
import { KernelReports } from "./kernel-reports.ts";
import { KernelWatch } from "./kernel-watch.ts";

export type HealthOptions = {
  bootId: BootId;
  stateDir: string;
  /** 0: the host's real cards. */
  simulatedCount: number;
  /** Of the real cards; simulated ones have one of their own. */
  kernelLogPath?: string;
  log: Log;
};

export type HealthSurroundings = {
  nowMs: number;
  /** Of this host, as last seen; null when that is not known. */
  containers: readonly OwnedContainer[] | null;
  /** By the switches of the host's NVLink. */
  switched: () => Parameters<typeof withSwitched>[1];
};

export class CardHealth {
  readonly #options: HealthOptions;
  /** What the kernel log said that closes no GPU. */
  readonly kernelReports = new KernelReports(readContainers);
  /** Xid errors that were read from the kernel log since the agent began. */
  readonly xids = new XidCounts();
  #kernelWatch: KernelWatch;
  #cards: Cards = new Map();
  /** Cards that were not well when an earlier boot ended, for what ran on them; they close nothing now. */
  #former: readonly FormerCard[] = [];
  /** When this life began to check; `lastGoodMs` of the one before may be older than it was. */
  #watchedSinceMs = 0;
  /** What the kernel log says at first is from before us, or not heeded by the agent before us: it read less of it. */
  #isHistory = true;
  #saved = "";

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#kernelWatch = this.#kernelWatchAt(options.kernelLogPath ?? KERNEL_LOG);
  }

  get cards(): Cards {
    return this.#cards;
  }

  get isKernelLogForbidden(): boolean {
    return this.#kernelWatch.isForbidden;
  }

  /** Cards that are gone or failed: what holds them ends. */
  get lost(): ReadonlyMap<GpuUuid, Loss> {
    return lostGpus(this.#cards);
  }

  /** Cards that take nothing new, for how they are. */
  get closed(): ReadonlyMap<GpuUuid, HostStatement> {
    return closedGpus(this.#cards);
  }

  /** Of those, cards that nothing closes but that containers were refused them. */
  get refusedToContainers(): ReadonlySet<GpuUuid> {
    return refusedToContainers(this.#cards);
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

  readKernelLogAt(path: string): void {
    this.#kernelWatch = this.#kernelWatchAt(path);
  }

  /** Goes on with what the agent before this one knew. */
  async resume(nowMs: number): Promise<void> {
    const { stateDir, bootId } = this.#options;
    this.#watchedSinceMs = nowMs;
    this.#former = await readFormerCards(stateDir, bootId);
    const memory = await readGpuMemory(stateDir, bootId);
    if (memory === null) return;
    this.#isHistory = (memory.kernelReader ?? 0) < KERNEL_READER;
    this.#kernelWatch.resumeAfter(memory.kernelSeq);
    this.kernelReports.resume({ notes: memory.notes ?? [], faults: memory.faults ?? [] });
    this.#cards = new Map(memory.cards.map((card) => [card.uuid, card]));
  }

  /** First heard, then judged: an error that was logged while the sample was taken counts against it. */
  async judge(
    inventory: GpuInventory & Pick<Sample, "played">,
    { nowMs, containers, switched }: HealthSurroundings,
  ): Promise<void> {
    const { findings, isHistory } = await this.#hear();
    const held = heldBy(containers) ?? new Set(inventory.gpus.map(({ uuid }) => uuid));
    const isFirst = this.#cards.size === 0;
    const sample = { ...inventory, held, nowMs };
    // Which card an error means is known only once the cards are.
    const known = isFirst ? afterSample(this.#cards, sample) : withSwitched(this.#cards, switched());
    const heard = afterFindings(known, findings, { nowMs, isHistory });
    await this.#become(isFirst ? heard : afterSample(heard, sample));
    await this.#report(findings, { nowMs, containers, isHistory });
  }

  /** Hears the kernel log. Before the first sample there is no card that could be meant. */
  async listen({ nowMs, containers, switched }: HealthSurroundings): Promise<void> {
    if (this.#cards.size === 0) return;
    const { findings, isHistory } = await this.#hear();
    const known = withSwitched(this.#cards, switched());
    await this.#become(afterFindings(known, findings, { nowMs, isHistory }));
    await this.#report(findings, { nowMs, containers, isHistory });
  }

  /** An administrator puts cards back in service. */
  async liftCordons(lifts: NonNullable<HeartbeatReply["liftCordons"]>): Promise<void> {
    for (const lift of lifts) this.#cards = withoutCordon(this.#cards, lift);
    await this.#save();
  }

  /** What containers were told by the kernel's device rules: `refused` with why, `passed` where all who hold the card have it. */
  async heedRefusals(
    reported: { refused: ReadonlyMap<GpuUuid, HostReason>; passed: ReadonlySet<GpuUuid> },
    nowMs: number,
  ): Promise<void> {
    await this.#become(afterRefusals(this.#cards, reported, nowMs));
  }

  async close(): Promise<void> {
    await this.#kernelWatch.close();
  }

  #kernelWatchAt(path: string): KernelWatch {
    const { simulatedCount, log } = this.#options;
    return new KernelWatch({ path, isWhole: simulatedCount === 0, log });
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
    { nowMs, containers, isHistory }: Omit<HealthSurroundings, "switched"> & { isHistory: boolean },
  ): Promise<void> {
    const uuids = new Map([...this.#cards.values()].map(({ busKey, uuid }) => [busKey, uuid]));
    const gpuOf = (busKey: string) => uuids.get(busKey);
    this.xids.add(findings, gpuOf);
    await this.kernelReports.take(findings, {
      nowMs,
      lost: this.#kernelWatch.takeLost(),
      containers,
      isHistory,
      gpuOf,
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
}

/** Null when it is not known what runs: then any card may be held. */
function heldBy(containers: readonly OwnedContainer[] | null): Set<GpuUuid> | null {
  const running = containers?.filter(isRunning);
  return running === undefined
    ? null
    : new Set(running.flatMap(({ owner }) => owner.gpus.map(({ uuid }) => uuid)));
}
