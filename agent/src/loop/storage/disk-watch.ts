/**
 * Guards the free room of the host's disks: where images and containers lie, the pool, and the agent's own state. Says
 * when one is nearly full, and which run is stopped for it (core/storage/disk-guard.ts). Looks often, since a disk fills
 * fast; who writes is only looked at where room is getting scarce.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { isSameRun, type OwnedContainer } from "../../core/container/container.ts";
import {
  diskState,
  largestWriter,
  measurePauseMs,
  SETTLE_MS,
  type DiskBounds,
  type DiskState,
  type Writer,
} from "../../core/storage/disk-guard.ts";
import { DISK_AREAS, type DiskArea } from "../../core/metrics/agent-samples.ts";
import { hasFewFiles, type FileRoom } from "../../core/storage/file-limit.ts";
import { DiskHistory, type DiskSample } from "../../core/storage/disk-history.ts";
import type { ContainerGroups } from "../../host/processes/container-groups.ts";
import { diskSight, type Disk } from "../../host/disk-room.ts";
import { WrittenCounter } from "../../host/processes/written-bytes.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Observation } from "../watch/observation.ts";
import type { RuntimeWatch } from "../watch/runtime-watch.ts";
import type { StorageMeter } from "./storage-meter.ts";

const CHECK_EVERY_MS = 4_000;
/** What has not ended by then may never end, and holds nobody else's stop up. */
const STOPPING_MS = 60_000;

export type DiskWatchParts = {
  bounds: DiskBounds;
  stateDir: string;
  poolFolder: string;
  /** Other hosts may write to the pool: then what is counted of a run here says nothing of what went there. */
  isPoolShared: boolean;
  journal: Journal;
  observation: Pick<Observation, "running">;
  runtimeWatch: Pick<RuntimeWatch, "info">;
  groups: Pick<ContainerGroups, "processesOf">;
  storageMeter: Pick<StorageMeter, "measure">;
  wake: () => void;
  log: Log;
};

