/**
 * Guards the free room of the host's disks: where images and containers lie, the pool, and the agent's own state. Says
 * when one is nearly full, and which run is to be stopped for it (core/disk-guard.ts). Looks often, since a disk fills
 * fast; who writes is only looked at where room is getting scarce.
 */
import type { RunId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { Log } from "@remotegpu/shared/log";
import { isSameRun, type OwnedContainer } from "../../core/container.ts";
import {
  diskState,
  largestWriter,
  SETTLE_MS,
  WINDOW_MS,
  type DiskBounds,
  type DiskState,
  type Writer,
} from "../../core/disk-guard.ts";
import type { ContainerGroups } from "../../host/container-groups.ts";
import { diskSight, type Disk } from "../../host/disk-room.ts";
import { WrittenCounter } from "../../host/written-bytes.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Observation } from "../observation.ts";
import type { RuntimeWatch } from "../watch/runtime-watch.ts";
import type { StorageMeter } from "./storage-meter.ts";

const LOOK_EVERY_MS = 4_000;
/** What has not ended by then may never end, and holds nobody else's stop up. */
const STOPPING_MS = 60_000;
/** While writers are watched. It walks all that they hold. */
const MEASURE_EVERY_MS = 20_000;

type Held = ReadonlyMap<RunId, ReadonlyMap<number, number>>;

type Look = {
  atMs: number;
  disks: readonly Disk[];
  written: ReadonlyMap<RunId, number>;
  held: Held;
};

export type DiskWatchParts = {
  bounds: DiskBounds;
  stateDir: string;
  poolFolder: string;
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
  readonly #asked = new Set<string>();
  readonly #sights = new Map<string, Disk>();
  #looks: Look[] = [];
  #states: ReadonlyMap<number, DiskState> = new Map();
  readonly #filling = new Map<RunId, { detail: string; device: number; sinceMs: number }>();
  /** Until when each waits for the room that the last stop gives back. */
  readonly #settledMs = new Map<number, number>();
  #held: Held = new Map();
  #measuredMs = Number.NEGATIVE_INFINITY;
  #isMeasuring = false;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DiskWatchParts) {
    this.#parts = parts;
  }

  /** Runs that are to be stopped, each with the sentence that people read. */
  get filling(): ReadonlyMap<RunId, string> {
    return new Map([...this.#filling].map(([runId, { detail }]) => [runId, detail]));
  }

  get isNearlyFull(): boolean {
    return [...this.#states.values()].includes("nearly-full");
  }

  /** As the heartbeat says it. */
  get degraded(): string[] {
    return this.isNearlyFull ? ["disk-low"] : [];
  }

  /** Never waits: what a file system answers is looked at with the next look. */
  lookWhenDue(nowMs: number): void {
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = nowMs;
    this.#ask();
    this.#look(nowMs);
  }

  #ask(): void {
    const { stateDir, poolFolder, runtimeWatch } = this.#parts;
    for (const folder of new Set([runtimeWatch.info?.dataFolder ?? stateDir, poolFolder, stateDir]))
      if (!this.#asked.has(folder)) void this.#askAbout(folder);
  }

  async #askAbout(folder: string): Promise<void> {
    this.#asked.add(folder);
    const disk = await diskSight(folder);
    if (disk === null) this.#sights.delete(folder);
    else this.#sights.set(folder, disk);
    this.#asked.delete(folder);
  }

  #look(nowMs: number): void {
    const disks = [...new Map([...this.#sights.values()].map((disk) => [disk.device, disk])).values()];
    const before = this.#looks.at(-1);
    this.#states = new Map(
      disks.map((disk) => {
        const earlier = before?.disks.find(({ device }) => device === disk.device) ?? null;
        return [disk.device, diskState(disk, earlier, this.#parts.bounds)];
      }),
    );
    const isScarce = [...this.#states.values()].some((state) => state !== "roomy");
    if (isScarce) this.#measureWhenDue(nowMs);
    else this.#counter.forget();
    const written = isScarce ? this.#counter.look(this.#processes()) : new Map<RunId, number>();
    const look = { atMs: nowMs, disks, written, held: isScarce ? this.#held : new Map() };
    this.#looks = [...this.#looks.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS), look];
    this.#decide(look);
  }

  #processes(): Map<RunId, readonly number[]> {
    const { observation, groups } = this.#parts;
    return new Map(
      observation.running.map(({ owner, containerId }) => [owner.runId, groups.processesOf(containerId)]),
    );
  }

  #decide(look: Look): void {
    const { observation, log, wake } = this.#parts;
    const running = new Set(observation.running.map(({ owner }) => owner.runId));
    for (const [runId, { device }] of this.#filling) {
      if (running.has(runId)) continue;
      this.#filling.delete(runId);
      this.#settledMs.set(device, look.atMs + SETTLE_MS);
    }
    for (const [device, state] of this.#states) {
      const isSettling =
        look.atMs < (this.#settledMs.get(device) ?? 0) ||
        [...this.#filling.values()].some(
          (filling) => filling.device === device && look.atMs - filling.sinceMs < STOPPING_MS,
        );
      if (state !== "nearly-full" || isSettling) continue;
      const found = largestWriter(this.#writers(device, look), this.#goneBytes(device, look));
      if (found === null) continue;
      log.error({ runId: found.runId }, `a disk of this host is nearly full: ${found.detail}`);
      this.#filling.set(found.runId, { detail: found.detail, device, sinceMs: look.atMs });
      wake();
    }
  }

  #goneBytes(device: number, look: Look): number {
    const freeAt = ({ disks }: Look) => disks.find((disk) => disk.device === device)?.freeBytes ?? null;
    const frees = this.#looks.map(freeAt).filter((bytes) => bytes !== null);
    return Math.max(0, Math.max(0, ...frees) - (freeAt(look) ?? 0));
  }

  #writers(device: number, look: Look): Writer[] {
    return this.#onDisk(device).map(({ runId, spec }) => {
      const heldAt = ({ held }: Look) => held.get(runId)?.get(device) ?? null;
      const heldBytes = heldAt(look);
      const firstHeld = this.#looks.map(heldAt).find((bytes) => bytes !== null) ?? null;
      const firstWritten = this.#looks.find(({ written }) => written.has(runId))?.written.get(runId) ?? 0;
      return {
        runId,
        kind: spec.kind,
        grownBytes: heldBytes === null || firstHeld === null ? null : heldBytes - firstHeld,
        writtenBytes: (look.written.get(runId) ?? 0) - firstWritten,
        heldBytes,
      };
    });
  }

  /** Runs that can write there: each has its container's own file system, and some have folders of the pool. */
  #onDisk(device: number): DesiredInstance[] {
    const { poolFolder, journal, runtimeWatch } = this.#parts;
    const isOf = (folder: string | undefined) => this.#sights.get(folder ?? "")?.device === device;
    const hasLayers = isOf(runtimeWatch.info?.dataFolder);
    const hasPool = isOf(poolFolder);
    const running: OwnedContainer[] = this.#parts.observation.running;
    return journal.desired
      .read()
      .instances.filter(
        (desired) =>
          (hasLayers || (hasPool && desired.spec.folders.length > 0)) &&
          !this.#filling.has(desired.runId) &&
          running.some(({ owner }) => isSameRun(owner, desired)),
      );
  }

  #measureWhenDue(nowMs: number): void {
    if (this.#isMeasuring || nowMs - this.#measuredMs < MEASURE_EVERY_MS) return;
    this.#measuredMs = nowMs;
    this.#isMeasuring = true;
    void this.#measure().finally(() => (this.#isMeasuring = false));
  }

  async #measure(): Promise<void> {
    const { storageMeter, log } = this.#parts;
    try {
      const storages = await storageMeter.measure(() => true);
      this.#held = new Map(storages.map(({ runId, held }) => [runId, held]));
    } catch (error) {
      log.warn({ error }, "what runs hold on the disk could not be measured; tried again");
    }
  }
}
