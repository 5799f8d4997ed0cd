/**
 * What the loop does once a minute: time cut off written down, the kernel's limits kept up, kept output pruned; and in
 * the background firewall rules put back, storage measured, room made among images, old toolboxes and code that nothing
 * names removed, however slow the runtime is.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { runsOverStorage } from "../core/storage/storage-limit.ts";
import type { Journal } from "../journal/journal.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { ControlPlaneLink } from "./control-plane-link.ts";
import type { CodePacks } from "./code/code-packs.ts";
import type { Doors } from "./doors.ts";
import type { ImageCleaner } from "./images/image-cleaner.ts";
import type { OutputKeeper } from "./output/output-keeper.ts";
import type { ToolboxCleaner } from "./toolbox-cleaner.ts";
import type { StorageMeter } from "./storage/storage-meter.ts";
import type { LimitWatch } from "./watch/limit-watch.ts";
import type { Observation } from "./watch/observation.ts";
import type { OrphanWatch } from "./watch/orphan-watch.ts";

const EVERY_MS = MS_PER_MINUTE;
const SPARE_AFTER_MS = MS_PER_SECOND;

export type HousekeepingParts = {
  runtime: Pick<Runtime, "repairNetworks" | "hasSpareNetwork" | "keepSpareNetwork">;
  limitWatch: Pick<LimitWatch, "raise">;
  storageMeter: Pick<StorageMeter, "measure">;
  orphanWatch: OrphanWatch;
  outputKeeper: OutputKeeper;
  imageCleaner: Pick<ImageCleaner, "clean">;
  doors: Pick<Doors, "sweep">;
  observation: Pick<Observation, "containers" | "own">;
  codePacks: Pick<CodePacks, "sweep">;
  toolboxCleaner: Pick<ToolboxCleaner, "cleanWhenDue">;
  link: Pick<ControlPlaneLink, "keepContact">;
  journal: Pick<Journal, "raiseMinReader">;
  /** Whether this agent's version is there to stay. */
  isCommitted: () => boolean;
  wake: () => void;
  log: Log;
};

export class Housekeeping {
  readonly #parts: HousekeepingParts;
  #doneMs = Number.NEGATIVE_INFINITY;
  #isPending = false;
  #isReaderRaised = false;
  #isMakingSpare = false;
  #startedMs = Number.NEGATIVE_INFINITY;
  #makesSpareFromMs = Number.NEGATIVE_INFINITY;
  #spareNetwork: Promise<unknown> = Promise.resolve();
  #waking: NodeJS.Timeout | null = null;
  #overStorage: ReadonlyMap<RunId, HostReason> = new Map();

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  /** Runs that have written more than they may, each with the sentence that people read. */
  get overStorage(): ReadonlyMap<RunId, HostReason> {
    return this.#overStorage;
  }

  /** @throws JournalError */
  doWhenDue(nowMs: number): void {
    if (nowMs - this.#doneMs < EVERY_MS) return;
    this.#doneMs = nowMs;
    const { runtime, link, limitWatch, orphanWatch, outputKeeper, log } = this.#parts;
    const { imageCleaner, doors, observation, codePacks, toolboxCleaner } = this.#parts;
    link.keepContact();
    limitWatch.raise();
    outputKeeper.pruneWhenDue(nowMs);
    orphanWatch.keep();
    this.#raiseReaderOnceCommitted();
    // However slow the runtime is, one such round is under way at a time.
    if (this.#isPending) return;
    this.#isPending = true;
    void Promise.all([
      runtime.repairNetworks(),
      this.#measureStorage(),
      imageCleaner.clean(),
      // Not before the runtime has told what there is.
      observation.containers === null ? null : doors.sweep(observation.own),
      codePacks.sweep(),
      toolboxCleaner.cleanWhenDue(nowMs),
    ])
      .catch((error: unknown) => {
        log.warn(
          { error },
          "housekeeping of networks, storage, images, SSH, code or toolboxes failed; retrying in a minute",
        );
      })
      .finally(() => (this.#isPending = false));
  }

  /**
   * Has the next workspace's network made ahead, once no start has been under way for a moment: the runtime would let the
   * start wait for it, and what follows a start takes the same processors.
   */
  keepSpareNetwork(nowMs: number, { isStarting }: { isStarting: boolean }): void {
    const { runtime, log } = this.#parts;
    if (isStarting) this.#startedMs = nowMs;
    if (isStarting || runtime.hasSpareNetwork || this.#isMakingSpare || nowMs < this.#makesSpareFromMs)
      return;
    const inMs = this.#startedMs + SPARE_AFTER_MS - nowMs;
    if (inMs > 0) return this.#wakeIn(inMs);
    this.#isMakingSpare = true;
    this.#spareNetwork = runtime
      .keepSpareNetwork()
      .catch((error: unknown) => {
        this.#makesSpareFromMs = nowMs + EVERY_MS;
        log.warn({ error }, "no network could be made ahead of the next workspace; tried again in a minute");
      })
      .finally(() => (this.#isMakingSpare = false));
  }

  /** From then on agents that do not understand what this one writes refuse the journal. */
  #raiseReaderOnceCommitted(): void {
    const { journal, isCommitted } = this.#parts;
    if (this.#isReaderRaised || !isCommitted()) return;
    journal.raiseMinReader();
    this.#isReaderRaised = true;
  }

  #wakeIn(ms: number): void {
    if (this.#waking !== null) return;
    this.#waking = setTimeout(() => {
      this.#waking = null;
      this.#parts.wake();
    }, ms).unref();
  }

  /** Resolves when nothing is being made any more. */
  async settled(): Promise<void> {
    await this.#spareNetwork;
  }

  async #measureStorage(): Promise<void> {
    const { storageMeter, wake } = this.#parts;
    const storages = await storageMeter.measure(
      ({ spec }) => spec.storageBytes !== null || spec.tempStorageBytes !== null,
    );
    const over = runsOverStorage(storages);
    // A file that was deleted between two parts of the measuring, and written anew, is counted twice, but only once.
    const doubtful = storages.filter(({ runId, deletedBytes }) => over.has(runId) && deletedBytes > 0);
    if (doubtful.length > 0) {
      const ids = new Set(doubtful.map(({ runId }) => runId));
      const again = runsOverStorage(await storageMeter.measure(({ runId }) => ids.has(runId)));
      for (const runId of ids) if (!again.has(runId)) over.delete(runId);
    }
    this.#overStorage = over;
    if (over.size > 0) wake();
  }
}