export class DiskWatch {
  readonly #parts: DiskWatchParts;
  readonly #counter = new WrittenCounter<RunId>();
  /** Folders whose file system has not answered yet: a shared one can stand still. */
  readonly #requested = new Set<string>();
  readonly #sights = new Map<string, Disk & { files: FileRoom }>();
  readonly #history = new DiskHistory();
  #states: ReadonlyMap<number, DiskState> = new Map();
  readonly #filling = new Map<RunId, { why: HostReason; device: number; sinceMs: number }>();
  /** Until when each waits for the room that the last stop gives back. */
  readonly #settledMs = new Map<number, number>();
  /** The last one: when it began, how long it took. */
  #measuring: { sinceMs: number; tookMs: number } = { sinceMs: Number.NEGATIVE_INFINITY, tookMs: 0 };
  #isMeasuring = false;
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DiskWatchParts) {
    this.#parts = parts;
  }

  /** Runs that are to be stopped, each with the sentence that people read. */
  get filling(): ReadonlyMap<RunId, HostReason> {
    return new Map([...this.#filling].map(([runId, { why }]) => [runId, why]));
  }

  /** Of bytes, or of files: who has too many of these is found elsewhere (file-watch.ts). */
  get isNearlyFull(): boolean {
    return [...this.#states.values()].includes("nearly-full") || this.#isShortOfFiles;
  }

  get #isShortOfFiles(): boolean {
    const { freePart, freeBytes } = this.#parts.bounds;
    return freeBytes > 0 && [...this.#sights.values()].some(({ files }) => hasFewFiles(files, freePart));
  }

  get #isScarce(): boolean {
    return [...this.#states.values()].some((state) => state !== "roomy");
  }

  /** As last seen; without those that could not be seen. */
  get freeBytes(): ReadonlyMap<DiskArea, number> {
    const { poolFolder, stateDir } = this.#parts;
    const folders = { journal: stateDir, containers: this.#containersFolder, data: poolFolder } as const;
    const free = (area: DiskArea) => this.#sights.get(folders[area])?.freeBytes;
    return new Map(
      DISK_AREAS.flatMap((area): [DiskArea, number][] => {
        const bytes = free(area);
        return bytes === undefined ? [] : [[area, bytes]];
      }),
    );
  }

  get #containersFolder(): string {
    return this.#parts.runtimeWatch.info?.dataFolder ?? this.#parts.stateDir;
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    return this.isNearlyFull ? ["disk-low"] : [];
  }

  /** Never waits: what a file system answers is looked at with the next look. */
  checkWhenDue(nowMs: number): void {
    if (nowMs - this.#checkedMs < CHECK_EVERY_MS) return;
    this.#checkedMs = nowMs;
    this.#request();
    this.#check(nowMs);
  }

  #request(): void {
    const { stateDir, poolFolder } = this.#parts;
    for (const folder of new Set([this.#containersFolder, poolFolder, stateDir]))
      if (!this.#requested.has(folder)) void this.#requestAbout(folder);
  }

  async #requestAbout(folder: string): Promise<void> {
    this.#requested.add(folder);
    const disk = await diskSight(folder);
    if (disk === null) this.#sights.delete(folder);
    else this.#sights.set(folder, disk);
    this.#requested.delete(folder);
  }

  #check(nowMs: number): void {
    const disks = new Map([...this.#sights.values()].map((disk) => [disk.device, disk]));
    const isScarce = this.#isScarce;
    if (!isScarce) this.#counter.pause();
    const written = isScarce ? this.#counter.check(this.#processes()) : new Map<RunId, number>();
    const check = { atMs: nowMs, disks, written };
    this.#history.check(check);
    this.#states = new Map(
      [...disks.keys()].map((device) => [
        device,
        diskState(this.#history.sights(device), this.#parts.bounds),
      ]),
    );
    if (this.#isScarce) this.#measureWhenDue(nowMs);
    this.#decide(check);
  }

  #processes(): Map<RunId, readonly number[]> {
    const { observation, groups } = this.#parts;
    return new Map(
      observation.running.map(({ owner, containerId }) => [owner.runId, groups.processesOf(containerId)]),
    );
  }

  #decide(check: DiskSample): void {
    const { observation, log, wake } = this.#parts;
    const running = new Set(observation.running.map(({ owner }) => owner.runId));
    for (const [runId, { device }] of this.#filling) {
      if (running.has(runId)) continue;
      this.#filling.delete(runId);
      this.#settledMs.set(device, check.atMs + SETTLE_MS);
      this.#history.beginAnew(device, check.atMs + SETTLE_MS);
    }
    for (const [device, state] of this.#states) {
      const isSettling =
        check.atMs < (this.#settledMs.get(device) ?? 0) ||
        [...this.#filling.values()].some(
          (filling) => filling.device === device && check.atMs - filling.sinceMs < STOPPING_MS,
        );
      if (state !== "nearly-full" || isSettling) continue;
      const found = largestWriter(this.#writers(device), this.#history.goneBytes(device));
      if (found === null) continue;
      log.error({ runId: found.runId }, `a disk of this host is nearly full: ${textOf(found.why)}`);
      this.#filling.set(found.runId, { why: found.why, device, sinceMs: check.atMs });
      // What it took is accounted for; only what goes after this is anybody else's.
      this.#history.beginAnew(device, check.atMs);
      wake();
    }
  }

  /** Runs that can write there: each has its container's own file system, and some have folders of the pool. */
  #writers(device: number): Writer[] {
    const { poolFolder, isPoolShared, journal, observation, runtimeWatch } = this.#parts;
    const isOf = (folder: string | undefined) => this.#sights.get(folder ?? "")?.device === device;
    const hasLayers = isOf(runtimeWatch.info?.dataFolder);
    const hasPool = isOf(poolFolder);
    const running: OwnedContainer[] = observation.running;
    return journal.desired
      .read()
      .instances.filter((desired) => running.some(({ owner }) => isSameRun(owner, desired)))
      .flatMap(({ runId, spec }) => {
        const hasFolders = spec.folders.length > 0;
        if (!hasLayers && !(hasPool && hasFolders)) return [];
        const isOnlyDisk = hasLayers && (hasPool || !hasFolders) && !(hasPool && isPoolShared);
        return {
          runId,
          kind: spec.kind,
          grownBytes: this.#history.grownBytes(device, runId),
          writtenBytes: isOnlyDisk ? this.#history.writtenBytes(device, runId) : null,
          isStopping: this.#filling.has(runId),
        };
      });
  }

  #measureWhenDue(nowMs: number): void {
    const { sinceMs, tookMs } = this.#measuring;
    const lostBytes = Math.max(
      0,
      ...[...this.#states].map(([device, state]) =>
        state === "roomy" ? 0 : this.#history.goneBytes(device, sinceMs),
      ),
    );
    if (this.#isMeasuring || nowMs - sinceMs < measurePauseMs({ tookMs, lostBytes })) return;
    this.#isMeasuring = true;
    void this.#measure(nowMs).finally(() => (this.#isMeasuring = false));
  }

  async #measure(sinceMs: number): Promise<void> {
    const { storageMeter, log } = this.#parts;
    const begun = performance.now();
    this.#measuring = { ...this.#measuring, sinceMs };
    try {
      const storages = await storageMeter.measure(() => true);
      this.#history.measured({
        atMs: sinceMs,
        held: new Map(storages.map(({ runId, held }) => [runId, held])),
      });
    } catch (error) {
      log.warn({ error }, "what runs hold on the disk could not be measured; tried again");
    }
    this.#measuring = { sinceMs, tookMs: performance.now() - begun };
  }
}
